# SPDX-License-Identifier: BSD-3-Clause
# The file plugin with one file: parameters, reading, writing, holes, bad media.
import ctypes
import errno
import gc
import mmap
import os
import threading

import nbd

from harness import *
from rawnbd import ZERO, Raw

MIB = 1 << 20


def disk(d, size=4 * MIB, name='disk'):
    path = os.path.join(d, name)
    with open(path, 'wb') as f:
        f.truncate(size)
    return path


def extents(h, length, offset=0):
    found = []
    h.block_status(length, offset, lambda ctx, off, e, err: found.extend(zip(e[::2], e[1::2])))
    return found


def test_magic_parameter():
    with TempDir() as d:
        path = disk(d)
        for args in ([path], ['file', path], ['file', 'file=' + path]):
            with Server(*args) as s:
                assert s.nbd().get_size() == 4 * MIB


def test_relative_name():
    with TempDir() as d:
        disk(d)
        os.chdir(d)
        try:
            with Server('file', 'disk') as s:
                assert s.nbd().get_size() == 4 * MIB
        finally:
            os.chdir('/')


def test_bad_parameters():
    with TempDir() as d:
        path = disk(d)
        os.mkfifo(d + '/pipe')
        for args, text in (
                ([], 'file='),
                (['file=' + path, 'dir=' + d], 'exclude'),
                (['file=' + path, 'fd=9'], 'exclude'),
                ([d + '/none'], 'No such file'),
                ([d], 'directory'),
                ([d + '/pipe'], 'neither a file nor a block device'),
                (['dir=' + path], 'Not a directory'),
                (['dir=' + d + '/none'], 'No such file'),
                (['fd=1'], 'fd=1'),
                (['fd=99'], 'fd=99'),
                (['dirfd=99'], 'dirfd=99'),
                ([path, 'cache=some'], 'cache'),
                ([path, 'fadvise=perhaps'], 'fadvise'),
                ([path, 'fil=x'], 'fil')):
            line = refused('-U', d + '/s', 'file', *args)
            assert text in line, line
            assert not os.path.exists(d + '/s')


def test_read_and_write():
    data = pattern(3 * MIB)
    with TempDir() as d:
        path = disk(d)
        with Server('file', path) as s:
            h = s.nbd()
            h.pwrite(data, 12345)
            h.pwrite(b'fua', 100, nbd.CMD_FLAG_FUA)
            h.flush()
            assert h.pread(len(data), 12345) == data
            assert h.pread(3, 100) == b'fua'
        assert open(path, 'rb').read()[12345:12345 + len(data)] == data


def test_advice_and_cache_change_no_data():
    data = pattern(MIB)
    for options in (['fadvise=random'], ['fadvise=sequential'], ['cache=default'],
                    ['cache=none'], ['cache=none', 'fadvise=sequential']):
        with TempDir() as d, Server('file', disk(d, 40 * MIB), *options) as s:
            h = s.nbd()
            for i in range(40):
                h.pwrite(data, i * MIB)
            for i in range(40):
                h.pwrite(b'%04d' % i, (i * 7 % 40) * MIB + 5000)
            h.flush()
            h.cache(MIB, 0)
            for i in range(40):
                expected = bytearray(data)
                expected[5000:5004] = b'%04d' % (i * 23 % 40)
                assert h.pread(MIB, i * MIB) == expected, (options, i)


def test_file_made_shorter():
    with TempDir() as d:
        path = disk(d)
        with Server('file', path) as s:
            h = s.nbd()
            assert h.pread(MIB, 3 * MIB) == bytes(MIB)
            os.truncate(path, MIB + 100)
            expect_error(errno.EIO, h.pread, MIB, 3 * MIB)
            expect_error(errno.EIO, h.pread, 200, MIB)
            assert h.pread(100, MIB) == bytes(100)
            assert 'made shorter' in s.log()


def test_file_grows_and_goes():
    with TempDir() as d:
        path = disk(d)
        with Server('file', path) as s:
            old = s.nbd()
            os.truncate(path, 8 * MIB)
            assert s.nbd().get_size() == 8 * MIB
            assert old.get_size() == 4 * MIB
            os.unlink(path)
            old.pwrite(b'still there', 0)
            try:
                s.nbd()
                raise AssertionError('a file that is gone was opened')
            except nbd.Error:
                pass
            assert 'No such file' in s.log()


def test_readonly():
    with TempDir() as d:
        path = disk(d)
        with Server('-r', 'file', path) as s:
            h = s.nbd()
            assert h.is_read_only()
            assert h.pread(512, 0) == bytes(512)
            h.set_strict_mode(0)
            expect_error(errno.EPERM, h.pwrite, b'x', 0)
            expect_error(errno.EPERM, h.trim, 512, 0)
            expect_error(errno.EPERM, h.zero, 512, 0)
        assert open(path, 'rb').read() == bytes(4 * MIB)


