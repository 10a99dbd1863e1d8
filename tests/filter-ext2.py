# SPDX-License-Identifier: BSD-3-Clause
# The ext2 filter, on file systems that mke2fs makes.
import errno
import os
import struct
import subprocess

import nbd
from harness import Server, TempDir, expect_error, main, pattern, refused, run

MiB = 1 << 20
ENV = dict(os.environ, PATH=os.environ['PATH'] + ':/usr/sbin:/sbin')


def tool(*args):
    return run(args, env=ENV).stdout


def make(d, kind='ext4', *options, size='16M'):
    os.makedirs(d + '/in/sub/deep')
    os.makedirs(d + '/in/dir')
    with open(d + '/in/disk.img', 'wb') as f:
        f.write(pattern(300001))
    with open(d + '/in/sub/deep/two', 'wb') as f:
        f.write(pattern(5000, 2))
    with open(d + '/in/sparse', 'wb') as f:
        f.seek(MiB)
        f.write(pattern(4096, 3))
        f.truncate(2 * MiB)
    open(d + '/in/empty', 'w').close()
    os.symlink('/sub/deep/two', d + '/in/link')
    os.symlink('loop', d + '/in/loop')
    os.symlink('/etc/passwd', d + '/in/outside')
    tool('mke2fs', '-q', '-t', kind, *options, '-d', d + '/in', d + '/fs', size)


def content(s, export=''):
    h = s.nbd(export)
    found = h.pread(h.get_size(), 0) if h.get_size() else b''
    h.shutdown()
    return found


def extracted(d, path):
    tool('debugfs', '-R', 'dump %s %s' % (path, d + '/out'), d + '/fs')
    with open(d + '/out', 'rb') as f:
        return f.read()


def is_clean(d):
    tool('e2fsck', '-fn', d + '/fs')  # fails if there is anything to mend


def serve(d, path='/disk.img', *args, options=()):
    return Server(*options, '--filter=ext2', 'file', d + '/fs', 'ext2file=' + path, *args)


def test_each_kind():
    for kind, *options in (['ext2'], ['ext3'], ['ext4'], ['ext4', '-b', '1024'], ['ext4', '-b', '4096', '-I', '256'],
                           ['ext4', '-O', '^64bit'], ['ext4', '-O', 'metadata_csum']):
        with TempDir() as d:
            make(d, kind, *options)
            for path, want in (('/disk.img', pattern(300001)), ('/sub/deep/two', pattern(5000, 2)), ('/empty', b''),
                               ('/link', pattern(5000, 2)),
                               ('/sparse', bytes(MiB) + pattern(4096, 3) + bytes(MiB - 4096))):
                with serve(d, path) as s:
                    assert content(s) == want, (kind, path)
            is_clean(d)


def test_writing():
    for kind in 'ext2', 'ext4':
        with TempDir() as d:
            make(d, kind)
            want = bytearray(bytes(MiB) + pattern(4096, 3) + bytes(MiB - 4096))
            with serve(d, '/sparse') as s:
                h = s.nbd()
                assert not h.is_read_only() and h.can_flush() and not h.can_multi_conn()
                for offset, data in (0, b'begin'), (500000, pattern(200000, 4)), (2 * MiB - 3, b'end'):
                    want[offset:offset + len(data)] = data
                    h.pwrite(data, offset)
                h.pwrite(b'fua', 1000, nbd.CMD_FLAG_FUA)
                want[1000:1003] = b'fua'
                h.zero(5000, 600000)
                want[600000:605000] = bytes(5000)
                h.flush()
                assert h.pread(2 * MiB, 0) == want
                h.shutdown()
                assert content(s) == want
            assert extracted(d, '/sparse') == want
            assert extracted(d, '/disk.img') == pattern(300001)
            is_clean(d)


def test_flush_reaches_the_disk():
    with TempDir() as d:
        make(d)
        with serve(d, '/sparse') as s:
            h = s.nbd()
            h.pwrite(pattern(100000, 5), 0)
            h.flush()
            assert extracted(d, '/sparse')[:100000] == pattern(100000, 5)


