# SPDX-License-Identifier: BSD-3-Clause
# The luks filter, on disks that qemu-img makes.
import errno
import os
import random
import struct
import threading

import luksfiles
import nbd
from harness import Server, TempDir, expect_error, main, pattern, refused, run

MiB = 1 << 20


def serve(path, *args, secret='secret', filters=()):
    return Server(*filters, '--filter=luks', 'file', path, 'passphrase=' + secret, *args)


def content(s):
    h = s.nbd()
    return h.pread(h.get_size(), 0)


def test_each_method():
    methods = [
        {}, {'cipher_alg': 'aes-128', 'hash_alg': 'sha1', 'ivgen_alg': 'plain'},
        {'cipher_mode': 'cbc', 'hash_alg': 'sha512'},
        {'cipher_mode': 'cbc', 'ivgen_alg': 'essiv', 'ivgen_hash_alg': 'sha256', 'cipher_alg': 'aes-128'}]
    for method in methods:
        with TempDir() as d:
            luksfiles.make(d + '/disk', pattern(MiB), **method)
            with serve(d + '/disk') as s:
                assert content(s) == pattern(MiB), method
                h = s.nbd()
                h.pwrite(pattern(100 * 512, 2), 512 * 7)
                h.shutdown()
            want = bytearray(pattern(MiB))
            want[512 * 7:512 * 107] = pattern(100 * 512, 2)
            assert luksfiles.read(d + '/disk') == want, method


def test_what_clients_are_told():
    with TempDir() as d:
        luksfiles.make(d + '/disk', pattern(MiB))
        with serve(d + '/disk') as s:
            h = s.nbd()
            assert h.get_size() == MiB and h.get_block_size(nbd.SIZE_MINIMUM) == 512
            assert not h.can_trim() and h.can_flush() and h.can_fua() and h.can_cache()
            found = []
            h.block_status(MiB, 0, lambda c, o, e, err: found.extend(e))
            assert found == [MiB, 0]


def test_zeroes_are_encrypted():
    with TempDir() as d:
        luksfiles.make(d + '/disk', pattern(MiB))
        with serve(d + '/disk') as s:
            h = s.nbd()
            h.zero(512 * 1024, 4096)
            h.cache(65536, 0)
            h.flush()
            want = pattern(MiB)[:4096] + bytes(512 * 1024) + pattern(MiB)[4096 + 512 * 1024:]
            assert h.pread(MiB, 0) == want
        assert luksfiles.read(d + '/disk') == want


def test_random_writes():
    chance = random.Random(5)
    with TempDir() as d:
        luksfiles.make(d + '/disk', bytes(4 * MiB))
        want = bytearray(4 * MiB)
        with serve(d + '/disk') as s:
            h = s.nbd()
            for i in range(100):
                offset = chance.randrange(4 * 2048) * 512
                n = min(chance.choice([512, 4096, 100 * 512, MiB + 512]), 4 * MiB - offset)
                data = pattern(n, i)
                want[offset:offset + n] = data
                h.pwrite(data, offset)
            assert h.pread(4 * MiB, 0) == want
        assert luksfiles.read(d + '/disk') == want


def loose(h):
    """A client that does not ask for the block size."""
    h.set_strict_mode(0)
    h.set_request_block_size(False)


def test_parts_of_sectors():
    chance = random.Random(6)
    with TempDir() as d:
        luksfiles.make(d + '/disk', pattern(MiB))
        with serve(d + '/disk') as s:
            h = s.nbd(setup=lambda h: h.set_strict_mode(0))
            expect_error(errno.EINVAL, h.pread, 1, 0)
        want = bytearray(pattern(MiB))
        with serve(d + '/disk') as s:
            h = s.nbd(setup=loose)
            for i in range(200):
                n = chance.choice([1, 100, 511, 512, 513, 5000, 300001])
                offset = chance.randrange(MiB - n)
                assert h.pread(n, offset) == want[offset:offset + n]
                want[offset:offset + n] = pattern(n, i)
                h.pwrite(pattern(n, i), offset)
            h.shutdown()
        assert luksfiles.read(d + '/disk') == want


def test_clients_in_one_sector():
    with TempDir() as d:
        luksfiles.make(d + '/disk', bytes(MiB))
        with serve(d + '/disk') as s:
            def work(i):
                h = s.nbd(setup=loose)
                for j in range(50):
                    h.pwrite(bytes([i * 50 + j]), i * 50 + j)
                h.shutdown()

            threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            assert content(s) == bytes(range(200)) + bytes(MiB - 200)


