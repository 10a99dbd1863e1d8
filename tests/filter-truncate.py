# SPDX-License-Identifier: BSD-3-Clause
# The truncate filter.
import errno

from blockmodel import extents
from harness import RECORDER, Server, TempDir, expect_error, main, pattern, refused
from rawnbd import *

SIZE = 100000


class Disk(TempDir):
    def __enter__(self):
        path = super().__enter__() + '/disk'
        self.data = pattern(SIZE)
        with open(path, 'wb') as f:
            f.write(self.data)
        self.path = path
        return self


def size(path, *args):
    with Server('--filter=truncate', 'file', path, *args) as s:
        return s.nbd().get_size()


def test_sizes():
    with Disk() as d:
        assert size(d.path) == SIZE
        assert size(d.path, 'truncate=0') == 0
        assert size(d.path, 'truncate=5000') == 5000
        assert size(d.path, 'truncate=1M') == 1 << 20
        assert size(d.path, 'round-up=512') == 100352
        assert size(d.path, 'round-down=512') == 99840
        assert size(d.path, 'round-up=1000', 'truncate=10001') == 11000
        assert size(d.path, 'round-up=' + str(SIZE)) == SIZE


def test_smaller():
    with Disk() as d, Server('--filter=truncate', 'file', d.path, 'truncate=5000') as s:
        h = s.nbd()
        assert h.pread(5000, 0) == d.data[:5000]
        assert extents(h) == [(5000, 0)]
        h.set_strict_mode(0)
        expect_error(errno.EINVAL, h.pread, 1, 5000)


def test_larger():
    with Disk() as d:
        with Server('--filter=truncate', 'file', d.path, 'truncate=200k') as s:
            h = s.nbd()
            assert h.pread(200 << 10, 0) == d.data + bytes((200 << 10) - SIZE)
            assert h.pread(10, 150000) == bytes(10)
            h.pwrite(b'xy' + bytes(1000), SIZE - 2)
            h.pwrite(bytes(1000), 150000)
            expect_error(errno.ENOSPC, h.pwrite, b'xyz', SIZE - 2)
            h.zero(1000, SIZE - 500)
            h.zero(1000, SIZE + 500)
            h.trim(1000, 150000)
            h.trim(1000, SIZE - 10)
            h.cache(1000, SIZE - 10)
            assert extents(h)[0][1] == 0 and extents(h)[-1][1] == 3
            assert sum(n for n, _ in extents(h)) == 200 << 10
            assert extents(h, 1000, 150000) == [(1000, 3)]
        now = open(d.path, 'rb').read()
        assert len(now) == SIZE
        assert now == d.data[:-500] + bytes(500)


def test_other_contexts_have_a_tail_too():
    with Server('--filter=truncate', RECORDER, 'size=1M', 'contexts=1', 'truncate=2M') as s, Raw(s) as raw:
        ids = raw.structured().set_context('base:allocation', 'x-other:three')
        raw.go()
        for offset, tail in ((1 << 20) - 512, 2), (1 << 20, 1), ((2 << 20) - 512, 1):
            reply = raw.do(STATUS, offset, 512 * tail)
            assert reply.error == 0
            assert reply.extents[ids['base:allocation']][-1][1] == 3
            assert reply.extents[ids['x-other:three']][-1] == ((2 << 20) - max(offset, 1 << 20), 0)


def test_nonsense():
    refused('--filter=truncate', 'memory', '1M', 'round-up=512', 'round-down=512')
    assert 'truncate' in refused('--filter=truncate', 'memory', '1M', 'truncate=much')


main(globals())