def test_inherited_descriptor():
    with TempDir() as d:
        path = disk(d)
        fd = os.open(path, os.O_RDWR)
        os.set_inheritable(fd, True)
        ro = os.open(path, os.O_RDONLY)
        wo = os.open(path, os.O_WRONLY)
        ap = os.open(path, os.O_RDWR | os.O_APPEND)
        for other in (ro, wo, ap):
            os.set_inheritable(other, True)
        try:
            with Server('file', 'fd=%d' % fd, pass_fds=(fd,)) as s:
                h, other = s.nbd(), s.nbd()
                h.pwrite(b'inherited', 5)
                assert other.pread(9, 5) == b'inherited'
                del h
                assert other.pread(9, 5) == b'inherited'
            with Server('file', 'fd=%d' % ro, pass_fds=(ro,)) as s:
                assert s.nbd().is_read_only()
                assert s.nbd().pread(9, 5) == b'inherited'
            for bad in (wo, ap):
                assert 'reading' in refused('-U', d + '/s', 'file', 'fd=%d' % bad, pass_fds=(bad,))
        finally:
            for other in (fd, ro, wo, ap):
                os.close(other)


def test_holes():
    """Extents are the file system's; trim and zero make holes, NO_HOLE does not."""
    with TempDir() as d:
        path = disk(d, 8 * MIB)
        with Server('file', path) as s:
            h = s.nbd()
            assert extents(h, 8 * MIB) == [(8 * MIB, 3)]
            h.pwrite(b'x' * MIB, 2 * MIB)
            assert extents(h, 8 * MIB) == [(2 * MIB, 3), (MIB, 0), (5 * MIB, 3)]
            assert extents(h, MIB, 2 * MIB)[0] == (MIB, 0)
            h.trim(65536, 2 * MIB)
            h.zero(65536, 2 * MIB + 131072)
            h.zero(65536, 2 * MIB + 262144, nbd.CMD_FLAG_NO_HOLE)
            assert h.pread(MIB, 2 * MIB) == (bytes(65536) + b'x' * 65536 + bytes(65536) + b'x' * 65536 +
                                             bytes(65536) + b'x' * (MIB - 5 * 65536))
            data = sum(n for n, kind in extents(h, MIB, 2 * MIB) if kind == 0)
            assert data >= MIB - 3 * 65536
            h.zero(100, 3 * MIB - 50, nbd.CMD_FLAG_FUA)
            assert h.pread(100, 3 * MIB - 100) == b'x' * 50 + bytes(50)
            one = []
            h.block_status(8 * MIB, 0, lambda ctx, off, e, err: one.extend(e), nbd.CMD_FLAG_REQ_ONE)
            assert len(one) == 2 and one[1] == 3, one
        assert os.stat(path).st_size == 8 * MIB
        assert os.stat(path).st_blocks * 512 < 2 * MIB


def test_one_extent_of_data_or_hole():
    with TempDir() as d:
        path = disk(d)
        with open(path, 'r+b') as f:
            f.write(b'x' * MIB)
        with Server('file', path) as s:
            h = s.nbd()
            found = []
            for offset in 0, 65536, 2 * MIB:
                h.block_status(MIB, offset, lambda c, o, e, err: found.append(list(e)), nbd.CMD_FLAG_REQ_ONE)
            assert [(e[1], len(e)) for e in found] == [(0, 2), (0, 2), (3, 2)], found


