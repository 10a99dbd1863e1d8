# SPDX-License-Identifier: BSD-3-Clause
# The xz filter.
import errno
import lzma
import os
import random
import struct
import subprocess
import threading
import zlib

from harness import Server, TempDir, expect_error, main, pattern, refused, run, sanitized
from packed import Packed

MiB = 1 << 20


def xz(data, *options):
    return subprocess.run(['xz', '-1', '-c', *options], input=data, check=True, stdout=subprocess.PIPE).stdout


def serve(packed, *args, **kw):
    return Packed('xz', packed, *args, **kw)


def test_content():
    for data in b'x', pattern(1000), pattern(3 * MiB + 17), bytes(5000), b'':
        for options in [], ['--block-size=100000'], ['--check=none'], ['--check=sha256'], ['--x86', '--lzma2']:
            if options and len(data) > MiB and 'block' not in options[0]:
                continue  # that was long enough
            with serve(xz(data, *options)) as s:
                assert s.content() == data
                h = s.nbd()
                assert h.is_read_only() and h.get_size() == len(data) and h.can_multi_conn()


def test_several_streams():
    parts = [pattern(100000, 1), b'', bytes(70000), pattern(5, 2)]
    packed = b''.join(xz(p, '--block-size=30000') + bytes(4 * i) for i, p in enumerate(parts))
    with serve(packed) as s:
        assert s.content() == b''.join(parts)


def test_here_and_there():
    data = pattern(4 * MiB)
    chance = random.Random(1)
    with serve(xz(data, '--block-size=64KiB')) as s:
        h = s.nbd()
        for _ in range(200):
            offset = chance.randrange(len(data))
            n = min(chance.choice([1, 100, 65536, 300000]), len(data) - offset)
            assert h.pread(n, offset) == data[offset:offset + n]


def test_many_clients_and_few_blocks():
    data = pattern(2 * MiB)
    for depth in 1, 3:
        with serve(xz(data, '--block-size=64KiB'), 'xz-max-depth=%d' % depth) as s:
            failed = []

            def work(seed):
                chance, h = random.Random(seed), s.nbd()
                for _ in range(60):
                    offset = chance.randrange(len(data))
                    n = min(100000, len(data) - offset)
                    if h.pread(n, offset) != data[offset:offset + n]:
                        failed.append(offset)

            threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            assert not failed


def reads(d):
    return open(d + '/log').read().count(' Read ')


def test_blocks_are_kept():
    data = pattern(40 * 65536)
    with TempDir() as d:
        with open(d + '/disk.xz', 'wb') as f:
            f.write(xz(data, '--block-size=64KiB'))
        with Server('--filter=xz', '--filter=log', 'file', d + '/disk.xz', 'logfile=' + d + '/log') as s:
            h = s.nbd()
            for i in range(8):
                h.pread(100, i * 65536)
            n = reads(d)
            for i in 0, 7, 3:
                assert h.pread(65536, i * 65536) == data[i * 65536:(i + 1) * 65536]
            assert reads(d) == n
            h.pread(1, 8 * 65536)  # takes the place of the one that was used longest ago
            n = reads(d)
            for i in 0, 7, 3, 8:
                h.pread(1, i * 65536)
            assert reads(d) == n
            h.pread(1, 65536)
            assert reads(d) > n
            h.cache(512, 20 * 65536)
            n = reads(d)
            h.pread(1, 20 * 65536)
            assert reads(d) == n
            other = s.nbd()  # shares them
            n = reads(d)
            other.pread(1, 65536)
            assert reads(d) == n


def test_memory():
    data = bytes(64 * MiB)
    with serve(xz(data, '--block-size=4MiB'), 'xz-max-depth=2') as s:
        h = s.nbd()
        h.pread(1, 0)
        before = s.rss()
        for handle in h, s.nbd(), s.nbd():
            for i in range(16):
                assert handle.pread(MiB, i * 4 * MiB) == bytes(MiB)
        assert sanitized() or s.rss() - before < 40 * MiB, (before, s.rss())


def test_the_file_changes():
    with serve(xz(b'one' * 1000)) as s:
        assert s.content() == b'one' * 1000
        for i in range(3):
            with open(s.path + '.new', 'wb') as f:
                f.write(xz(pattern(3000, i)))
            os.rename(s.path + '.new', s.path)
            assert s.content() in (pattern(3000, i), b'one' * 1000)


