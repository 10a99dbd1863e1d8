# SPDX-License-Identifier: BSD-3-Clause
# The file plugin on a block device: a loop device over a file.
import errno
import os
from contextlib import contextmanager

import nbd

from harness import *

MIB = 1 << 20


@contextmanager
def loop(*options, size=8 * MIB):
    with TempDir() as d:
        with open(d + '/back', 'wb') as f:
            f.truncate(size)
        r = run(['losetup', '--find', '--show', *options, d + '/back'], check=False)
        if r.returncode != 0:
            raise Skip('no loop devices')
        device = r.stdout.strip()
        try:
            yield device, d + '/back'
        finally:
            run(['losetup', '--detach', device])


def test_what_it_says():
    with loop() as (device, back), Server('file', device) as s:
        h = s.nbd()
        assert h.get_size() == 8 * MIB
        assert h.get_block_size(nbd.SIZE_MINIMUM) == 512
        assert h.get_block_size(nbd.SIZE_PREFERRED) >= 4096
        assert h.can_trim() and h.can_zero() and h.can_fast_zero() and h.can_multi_conn()
        queue = '/sys/block/%s/queue/rotational' % os.path.basename(device)
        assert h.is_rotational() == (open(queue).read().strip() == '1')


def test_large_sectors():
    with loop('--sector-size', '4096') as (device, back), Server('file', device) as s:
        h = s.nbd()
        assert h.get_block_size(nbd.SIZE_MINIMUM) == 4096
        h.pwrite(b'x' * 65536, 0)
        h.zero(8192, 4096)
        assert h.pread(65536, 0) == b'x' * 4096 + bytes(8192) + b'x' * (65536 - 12288)


def test_data_zero_and_trim():
    data = pattern(MIB)
    with loop() as (device, back):
        with Server('file', device) as s:
            h, other = s.nbd(), s.nbd()
            h.pwrite(data, MIB)
            h.pwrite(data[:4096], 0, nbd.CMD_FLAG_FUA)
            h.zero(65536, MIB + 65536)
            h.zero(65536, MIB + 3 * 65536, nbd.CMD_FLAG_NO_HOLE)
            try:
                h.zero(65536, MIB + 5 * 65536, nbd.CMD_FLAG_FAST_ZERO)
            except nbd.Error as e:
                assert e.errnum == errno.ENOTSUP
                h.zero(65536, MIB + 5 * 65536)
            expected = bytearray(data)
            for n in (1, 3, 5):
                expected[n * 65536:(n + 1) * 65536] = bytes(65536)
            assert other.pread(MIB, MIB) == expected
            h.trim(65536, 4 * MIB)
            h.flush()
            h.cache(MIB, MIB)
            assert h.pread(4096, 0) == data[:4096]
        assert open(device, 'rb').read()[MIB:2 * MIB] == expected


def test_zero_of_parts_of_sectors():
    """Clients that do not ask for block sizes may zero anything."""
    with loop() as (device, back), Server('file', device) as s:
        h = s.nbd()
        h.set_strict_mode(0)
        h.pwrite(b'x' * 8192, 0)
        try:
            h.zero(3000, 700)
            h.zero(100, 5000)
            h.trim(1000, 6000)
        except nbd.Error as e:
            assert e.errnum == errno.EINVAL, e
            return
        assert h.pread(5200, 0) == b'x' * 700 + bytes(3000) + b'x' * 1300 + bytes(100) + b'x' * 100


def test_read_only_device():
    with loop('--read-only') as (device, back), Server('file', device) as s:
        assert s.nbd().is_read_only()
        assert s.nbd().pread(512, 0) == bytes(512)


def test_in_a_directory():
    with loop() as (device, back), TempDir() as d:
        os.symlink(device, d + '/disk')
        with Server('file', 'dir=' + d) as s:
            assert s.nbd(export='disk').get_size() == 8 * MIB


main(globals())
