# SPDX-License-Identifier: BSD-3-Clause
# The noextents filter.
from blockmodel import extents
from harness import Server, main


def test_all_is_data():
    with Server('--filter=noextents', 'memory', '1M') as s:
        h = s.nbd()
        assert extents(h) == [(1 << 20, 0)]
        assert h.pread(65536, 0) == bytes(65536)


def test_memory_is_still_lent():
    from rawnbd import Raw, READ
    with Server('--filter=noextents', 'memory', '1M') as s, Raw(s) as raw:
        raw.structured().go()
        assert raw.do(READ, 0, 65536).data(0, 65536) == bytes(65536)


main(globals())
