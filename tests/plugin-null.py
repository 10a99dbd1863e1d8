# SPDX-License-Identifier: BSD-3-Clause
# The null plugin.
import nbd

from harness import *


def test_size():
    for args, size in ([], 0), (['1M'], 1 << 20), (['size=7E'], 7 << 60), ([str(2**63 - 1)], 2**63 - 1):
        with Server('null', *args) as s:
            assert s.nbd().get_size() == size


def test_forgets():
    with Server('null', '1T') as s:
        h = s.nbd()
        h.pwrite(b'x' * 1000000, 12345)
        h.pwrite(b'x', 0, nbd.CMD_FLAG_FUA)
        h.zero(1 << 30, 0, nbd.CMD_FLAG_FAST_ZERO)
        h.zero(4096, 0, nbd.CMD_FLAG_NO_HOLE)
        h.trim(1 << 30, 0)
        h.cache(4096, 0)
        h.flush()
        assert h.pread(1000000, 12345) == bytes(1000000)
        found = []
        h.block_status(1 << 30, 0, lambda ctx, off, e, err: found.extend(e))
        assert found[1] == 3 and found[0] >= 1 << 30, found


def test_abilities():
    with Server('null', '1M') as s:
        h = s.nbd()
        assert all([h.can_multi_conn(), h.can_fua(), h.can_fast_zero(), h.can_trim(), h.can_cache(),
                    h.can_flush(), h.can_zero(), not h.is_read_only()])


main(globals())
