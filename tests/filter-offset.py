# SPDX-License-Identifier: BSD-3-Clause
# The offset filter.
from blockmodel import extents
from harness import Server, TempDir, main, pattern, run

SIZE = 1 << 20


def test_range_of_a_file():
    data = pattern(SIZE)
    with TempDir() as d:
        with open(d + '/disk', 'wb') as f:
            f.write(data)
        with Server('--filter=offset', 'file', d + '/disk', 'offset=1000', 'range=5000') as s:
            h = s.nbd()
            assert h.get_size() == 5000
            assert h.pread(5000, 0) == data[1000:6000]
            h.pwrite(b'x' * 100, 4900)
            h.zero(10, 0)
            h.flush()
        changed = data[:1000] + bytes(10) + data[1010:5900] + b'x' * 100 + data[6000:]
        assert open(d + '/disk', 'rb').read() == changed


def test_to_the_end():
    with Server('--filter=offset', 'memory', '1M', 'offset=4k') as s:
        h = s.nbd()
        assert h.get_size() == SIZE - 4096
        h.pwrite(b'end', SIZE - 4096 - 3)
        assert h.pread(3, SIZE - 4096 - 3) == b'end'


def test_from_the_start():
    with Server('--filter=offset', 'memory', '1M', 'range=512k') as s:
        assert s.nbd().get_size() == 512 << 10


def test_extents_are_moved_and_cut():
    with Server('--filter=offset', '--filter=offset', 'memory', '1M', 'offset=64k',
                'range=128k') as s:
        h = s.nbd()
        assert extents(h) == [(128 << 10, 3)]
        h.pwrite(b'x' * 65536, 32768)
        assert extents(h) == [(32768, 3), (65536, 0), (32768, 3)]
        assert extents(h, 65536, 65536) == [(32768, 0), (32768, 3)]


def test_cache_and_trim_reach_their_place():
    with TempDir() as d, Server('--filter=offset', '--filter=log', 'memory', '1M',
                                'offset=4k', 'logfile=' + d + '/log') as s:
        h = s.nbd()
        h.cache(512, 0)
        h.trim(512, 512)
        log = open(d + '/log').read()
        assert 'Cache id=1 offset=0x1000 count=0x200' in log
        assert 'Trim id=2 offset=0x1200 count=0x200' in log


def test_beyond_the_end_is_refused():
    for args in ['offset=2M'], ['range=2M'], ['offset=1M', 'range=1']:
        with Server('--filter=offset', 'memory', '1M', *args) as s:
            r = run(['nbdinfo', s.uri], check=False)
            assert r.returncode != 0
            assert 'beyond the size' in s.log()


main(globals())
