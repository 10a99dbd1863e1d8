# SPDX-License-Identifier: BSD-3-Clause
# The scan filter.
import re

from harness import Server, TempDir, main, pattern, refused, wait_for

MiB = 1 << 20
SIZE = 64 * MiB


def announced(d):
    return [(int(o, 16), int(n, 16)) for o, n in re.findall(
        r' Cache id=\d+ offset=(0x[0-9a-f]+) count=(0x[0-9a-f]+)', open(d + '/log').read())]


def server(d, *params, filters=(), size=SIZE):
    return Server('-v', '--filter=scan', *filters, '--filter=log', 'memory', str(size), 'logfile=' + d + '/log',
                  *params)


def whole(size, step=2 * MiB):
    return [(o, min(step, size - o)) for o in range(0, size, step)]


def finish(d, n):
    return wait_for('cache calls', lambda: len(announced(d)) >= n and announced(d))


def test_the_whole_disk_once():
    for params, step in [([], 2 * MiB), (['scan-size=32M'], 32 * MiB)]:
        size = SIZE - 1000
        with TempDir() as d:
            with server(d, *params, size=size) as s:
                h = s.nbd()
                assert finish(d, len(whole(size, step))) == whole(size, step)
                s.nbd().shutdown()
                h.shutdown()
                s.nbd().pread(512, 0)
            assert announced(d) == whole(size, step)


def test_for_ever():
    with TempDir() as d, server(d, 'scan-forever=true', 'scan-ahead=false', size=4 * MiB) as s:
        h = s.nbd()
        assert finish(d, 7)[:7] == (whole(4 * MiB) * 4)[:7]
        h.pread(512, 0)


def test_ahead_of_reads():
    for ahead in True, False:
        with TempDir() as d, server(d, 'delay-cache=20ms', 'scan-ahead=%d' % ahead,
                                    filters=['--filter=delay']) as s:
            h = s.nbd()
            h.pread(4096, 40 * MiB)
            end = 40 * MiB + 4096
            found = wait_for('the end', lambda: announced(d)[-1:] == whole(SIZE)[-1:] and announced(d))
            if not ahead:
                assert found == whole(SIZE)
                continue
            before = [x for x in found if x[0] < end]
            after = [x for x in found if x[0] >= end]
            assert len(before) < 20
            assert after[0] == (end, 2 * MiB - 4096) and after[1:] == whole(SIZE)[21:]


def clock(*params):
    with TempDir() as d:
        with server(d, 'delay-cache=5ms', *params, filters=['--filter=delay']) as s:
            h = s.nbd()
            finish(d, 4)
            h.shutdown()
            wait_for('the client to be gone', lambda: 'scan.1: debug: close' in s.log())
            done = len(announced(d))
            assert done < len(whole(SIZE))
            h = s.nbd()
            found = finish(d, done + 2)
            h.shutdown()
            return found[done:done + 2], done


def test_the_clock():
    found, done = clock()
    assert found == whole(SIZE)[done:done + 2]
    found, done = clock('scan-clock=false')
    assert found == whole(SIZE)[:2]


def test_another_client_goes_on():
    with TempDir() as d, server(d, 'delay-cache=5ms', filters=['--filter=delay']) as s:
        one, two = s.nbd(), s.nbd()
        finish(d, 2)
        one.shutdown()
        assert finish(d, len(whole(SIZE))) == whole(SIZE)
        two.shutdown()


def test_the_client_leaves_at_once():
    with TempDir() as d, server(d, 'scan-forever=true') as s:
        for _ in range(20):
            s.nbd().shutdown()


def test_with_the_cache_filter():
    with TempDir() as d:
        with open(d + '/disk', 'wb') as f:
            f.write(pattern(8 * MiB))
        with Server('--filter=scan', '--filter=cache', '--filter=log', 'file', d + '/disk', 'logfile=' + d + '/log') as s:
            h = s.nbd()
            read = r' Read id=\d+ offset=(0x[0-9a-f]+) count=(0x[0-9a-f]+)'

            def all_was_read():
                return sum(int(n, 16) for _, n in re.findall(read, open(d + '/log').read())) == 8 * MiB

            wait_for('the disk to be read', all_was_read)
            assert h.pread(8 * MiB, 0) == pattern(8 * MiB)
            assert all_was_read()


def test_nothing_to_do():
    for filters, why in (['--filter=nocache'], 'takes cache calls'), (['--filter=noparallel'], 'not parallel'):
        with TempDir() as d:
            with server(d, filters=filters) as s:
                s.nbd().pread(512, 0)
                assert re.search('no scanning: .*' + why, s.log()), s.log()
            assert announced(d) == []
    with TempDir() as d:
        with server(d) as s:
            s.nbd('other').pread(512, 0)
            assert 'no scanning: only the default export' in s.log()
        assert announced(d) == []


def test_calls_that_fail():
    with TempDir() as d, server(d, 'error-cache-rate=1', 'scan-forever=true', 'scan-ahead=false',
                                filters=['--filter=error']) as s:
        h = s.nbd()
        wait_for('the last one', lambda: s.log().count('injecting') == len(whole(SIZE)))
        h.pread(512, 0)
        h.shutdown()
        s.stop()
        assert s.log().count('injecting') == len(whole(SIZE))


def test_an_empty_disk():
    with TempDir() as d, server(d, 'scan-forever=true', size=0) as s:
        assert s.nbd().get_size() == 0


def test_wrong_sizes():
    for size in '3M', '256', '64M', '0':
        assert 'scan-size' in refused('--filter=scan', 'memory', '1M', 'scan-size=' + size)


main(globals())
