# SPDX-License-Identifier: BSD-3-Clause
# The pattern plugin.
import struct

from harness import *


def expected(length, offset):
    first = offset & ~7
    words = range(first, offset + length + 8, 8)
    return b''.join(struct.pack('>Q', w) for w in words)[offset - first:][:length]


def test_any_offset_and_length():
    with Server('pattern', str(2**63 - 1)) as s:
        h = s.nbd()
        for base in 0, 1 << 40, 2**63 - 1 - 64:
            for skip in range(9):
                for length in list(range(1, 20)) + [40]:
                    assert h.pread(length, base + skip) == expected(length, base + skip), (skip, length)
        assert h.pread(1000003, 12345) == expected(1000003, 12345)


def test_sizes():
    for args, size in (['1'], 1), (['7'], 7), (['size=1000001'], 1000001):
        with Server('pattern', *args) as s:
            h = s.nbd()
            assert h.is_read_only() and h.can_multi_conn()
            assert h.get_size() == size and h.pread(size, 0) == expected(size, 0)


def test_refused():
    assert 'size' in refused('pattern')


main(globals())
