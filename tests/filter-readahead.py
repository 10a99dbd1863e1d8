# SPDX-License-Identifier: BSD-3-Clause
# The readahead filter.
import re

from harness import Server, TempDir, main, wait_for

SIZE = 64 << 20


def announced(d):
    return [(int(o, 16), int(n, 16)) for o, n in re.findall(
        r' Cache id=\d+ offset=(0x[0-9a-f]+) count=(0x[0-9a-f]+)', open(d + '/log').read())]


def server(d, *filters):
    return Server('--filter=readahead', *filters, '--filter=log', 'memory', str(SIZE),
                  'logfile=' + d + '/log')


def test_reading_in_a_row():
    with TempDir() as d, server(d) as s:
        h = s.nbd()
        for i in range(0, 8 << 20, 65536):
            assert h.pread(65536, i) == bytes(65536)
        found = wait_for('cache calls', lambda: announced(d))
        end = 0
        for offset, length in found:
            assert offset >= end and offset + length <= SIZE
            assert length <= 4 << 20
            end = offset + length
        assert end > 65536


def test_reading_to_the_end():
    with TempDir() as d, server(d) as s:
        h = s.nbd()
        for i in range(0, SIZE, 4 << 20):
            h.pread(4 << 20, i)
        wait_for('cache calls', lambda: announced(d))
        assert all(o + n <= SIZE for o, n in announced(d))


def test_reading_here_and_there():
    with TempDir() as d:
        with server(d) as s:
            h = s.nbd()
            for i in range(50):
                h.pread(512, (i * 7919 % 1000) * 4096)
        assert announced(d) == []


def test_with_the_cache_filter():
    with TempDir() as d, server(d, '--filter=cache') as s:
        h = s.nbd()
        for i in range(0, 4 << 20, 65536):
            h.pread(65536, i)
        wait_for('reads', lambda: ' Read ' in open(d + '/log').read())


def test_nothing_to_do():
    for filters in ['--filter=nocache'], ['--filter=noparallel']:
        with TempDir() as d:
            with Server('-v', '--filter=readahead', *filters, '--filter=log', 'memory', '1M',
                        'logfile=' + d + '/log') as s:
                h = s.nbd()
                for i in range(0, 1 << 20, 65536):
                    h.pread(65536, i)
                assert 'no reading ahead' in s.log()
            assert announced(d) == []


main(globals())