def resident_pages(path):
    """How much of a file is in the page cache."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open(path, 'r+b') as f, mmap.mmap(f.fileno(), 0) as m:
        pages = (len(m) + mmap.PAGESIZE - 1) // mmap.PAGESIZE
        seen = (ctypes.c_ubyte * pages)()
        start = ctypes.addressof(ctypes.c_char.from_buffer(m))
        assert libc.mincore(ctypes.c_void_p(start), ctypes.c_size_t(len(m)), seen) == 0
        count = sum(page & 1 for page in seen)
        del start
        gc.collect()
        return count


def test_nothing_stays_in_the_page_cache():
    with TempDir() as d:
        if run(['stat', '-f', '-c', '%T', d]).stdout.strip() == 'tmpfs':
            raise Skip('a tmpfs is the page cache')
        path = disk(d)
        with Server('file', path, 'cache=none') as s:
            h = s.nbd()
            h.pwrite(b'x' * 4 * MIB, 0)
            h.flush()
            assert resident_pages(path) == 0
            assert h.pread(MIB, MIB) == b'x' * MIB
            assert resident_pages(path) == 0
        with Server('file', path) as s:
            assert s.nbd().pread(MIB, MIB) == b'x' * MIB
            assert resident_pages(path) >= MIB // mmap.PAGESIZE


def test_fast_zero():
    with TempDir() as d, Server('file', disk(d)) as s:
        h = s.nbd()
        assert h.can_fast_zero()
        h.pwrite(b'x' * 131072, 0)
        try:
            h.zero(65536, 0, nbd.CMD_FLAG_FAST_ZERO)
        except nbd.Error as e:
            assert e.errnum == errno.ENOTSUP
            raise Skip('fallocate cannot punch holes here') from None
        assert h.pread(131072, 0) == bytes(65536) + b'x' * 65536


def test_where_fallocate_cannot_do_anything():
    if sanitized():
        return  # they do not like to be traced
    if not shutil.which('strace'):
        raise Skip('no strace')
    wrapper = 'strace -f -qq -o /dev/null -e trace=fallocate -e inject=fallocate:error=EOPNOTSUPP ' + \
        os.environ.get('NBDSRV_WRAPPER', '')
    with TempDir() as d:
        path = disk(d)
        with Server('-v', 'file', path, env={'NBDSRV_WRAPPER': wrapper}) as s:
            h = s.nbd()
            h.pwrite(b'x' * 4 * MIB, 0)
            for length, offset in (3 * MIB, 100), (1, 0), (MIB, 3 * MIB):
                for flags in 0, nbd.CMD_FLAG_NO_HOLE, nbd.CMD_FLAG_FUA:
                    h.pwrite(b'x' * length, offset)
                    expect_error(errno.ENOTSUP, h.zero, length, offset, nbd.CMD_FLAG_FAST_ZERO | flags)
                    assert h.pread(length, offset) == b'x' * length
                    h.zero(length, offset, flags)
                    assert h.pread(length, offset) == bytes(length)
            h.trim(MIB, 0)
            h.shutdown()
            # What nobody waits for any more is not written to the end.
            os.truncate(path, 1 << 42)
            with Raw(s) as raw:
                raw.extended().go().send(ZERO, 0, 1 << 42)
                wait_for('the first piece', lambda: os.stat(path).st_blocks * 512 > 8 * MIB)
            wait_for('the connection to end', lambda: s.log().count('debug: closed') == 2)
            s.signal(signal.SIGTERM)  # strace lets none pass
            s.process.wait(30 * SLOW)


def test_limit_of_file_size():
    """ulimit -f is an error of the request, not the end of the server."""
    with TempDir() as d:
        path = disk(d, 64 * MIB)
        wrapper = 'prlimit --fsize=%d %s' % (32 * MIB, os.environ.get('NBDSRV_WRAPPER', ''))
        with Server('file', path, env={'NBDSRV_WRAPPER': wrapper}) as s:
            h = s.nbd()
            h.pwrite(b'below', 16 * MIB)
            try:
                h.pwrite(b'beyond', 48 * MIB)
                raise AssertionError('the limit had no effect')
            except nbd.Error:
                pass
            assert h.pread(6, 48 * MIB) == bytes(6)
            assert h.pread(5, 16 * MIB) == b'below'


def mount_tmpfs(where, size):
    r = run(['mount', '-t', 'tmpfs', '-o', 'size=%d' % size, 'none', where], check=False)
    if r.returncode != 0:
        raise Skip('a tmpfs cannot be mounted here')


def test_full_disk():
    with TempDir() as d:
        mount_tmpfs(d, MIB)
        try:
            with Server('file', disk(d, 16 * MIB)) as s:
                h = s.nbd()
                assert s.nbd().get_size() == 16 * MIB
                h.pwrite(b'a' * 65536, 0)
                expect_error(errno.ENOSPC, h.pwrite, b'b' * 4 * MIB, 8 * MIB)
                expect_error(errno.ENOSPC, h.zero, 8 * MIB, 8 * MIB, nbd.CMD_FLAG_NO_HOLE)
                h.trim(16 * MIB - 65536, 65536)
                assert h.pread(65536, 0) == b'a' * 65536
                h.pwrite(b'c' * 65536, 8 * MIB, nbd.CMD_FLAG_FUA)
                assert h.pread(65536, 8 * MIB) == b'c' * 65536
                assert extents(h, 16 * MIB)[0] == (65536, 0)
                h.zero(4096, 8 * MIB, nbd.CMD_FLAG_NO_HOLE)
                assert h.pread(4097, 8 * MIB) == bytes(4096) + b'c'
                assert os.stat(d + '/disk').st_blocks * 512 == 2 * 65536
                h.flush()
        finally:
            run(['umount', '-l', d])


def test_read_only_medium():
    with TempDir() as d:
        mount_tmpfs(d, MIB)
        try:
            path = disk(d, 65536)
            run(['mount', '-o', 'remount,ro', d])
            with Server('file', path) as s:
                assert s.nbd().is_read_only()
                assert s.nbd().pread(512, 0) == bytes(512)
        finally:
            run(['umount', '-l', d])


def test_many_connections_write_one_file():
    with TempDir() as d:
        path = disk(d, 8 * MIB)
        errors = []

        def work(n):
            try:
                h = s.nbd()
                for i in range(n, 128, 8):
                    h.pwrite(bytes([n + 1]) * 65536, i * 65536)
                h.flush()
            except Exception as e:
                errors.append(e)

        with Server('file', path) as s:
            threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            assert not errors, errors
        data = open(path, 'rb').read()
        assert all(data[i * 65536:(i + 1) * 65536] == bytes([i % 8 + 1]) * 65536 for i in range(128))


def test_dump_plugin():
    out = nbdsrv('--dump-plugin', 'file').stdout
    assert 'file_extents=yes' in out.splitlines(), out


main(globals())
