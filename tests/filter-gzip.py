# SPDX-License-Identifier: BSD-3-Clause
# The gzip filter; most of it is in packed.py.
import gzip
import io
import struct
import subprocess
import tarfile
import zlib

from harness import Server, TempDir, main, pattern
from packed import Packed, Unpacking

FILTER = Unpacking('gzip', lambda data: gzip.compress(data, 1))


def test_headers_with_everything():
    data = pattern(5000)
    packed = gzip.compress(data)
    extra = struct.pack('<H', 1000) + pattern(1000)
    head = bytes([0x1f, 0x8b, 8, 4 | 8 | 16 | 2]) + packed[4:10] + extra + b'name\0' + b'a comment\0'
    head += struct.pack('<H', zlib.crc32(head) & 0xffff)
    with Packed('gzip', head + packed[10:]) as s:
        assert s.content() == data
    head = head[:-1] + bytes([head[-1] ^ 1])
    with Packed('gzip', head + packed[10:]) as s:
        s.refuses('this is no gzip file')


def test_files_of_gzip():
    with TempDir() as d:
        with open(d + '/disk', 'wb') as f:
            f.write(pattern(100000) + bytes(100000))
        for level in '-1', '-9':
            packed = subprocess.run(['gzip', level, '-c', d + '/disk'], check=True, stdout=subprocess.PIPE).stdout
            with Packed('gzip', packed) as s:
                assert s.content() == pattern(100000) + bytes(100000)


def test_checksums():
    packed = gzip.compress(pattern(5000))
    for at in -1, -8:
        broken = bytearray(packed)
        broken[at] ^= 1
        with Packed('gzip', broken) as s:
            s.refuses('is broken')


def test_behind_the_tar_filter():
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode='w:gz') as t:
        info = tarfile.TarInfo('disk.img')
        info.size = 5000
        t.addfile(info, io.BytesIO(pattern(5000)))
    with TempDir() as d:
        with open(d + '/tar.gz', 'wb') as f:
            f.write(out.getvalue())
        with Server('--filter=tar', '--filter=gzip', 'file', d + '/tar.gz', 'tar-entry=disk.img') as s:
            assert s.nbd().pread(5000, 0) == pattern(5000)


main(dict(FILTER.tests(), **globals()))
