# SPDX-License-Identifier: BSD-3-Clause
# The cacheextents filter.
from blockmodel import extents
from harness import Server, TempDir, main, run

BLOCK = 65536


def asked(d):
    return open(d + '/log').read().count(' Extents id=')


def test_one_extent_at_a_time():
    import nbd
    with TempDir() as d, Server('--filter=cacheextents', '--filter=log', 'memory', '4M',
                                'logfile=' + d + '/log') as s:
        h = s.nbd()
        for i in range(0, 64, 2):
            h.pwrite(b'x' * BLOCK, i * BLOCK)
        found = []
        offset = 0
        while offset < 4 << 20:
            def got(context, off, entries, err):
                found.append((entries[0], entries[1]))
            h.block_status((4 << 20) - offset, offset, got, nbd.CMD_FLAG_REQ_ONE)
            offset += found[-1][0]
        assert found == [(BLOCK, 0), (BLOCK, 3)] * 32
        assert asked(d) == 1


def test_changes_are_seen():
    with TempDir() as d, Server('--filter=cacheextents', '--filter=log', 'memory', '1M',
                                'logfile=' + d + '/log') as s:
        h, other = s.nbd(), s.nbd()
        assert extents(h) == [(1 << 20, 3)]
        other.pwrite(b'x' * BLOCK, 0)
        assert extents(h) == [(BLOCK, 0), ((1 << 20) - BLOCK, 3)]
        other.trim(BLOCK, 0)
        assert extents(h) == [(1 << 20, 3)]
        h.pwrite(b'x' * BLOCK, 0)
        other.zero(BLOCK, 0)
        assert extents(h) == [(1 << 20, 3)]
        before = asked(d)
        assert extents(h, BLOCK, BLOCK) == [(BLOCK, 3)]
        assert asked(d) == before


def test_another_part():
    with TempDir() as d, Server('--filter=cacheextents', '--filter=log', 'memory', '1M',
                                'logfile=' + d + '/log') as s:
        h = s.nbd()
        h.pwrite(b'x' * BLOCK, BLOCK * 8)
        assert extents(h, BLOCK, BLOCK * 8) == [(BLOCK, 0)]
        assert extents(h, BLOCK, 0) == [(BLOCK, 3)]
        assert extents(h, BLOCK, BLOCK * 9) == [(BLOCK, 3)]
        assert asked(d) == 3


def test_qemu_img_map():
    with Server('--filter=cacheextents', 'memory', '1M') as s:
        s.nbd().pwrite(b'x' * BLOCK, BLOCK)
        out = run(['qemu-img', 'map', '-f', 'raw', '--output=json', s.uri]).stdout
        assert '"start": 65536, "length": 65536' in out, out


main(globals())