def test_read_only():
    with TempDir() as d:
        make(d)
        with open(d + '/fs', 'rb') as f:
            before = f.read()
        for options in ['-r'], ['--filter=readonly']:
            with Server('--filter=ext2', *options, 'file', d + '/fs', 'ext2file=/disk.img') as s:
                assert s.nbd().is_read_only()
                assert content(s) == pattern(300001)
        with open(d + '/fs', 'rb') as f:
            assert f.read() == before


def test_the_file_system_is_full():
    with TempDir() as d:
        make(d, 'ext2', size='4M')
        tool('debugfs', '-w', '-R', 'sif /sparse size 104857600', d + '/fs')
        with serve(d, '/sparse') as s:
            h = s.nbd()
            assert h.get_size() == 100 * MiB
            expect_error(errno.ENOSPC, h.pwrite, pattern(8 * MiB), 10 * MiB)
            assert h.pread(4096, MiB) == pattern(4096, 3)
            h.shutdown()


def test_clients_choose():
    with TempDir() as d:
        make(d)
        with serve(d, 'exportname') as s:
            assert content(s, '/disk.img') == pattern(300001)
            assert content(s, '/sub/deep/two') == pattern(5000, 2)
            assert content(s, 'sub/deep/two') == pattern(5000, 2)
            for name in '', '/', '/nothing', '/dir', '/sub/../..', '/etc/passwd', 'x' * 4000:
                try:
                    s.nbd(name)
                    raise AssertionError('%s was opened' % name)
                except nbd.Error:
                    pass
            h = nbd.NBD()
            h.set_opt_mode(True)
            h.connect_unix(s.socket)
            found = []
            h.opt_list(lambda name, description: found.append(name) and 0)
            assert found == []
            h.opt_abort()


def test_no_such_file():
    with TempDir() as d:
        make(d)
        for path, why in (('/nothing', 'not found'), ('/dir', 'no regular file'), ('/disk.img/x', '/disk.img/x'),
                          ('/loop', '/loop'), ('/outside', '/outside')):
            with serve(d, path) as s:
                assert run(['nbdinfo', s.uri], check=False).returncode != 0
                assert why in s.log(), s.log()
        assert 'begin with /' in refused('--filter=ext2', 'memory', '1M', 'ext2file=disk.img')
        assert 'ext2file' in refused('--filter=ext2', 'memory', '1M')


def test_a_journal_to_be_replayed():
    with TempDir() as d:
        make(d)
        with open(d + '/fs', 'r+b') as f:
            f.seek(1024 + 96)
            incompatible = struct.unpack('<I', f.read(4))[0]
        tool('debugfs', '-w', '-R', 'feature needs_recovery', d + '/fs')
        assert not incompatible & 4
        with serve(d) as s:
            assert run(['nbdinfo', s.uri], check=False).returncode != 0
            assert 'e2fsck' in s.log()
        with serve(d, options=['-r']) as s:
            assert content(s) == pattern(300001)


def test_no_file_system():
    for data in b'', b'x', bytes(MiB), pattern(MiB):
        with TempDir() as d:
            with open(d + '/fs', 'wb') as f:
                f.write(data)
            with serve(d) as s:
                assert run(['nbdinfo', s.uri], check=False).returncode != 0
                assert 'the file system: ' in s.log(), s.log()


def test_a_truncated_file_system():
    with TempDir() as d:
        make(d)
        for size in 2048, 5000, 70000, MiB, 3 * MiB:
            subprocess.run(['cp', '--sparse=always', d + '/fs', d + '/whole'], check=True)
            os.truncate(d + '/fs', size)
            with serve(d, options=['-r']) as s:
                r = run(['nbdinfo', '--size', s.uri], check=False)
                if r.returncode == 0:
                    h = s.nbd()
                    try:
                        h.pread(300001, 0)
                    except nbd.Error:
                        pass
            os.rename(d + '/whole', d + '/fs')


main(globals())