def test_several_clients():
    with TempDir() as d:
        luksfiles.make(d + '/disk', bytes(4 * MiB))
        with serve(d + '/disk') as s:
            def work(i):
                h = s.nbd()
                for j in range(20):
                    h.pwrite(pattern(512 * 100, i * 100 + j), i * MiB + j * 512 * 100)
                h.shutdown()

            threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            found = content(s)
        for i in range(4):
            for j in range(20):
                at = i * MiB + j * 512 * 100
                assert found[at:at + 51200] == pattern(51200, i * 100 + j)


def test_passphrases():
    with TempDir() as d:
        luksfiles.make(d + '/disk', pattern(4096))
        with serve(d + '/disk', secret='Secret') as s:
            for _ in range(2):
                assert run(['nbdinfo', s.uri], check=False).returncode != 0
            assert 'opens none of' in s.log()
        with open(d + '/secret', 'w') as f:
            f.write('secret\n')
        with serve(d + '/disk', secret='+' + d + '/secret') as s:
            assert content(s) == pattern(4096)
        assert 'nowhere' in refused('--filter=luks', 'memory', '1M', 'passphrase=+/nowhere')
        assert 'passphrase' in refused('--filter=luks', 'memory', '1M')


def test_a_partition_inside():
    with TempDir() as d:
        raw = bytearray(2 * MiB)
        raw[446:462] = struct.pack('<B3xB3xII', 0, 0x83, 2048, 100)
        raw[510:512] = b'\x55\xaa'
        raw[MiB:MiB + 51200] = pattern(51200)
        luksfiles.make(d + '/disk', raw)
        with serve(d + '/disk', 'partition=1', filters=['--filter=partition']) as s:
            assert content(s) == pattern(51200)


def test_the_key_is_found_once():
    # The key slots are gone, the header says so nowhere.
    with TempDir() as d:
        luksfiles.make(d + '/disk', pattern(4096))
        with serve(d + '/disk') as s:
            assert content(s) == pattern(4096)
            with open(d + '/disk', 'r+b') as f:
                f.seek(4096)
                f.write(bytes(256000))
            assert content(s) == pattern(4096)
        with serve(d + '/disk') as s:
            assert run(['nbdinfo', s.uri], check=False).returncode != 0
            assert 'opens none of' in s.log()


def test_hostile_headers():
    with TempDir() as d:
        luksfiles.make(d + '/disk', pattern(4096))
        with open(d + '/disk', 'rb') as f:
            good = f.read()

        def refuses(why, changes=(), size=len(good)):
            disk = bytearray(good)
            for at, data in changes:
                disk[at:at + len(data)] = data
            with open(d + '/bad', 'wb') as f:
                f.write(disk[:size])
            with serve(d + '/bad') as s:
                assert run(['nbdinfo', s.uri], check=False).returncode != 0
                assert why in s.log(), s.log()

        most = b'\xff' * 4
        refuses('no LUKS disk', [(0, b'X')])
        refuses('no LUKS disk', size=0)
        refuses('no LUKS disk', size=5)
        for size in 6, 100, 591, 592, 1000:
            refuses('LUKS', size=size)
        refuses('of version 2', [(6, b'\0\2')])
        refuses('not known here', [(8, b'twofish\0')])
        refuses('not known here', [(8, b'a' * 32 + b'xts-plain64')])
        refuses('not known here', [(40, b'xts-random\0')])
        refuses('not known here', [(40, b'cbc-essiv:sha1\0')])
        refuses('not known here', [(40, b'cbc-essiv:\0')])
        refuses('hash md5: not known', [(72, b'md5\0')])
        refuses('the length of the key', [(108, most)])
        refuses('the length of the key', [(108, bytes(4))])
        refuses('a key of 264 bits', [(108, b'\0\0\0\x21')])
        refuses('payload', [(104, most)])
        refuses('payload', [(104, bytes(4))])
        refuses('the digest', [(164, bytes(4))])
        refuses('the digest', [(164, most)])
        for at in 4, 40, 44:  # iterations, offset, stripes
            refuses('a key slot', [(208 + at, most)])
            refuses('a key slot', [(208 + at, bytes(4))])
        refuses('a key slot', [(208 + 48, good[208:212])])
        refuses('opens none of', [(208, bytes(4))])
        refuses('opens none of', [(112, bytes(20))])
        refuses('opens none of', [(208 + 44, b'\0\0\0\1')])
        with open(d + '/bad', 'wb') as f:  # a payload of nothing and a bit
            f.write(good[:len(good) - 4096 + 100])
        with serve(d + '/bad') as s:
            assert s.nbd().get_size() == 0
        assert os.path.getsize(d + '/bad') % 512 == 100


main(globals())
