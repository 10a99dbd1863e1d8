# SPDX-License-Identifier: BSD-3-Clause
# The ddrescue filter.
import errno

import nbd
from harness import Server, TempDir, expect_error, main, pattern, refused

MAP = '''# Mapfile. Created by GNU ddrescue version 1.27
# Command line: ddrescue /dev/sdb disk disk.map
# current_pos  current_status  current_pass
0x00002000     ?               1
#      pos        size  status
0x00000000  0x00001000  +
0x00001000  0x00001000  -
0x00002000  0x00001000  *
0x00003000  4096  /
0x00004000  010000  ?
0x00005000  0x00001000  +
0x00006000  0x00001000  +
'''
SIZE = 0x8000


class Rescued(Server):
    """A disk that has data in its first and last block and holes between."""

    def __init__(self, text=MAP, args=(), size=SIZE):
        self.place = TempDir()
        d = self.place.__enter__()
        self.disk, self.map = d + '/disk', d + '/map'
        with open(self.disk, 'wb') as f:
            f.write(pattern(0x1000))
            f.seek(size - 0x1000)
            f.write(pattern(0x1000))
        with open(self.map, 'w') as f:
            f.write(text)
        super().__init__('--filter=ddrescue', *args, 'file', self.disk, 'ddrescue-mapfile=' + self.map)

    def __exit__(self, *args):
        try:
            super().__exit__(*args)
        finally:
            self.place.__exit__()


def extents(h, length, offset, flags=0):
    found = []
    h.block_status(length, offset, lambda c, o, e, err: found.extend(e), flags)
    return list(zip(found[::2], found[1::2]))


def test_what_can_be_read():
    with Rescued() as s:
        h = s.nbd()
        assert h.is_read_only() and h.get_size() == SIZE
        assert h.pread(0x1000, 0) == pattern(0x1000)
        for offset in 0x1000, 0x2000, 0x3000, 0x4000, 0x4e00, 0x7000, 0x7e00:
            expect_error(errno.EIO, h.pread, 512, offset)
        assert h.pread(0x2000, 0x5000) == bytes(0x2000)  # two blocks of the map


def test_reads_across_a_border():
    with Rescued() as s:
        h = s.nbd()
        expect_error(errno.EIO, h.pread, 2, 0xfff)
        assert 'offset 4096 ' in s.log()
        expect_error(errno.EIO, h.pread, 2, 0x4fff)
        assert 'offset 20479 ' in s.log()
        expect_error(errno.EIO, h.pread, SIZE, 0)
        h.pread(0x1000, 0)


def test_a_hole_that_was_not_rescued_is_no_zeroes():
    with Rescued() as s:
        h = s.nbd()
        assert extents(h, SIZE, 0) == [(0x5000, 0), (0x2000, 3), (0x1000, 0)]
        assert extents(h, 0x1000, 0x4800) == [(0x800, 0), (0x800, 3)]
        assert extents(h, 0x2000, 0x5800, nbd.CMD_FLAG_REQ_ONE)[0][1] == 3
    with Rescued(args=['--filter=noextents']) as s:
        h = s.nbd()
        assert extents(h, SIZE, 0) == [(SIZE, 0)]


def test_a_large_map():
    blocks = 20000
    text = '0 +\n' + ''.join('%d 512 %s\n' % (i * 512, '+-'[i % 2]) for i in range(blocks))
    with Rescued(text, size=blocks * 512) as s:
        h = s.nbd()
        for i in 0, 2, 10000, blocks - 2:
            h.pread(512, i * 512)
        for i in 1, 3, 10001, blocks - 1:
            expect_error(errno.EIO, h.pread, 512, i * 512)


def test_no_mapfile():
    def why(text):
        with TempDir() as d:
            with open(d + '/map', 'w') as f:
                f.write(text)
            return refused('--filter=ddrescue', 'memory', '1M', 'ddrescue-mapfile=' + d + '/map')

    assert 'nothing is in it' in why('# only comments\n\n')
    assert 'line 1 ' in why('garbage\n')
    state = '0x0 ? 1\n'
    assert 'line 2 ' in why(state + '0 16\n')
    assert 'line 2 ' in why(state + '0 16 x\n')
    assert 'line 2 ' in why(state + '0 16 ++\n')
    assert 'line 2 ' in why(state + '-1 16 +\n')
    assert 'line 2 ' in why(state + '0 0xffffffffffffffff +\n')
    assert 'line 2 ' in why(state + '0x7fffffffffffffff 1 +\n')
    assert 'line 3 ' in why(state + '0 100 -\n50 100 +\n')
    assert 'nowhere' in refused('--filter=ddrescue', 'memory', '1M', 'ddrescue-mapfile=/nowhere')
    assert 'ddrescue-mapfile' in refused('--filter=ddrescue', 'memory', '1M')


main(globals())