def test_large_blocks():
    packed = xz(bytes(2 * MiB), '--block-size=1MiB')
    with serve(packed, 'xz-max-block=1M') as s:
        assert len(s.content()) == 2 * MiB
    with serve(packed, 'xz-max-block=1048575') as s:
        s.refuses('has a block of 1048576 bytes')


def test_truncated():
    packed = xz(pattern(300000), '--block-size=64KiB')
    for n in len(packed) - 4, len(packed) // 2, 100, 13, 12, 11, 1, 0:
        with serve(packed[:n]) as s:
            assert run(['nbdinfo', s.uri], check=False).returncode != 0
            assert 'xz file' in s.log(), s.log()


def test_something_else():
    for data in pattern(100000), bytes(1000), b'x' * 32:
        with serve(data) as s:
            assert run(['nbdinfo', s.uri], check=False).returncode != 0
            assert 'xz file' in s.log(), s.log()


def test_a_broken_block():
    data = pattern(5 * 65536)
    packed = bytearray(xz(data, '--block-size=64KiB'))
    packed[12 + 66000 + 300] ^= 0xff  # in the second block: this does not compress
    with serve(packed) as s:
        h = s.nbd()
        assert h.pread(65536, 0) == data[:65536]
        for _ in range(2):
            expect_error(errno.EIO, h.pread, 10, 65536)
        expect_error(errno.EIO, h.pread, 65536, 65000)
        assert h.pread(65536, 3 * 65536) == data[3 * 65536:4 * 65536]
        assert 'is broken' in s.log()


def vli(n):
    out = b''
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def with_index(packed, sizes):
    """A file with another index: pairs of unpadded and uncompressed sizes."""
    old = (struct.unpack('<I', packed[-8:-4])[0] + 1) * 4
    index = b'\0' + vli(len(sizes)) + b''.join(vli(a) + vli(b) for a, b in sizes)
    index += bytes(-len(index) % 4)
    index += struct.pack('<I', zlib.crc32(index))
    backward = struct.pack('<I', len(index) // 4 - 1) + packed[-4:-2]
    return packed[:-12 - old] + index + struct.pack('<I', zlib.crc32(backward)) + backward + b'YZ'


def test_an_index_that_lies():
    data = pattern(5000)
    packed = xz(data, '--check=crc32')
    blocks = len(packed) - 12 - 12 - (struct.unpack('<I', packed[-8:-4])[0] + 1) * 4
    with serve(with_index(packed, [(blocks, 5000)])) as s:
        assert s.content() == data
    for wrong in 4999, 5001, 1 << 20, 500 * MiB:
        with serve(with_index(packed, [(blocks, wrong)])) as s:
            h = s.nbd()
            assert h.get_size() == wrong
            for _ in range(2):
                expect_error(errno.EIO, h.pread, 100, 0)
            assert sanitized() or s.rss() < 400 * MiB
    for sizes in ([(blocks, 1 << 62)], [(blocks, 5000), (1 << 40, 100)], [(blocks, 5000)] * 2,
                  [(blocks, (1 << 63) - 1)], [(5, 5000)], [(1 << 62, 5000)]):
        with serve(with_index(packed, sizes)) as s:
            assert run(['nbdinfo', s.uri], check=False).returncode != 0
            assert 'xz file' in s.log(), s.log()


def test_a_large_dictionary():
    filters = [{'id': lzma.FILTER_LZMA2, 'preset': 0, 'dict_size': 256 * MiB}]
    packed = bytearray(lzma.compress(pattern(5000), format=lzma.FORMAT_XZ, filters=filters))
    with serve(packed) as s:
        assert s.content() == pattern(5000)
        assert sanitized() or s.rss() < 200 * MiB
    # The same header with 4 GiB.
    size = (packed[12] + 1) * 4
    at = packed.index(b'\x21\x01', 12)
    packed[at + 2] = 40
    packed[12 + size - 4:12 + size] = struct.pack('<I', zlib.crc32(packed[12:12 + size - 4]))
    with serve(packed) as s:
        expect_error(errno.EIO, s.nbd().pread, 1, 0)
        assert 'liblzma does not' in s.log()


def test_wrong_parameters():
    assert 'xz-max-depth' in refused('--filter=xz', 'memory', '1M', 'xz-max-depth=0')
    assert 'xz-max-block' in refused('--filter=xz', 'memory', '1M', 'xz-max-block=large')


main(globals())
