# SPDX-License-Identifier: BSD-3-Clause
# The nofilter filter.
from harness import Server, main, pattern


def test_all_passes():
    with Server('--filter=nofilter', 'memory', '1M') as s:
        h = s.nbd()
        assert h.can_trim() and h.can_zero() and h.can_fua() and h.can_multi_conn()
        h.pwrite(pattern(4096), 512)
        assert h.pread(4096, 512) == pattern(4096)


main(globals())
