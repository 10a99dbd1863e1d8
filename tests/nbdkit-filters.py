# SPDX-License-Identifier: BSD-3-Clause
# Filters that nbdkit has too, side by side with them: what a client sees is the same.
import gzip
import hashlib
import lzma
import os

import luksfiles
from harness import TempDir, main, pattern, run
from nbdkitlib import Bridged, Reference, extents, facts, plugin, try_out

MiB = 1 << 20


def both(*args, look):
    """What look (h) finds under either server."""
    found = []
    for server in Reference, Bridged:
        with server(*args) as s:
            h = s.nbd()
            found.append(look(h))
            h.shutdown()
    assert found[0] == found[1], '%s\n%s' % tuple(found)
    return found[1]


def blocks(h):
    """A hash of each block of 512 bytes, or the error, and what else there is to know."""
    def block(offset):
        found = try_out(h.pread, 512, offset)
        return found if isinstance(found, str) else hashlib.sha1(found).hexdigest()[:8]

    return [facts(h), extents(h), [block(offset) for offset in range(0, h.get_size(), 512)]]


def content(h):
    return h.pread(h.get_size(), 0)


def packed(h):
    """As nbdkit, which knows no holes there."""
    return [facts(h), content(h)]


def test_ddrescue():
    with TempDir() as d:
        with open(d + '/disk', 'wb') as f:
            f.write(pattern(65536))
        with open(d + '/map', 'w') as f:
            f.write('# Mapfile\n0x0 ? 1\n')
            for i, status in enumerate('+-+*/?++-'):
                f.write('0x%x  0x1000  %s\n' % (i * 0x1000, status))
        found = both('--filter=ddrescue', plugin('file'), d + '/disk', 'ddrescue-mapfile=' + d + '/map', look=blocks)
        assert found[2].count('EIO') == 8 * (16 - 4)


def test_tar():
    with TempDir() as d:
        for name, seed in ('one', 1), ('disk.img', 2), ('three', 3):
            with open(d + '/' + name, 'wb') as f:
                f.write(pattern(10000 * seed, seed))
        for format in 'gnu', 'pax', 'ustar':
            run(['tar', '-C', d, '--format=' + format, '-cf', d + '/tar', 'one', 'disk.img', 'three'])
            found = both('-r', '--filter=tar', plugin('file'), d + '/tar', 'tar-entry=disk.img', look=blocks)
            assert found[0]['size'] == 20000
            found = both('--filter=tar', plugin('file'), d + '/tar', 'tar-entry=three', look=blocks)
            assert found[0]['size'] == 30000


def test_packed():
    data = pattern(50000) + bytes(100000) + pattern(50000)
    packers = {'gzip': gzip.compress, 'xz': lzma.compress}
    for name, pack in packers.items():
        with TempDir() as d:
            with open(d + '/packed', 'wb') as f:
                f.write(pack(data))
            found = both('--filter=' + name, plugin('file'), d + '/packed', look=packed)
            assert found[0]['size'] == len(data) and found[1] == data


def test_luks():
    with TempDir() as d:
        luksfiles.make(d + '/disk', pattern(MiB))
        args = '--filter=luks', plugin('file'), d + '/disk', 'passphrase=secret'
        assert both(*args, look=content) == pattern(MiB)

        def write(h):
            h.pwrite(pattern(4096, 2), 65536)
            h.pwrite(pattern(512, 3), MiB - 512)

        want = bytearray(pattern(MiB))
        want[65536:69632], want[-512:] = pattern(4096, 2), pattern(512, 3)
        with Bridged(*args) as s:
            write(s.nbd())
        assert both(*args, look=content) == want


def test_ext2():
    with TempDir() as d:
        os.makedirs(d + '/in/sub')
        with open(d + '/in/sub/disk.img', 'wb') as f:
            f.write(pattern(300000))
        run(['mke2fs', '-q', '-t', 'ext4', '-d', d + '/in', d + '/fs', '8M'],
            env=dict(os.environ, PATH=os.environ['PATH'] + ':/usr/sbin:/sbin'))
        for options in ['-r'], []:
            args = options + ['--filter=ext2', plugin('file'), d + '/fs', 'ext2file=/sub/disk.img']
            assert both(*args, look=content) == pattern(300000)


def test_a_plugin_that_stays_open():
    # It asks about the client, and keeps strings, while it is opened for the first one.
    with TempDir() as d:
        with open(d + '/script', 'w') as f:
            f.write('#!/bin/sh\ncase $1 in open) echo "$3" ;; get_size) echo 512 ;;\n'
                    'pread) printf %-512s "$2" | tail -c +$(($4 + 1)) | head -c $3 ;; *) exit 2 ;; esac\n')
        os.chmod(d + '/script', 0o755)
        with Bridged('--filter=openonce', plugin('sh'), d + '/script') as s:
            for name in 'one', 'two', 'one':
                h = s.nbd(name)
                assert h.pread(5, 0) == b'%-5s' % name.encode()
                h.shutdown()
            assert s.log() == ''


main(globals())
