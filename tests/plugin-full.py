# SPDX-License-Identifier: BSD-3-Clause
# The full plugin.
import errno

import nbd

from harness import *
from nbdkitlib import extents


def test_one_hole():
    for args, size in (['1'], 1), (['size=513'], 513), (['7E'], 7 << 60):
        with Server('full', *args) as s:
            h = s.nbd()
            assert h.get_size() == size
            if size < 7 << 60:
                assert extents(h) == [[size, 3]]
            assert h.pread(min(size, 4096), size - min(size, 4096)) == bytes(min(size, 4096))


def test_no_space_for_anything():
    with Server('full', '1M') as s:
        h = s.nbd()
        assert h.can_multi_conn() and not h.can_flush() and not h.is_read_only()
        for length, offset in (512, 0), (1, 1), (1 << 20, 0):
            expect_error(errno.ENOSPC, h.pwrite, bytes(length), offset)
            expect_error(errno.ENOSPC, h.zero, length, offset)
            expect_error(errno.ENOSPC, h.zero, length, offset, nbd.CMD_FLAG_NO_HOLE)
            expect_error(errno.ENOTSUP, h.zero, length, offset, nbd.CMD_FLAG_FAST_ZERO)
            expect_error(errno.ENOSPC, h.trim, length, offset)
        h.cache(4096, 0)


def test_refused():
    assert 'size' in refused('full')


main(globals())
