# SPDX-License-Identifier: BSD-3-Clause
# The openonce filter.
import errno
import threading

import nbd
from harness import RECORDER, Server, TempDir, expect_error, main, pattern, wait_for
from opener import Opener


class Once(Opener):
    def __init__(self, *params):
        super().__init__(*params, before=['--filter=openonce'])


def test_opened_once_and_closed_at_the_end():
    with Once() as s:
        h = s.nbd('one')
        h.pread(1, 0)
        h.shutdown()
        for _ in range(3):
            s.nbd('one').pread(1, 0)
        assert s.calls() == ['open one']
        s.nbd('two').shutdown()
        s.nbd('one').shutdown()
        assert s.calls() == ['open one', 'open two']
        s.stop()
        assert sorted(s.calls()) == ['close one', 'close two', 'open one', 'open two']


def test_at_the_same_time():
    with Once() as s:
        threads = [threading.Thread(target=lambda: s.nbd('x').pread(1, 0)) for _ in range(10)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert s.calls() == ['open x']


def test_what_cannot_be_opened_is_tried_again():
    with Once() as s:
        found = []
        for _ in range(2):
            try:
                s.nbd('eio')
                raise AssertionError('it was opened')
            except nbd.Error:
                found.append(len(s.calls()))
        assert found[1] == 2 * found[0] > 0
        assert set(s.calls()) == {'open eio'}


def test_many_names():
    with Once() as s:
        first = s.nbd('first')
        for i in range(100):
            s.nbd('n%d' % i).shutdown()
        wait_for('those unused to be closed', lambda: len([c for c in s.calls() if c.startswith('close')]) >= 30)
        assert 'close first' not in s.calls()
        first.pread(1, 0)
        s.nbd('first').pread(1, 0)
        assert s.calls().count('open first') == 1


def test_more_in_use_than_are_kept():
    with Once() as s:
        handles = [s.nbd('n%d' % i) for i in range(70)]
        for h in handles:
            h.pread(1, 0)
        for h in handles:
            h.shutdown()
        wait_for('those of one client', lambda: 'close n69' in s.calls())
        assert 'close n0' not in s.calls()


def test_all_operations():
    for plugin in ('memory', '1M'), (RECORDER, 'without=zero', 'without=fua', 'without=extents'):
        with TempDir() as d, Server('--filter=openonce', '--filter=log', *plugin, 'logfile=' + d + '/log') as s:
            with Server(*plugin) as reference:
                a, b = s.nbd(), reference.nbd()
                for name in 'can_zero', 'can_fua', 'can_trim', 'can_cache', 'can_multi_conn', 'can_fast_zero', 'get_size':
                    assert getattr(a, name)() == getattr(b, name)(), name
                data = pattern(4096)
                for h in a, b:
                    h.pwrite(data, 512)
                    h.pwrite(data, 8192, nbd.CMD_FLAG_FUA)
                    h.zero(1000, 600)
                    h.trim(4096, 65536)
                    h.flush()
                    h.cache(4096, 0)
                a.shutdown()
                a = s.nbd()
                found = {}
                for h in a, b:
                    found[h] = [h.pread(1 << 20, 0)]
                    h.block_status(1 << 20, 0, lambda c, o, e, err, h=h: found[h].append(e[:]))
                assert found[a] == found[b]
            log = open(d + '/log').read()
            assert log.count(' Connect ') == 1 and ' Write ' in log and ' Read ' in log


def test_errors_pass():
    with Server('--filter=openonce', '--filter=error', 'memory', '1M', 'error-pwrite-rate=1') as s:
        for _ in range(2):
            h = s.nbd()
            expect_error(errno.EIO, h.pwrite, b'x', 0)
            h.pread(1, 0)


def test_serialized_requests():
    for model in 'all', 'connections', 'requests':
        with Once('threads=' + model) as s:
            for _ in range(3):
                h = s.nbd('x')
                buffers = [nbd.Buffer(1) for _ in range(50)]
                for cookie in [h.aio_pread(b, 0) for b in buffers]:
                    while not h.aio_command_completed(cookie):
                        h.poll(-1)
                h.shutdown()
            assert s.calls() == ['open x']


def test_with_retry_and_cow_below():
    with Server('--filter=openonce', '--filter=retry', '--filter=cow', 'memory', '1M') as s:
        s.nbd().pwrite(b'x' * 512, 0)
        assert s.nbd().pread(512, 0) == b'x' * 512


main(globals())
