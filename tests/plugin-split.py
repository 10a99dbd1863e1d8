# SPDX-License-Identifier: BSD-3-Clause
# The split plugin: content, writes and holes across the borders of files.
import errno
import os

import nbd

from blockmodel import operate, operate_at_once
from harness import *
from nbdkitlib import extents

KIB = 1024
SIZES = [5000, 0, 64 * KIB, 1, 130000, 1 << 20]


def make_files(d, sizes=SIZES, content=True):
    paths = []
    for i, size in enumerate(sizes):
        paths.append(os.path.join(d, 'part%02d' % i))
        with open(paths[-1], 'wb') as f:
            f.write(pattern(size, i)) if content else f.truncate(size)
    return paths


def content(paths):
    return b''.join(open(p, 'rb').read() for p in paths)


def test_content():
    with TempDir() as d:
        paths = make_files(d)
        expected = content(paths)
        with Server('split', *paths) as s:
            h = s.nbd()
            assert h.get_size() == len(expected)
            assert h.pread(len(expected), 0) == expected
            for off, n in (4999, 2), (5000 + 64 * KIB - 1, 3), (5000 + 64 * KIB, 1), (4000, 200000), (len(expected) - 1, 1):
                assert h.pread(n, off) == expected[off:off + n]


def test_names():
    with TempDir() as d:
        paths = make_files(d, [512, 512])
        os.chdir(d)
        try:
            with Server('split', 'part00', 'file=part01') as s:
                assert s.nbd().pread(1024, 0) == content(paths)
            # The same file may stand more than once.
            with Server('split', 'part01', 'part01', 'part00') as s:
                assert s.nbd().pread(1536, 0) == content([paths[1], paths[1], paths[0]])
        finally:
            os.chdir('/')


def test_writing():
    with TempDir() as d:
        paths = make_files(d)
        expected = bytearray(content(paths))
        with Server('split', *paths) as s:
            h, other = s.nbd(), s.nbd()
            assert h.can_multi_conn() and h.can_fua() and h.can_flush() and h.can_trim() and h.can_zero()
            for off, n in (4990, 20), (0, 5000), (5000 + 64 * KIB - 1, 5), (3000, 250000):
                data = pattern(n, off)
                h.pwrite(data, off, nbd.CMD_FLAG_FUA if n < 100 else 0)
                expected[off:off + n] = data
                assert other.pread(n + 2, max(off - 1, 0)) == expected[max(off - 1, 0):max(off - 1, 0) + n + 2]
            h.zero(70000, 4500)
            h.trim(10000, 100000)
            h.zero(3000, 200000, nbd.CMD_FLAG_NO_HOLE)
            for off, n in (4500, 70000), (100000, 10000), (200000, 3000):
                expected[off:off + n] = bytes(n)
            h.flush()
            h.cache(len(expected), 0)
            assert h.pread(len(expected), 0) == expected
        assert content(paths) == expected
        assert [os.path.getsize(p) for p in paths] == SIZES


def test_random_operations():
    with TempDir() as d:
        paths = make_files(d)
        model = bytearray(content(paths))
        with Server('split', *paths) as s:
            operate(s.nbd(), model, 1, 200, fua=nbd.CMD_FLAG_FUA)
            operate_at_once(s, model, 4, 100)
        assert content(paths) == model


def test_extents():
    with TempDir() as d:
        paths = make_files(d, [256 * KIB] * 4, content=False)
        with open(paths[0], 'r+b') as f:
            f.seek(192 * KIB)
            f.write(b'x' * 64 * KIB)
        with open(paths[2], 'r+b') as f:
            f.seek(64 * KIB)
            f.write(b'x' * 64 * KIB)
        with Server('split', *paths) as s:
            h = s.nbd()
            expected = [[192 * KIB, 3], [64 * KIB, 0], [320 * KIB, 3], [64 * KIB, 0], [384 * KIB, 3]]
            found = extents(h)
            if found == [[1024 * KIB, 0]]:
                raise Skip('the file system does not tell its holes')
            assert found == expected, found
            assert extents(h, 100 * KIB, 500 * KIB) == [[76 * KIB, 3], [24 * KIB, 0]]
            first = []
            h.block_status(1024 * KIB, 0, lambda c, o, e, err: first.extend(e), nbd.CMD_FLAG_REQ_ONE)
            assert first == [192 * KIB, 3], first
            h.zero(256 * KIB, 128 * KIB)
            assert extents(h) == [[576 * KIB, 3], [64 * KIB, 0], [384 * KIB, 3]]
            # A file that grows does not push the next one away.
            os.truncate(paths[1], 1 << 20)
            assert extents(h) == [[576 * KIB, 3], [64 * KIB, 0], [384 * KIB, 3]]


def test_many_files():
    with TempDir() as d:
        paths = make_files(d, [1000 + i for i in range(200)])
        expected = content(paths)
        with Server('split', *paths) as s:
            assert s.nbd().pread(len(expected), 0) == expected


def test_read_only():
    with TempDir() as d:
        paths = make_files(d, [512, 512])
        with Server('-r', 'split', *paths) as s:
            assert s.nbd().is_read_only()


def test_sizes_that_change():
    with TempDir() as d:
        paths = make_files(d, [100000, 100000])
        expected = content(paths)
        with Server('split', *paths) as s:
            h = s.nbd()
            with open(paths[0], 'ab') as f:
                f.write(b'more')
            assert s.nbd().get_size() == 200000 and s.nbd().pread(200000, 0) == expected
            os.truncate(paths[0], 1000)
            expect_error(errno.EIO, h.pread, 2000, 0)
            assert h.pread(1000, 0) == expected[:1000] and h.pread(1000, 100000) == expected[100000:101000]
            try:
                s.nbd()
                raise AssertionError('a disk with a hole in it was opened')
            except nbd.Error:
                assert 'has become shorter' in s.log()


def test_large_reads_are_lent():
    data = pattern(3 << 20)
    with TempDir() as d:
        path = os.path.join(d, 'large')
        with open(path, 'wb') as f:
            f.write(data)
        with Server('split', path, path) as s:
            h = s.nbd()
            assert h.pread(2 << 20, 1 << 20) == data[1 << 20:]
            assert h.pread(2 << 20, 2 << 20) == (data + data)[2 << 20:4 << 20]


def test_refused():
    with TempDir() as d:
        path = make_files(d, [512])[0]
        for args, text in (([], 'file'), ([d + '/none'], 'No such file'), ([path, d], 'neither a file'),
                           (['/dev/null'], 'neither a file'), ([path, 'fil=x'], "did you mean 'file'?")):
            line = refused('-U', d + '/s', 'split', *args)
            assert text in line, line


def test_empty():
    with TempDir() as d:
        with Server('split', *make_files(d, [0, 0])) as s:
            assert s.nbd().get_size() == 0


main(globals())
