# SPDX-License-Identifier: BSD-3-Clause
# The ones plugin.
import nbd

from harness import *
from nbdkitlib import extents


def test_one_byte():
    for args, byte in ([], 255), (['byte=0x55'], 0x55), (['byte=170'], 170), (['byte=0'], 0):
        with Server('ones', '100M', *args) as s:
            h = s.nbd()
            assert h.get_size() == 100 << 20
            for length in 1, 4096, 256 * 1024, 256 * 1024 + 1, 4 << 20, 20000001:
                assert h.pread(length, 77) == bytes([byte]) * length


def test_all_is_data():
    with Server('ones', '1G') as s:
        assert extents(s.nbd()) == [[1 << 30, 0]]


def test_forgets():
    with Server('ones', '1T') as s:
        h = s.nbd()
        h.pwrite(b'x' * 1000000, 12345)
        h.pwrite(b'x', 0, nbd.CMD_FLAG_FUA)
        h.zero(1 << 30, 0, nbd.CMD_FLAG_FAST_ZERO)
        h.trim(1 << 30, 0)
        h.cache(4096, 0)
        h.flush()
        assert h.pread(1000000, 12345) == b'\xff' * 1000000
        assert h.can_multi_conn()


def test_sizes():
    with Server('ones') as s:
        assert s.nbd().get_size() == 0
    assert '256' in refused('ones', '1M', 'byte=256')


main(globals())
