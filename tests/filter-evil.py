# SPDX-License-Identifier: BSD-3-Clause
# The evil filter.
from harness import Server, TempDir, main, pattern, refused

SIZE = 1 << 20


def wrong_bits(got, want):
    """[(number of the bit, what it reads as)]"""
    diff = int.from_bytes(got, 'little') ^ int.from_bytes(want, 'little')
    text = bin(diff)[:1:-1]
    return [(i, got[i // 8] >> i % 8 & 1) for i, c in enumerate(text) if c == '1']


def evil(*args, plugin=('memory', str(SIZE)), filters=('--filter=noextents',)):
    return Server('--filter=evil', *filters, *plugin, *args)


def filled(s, byte):
    h = s.nbd()
    h.pwrite(bytes([byte]) * SIZE, 0)
    return h, bytes([byte]) * SIZE


def expect_about(n, want):
    """Off by chance once in far more than 10^20 runs."""
    assert abs(n - want) < 10 * want ** .5, (n, want)


def test_stuck_bits_stay_where_they_are():
    with evil('evil-probability=1:10000') as s:
        h, zeroes = filled(s, 0)
        high = wrong_bits(h.pread(SIZE, 0), zeroes)
        assert wrong_bits(h.pread(SIZE, 0), zeroes) == high
        # In small pieces, across the borders of whatever there may be.
        pieces = []
        for offset in range(0, SIZE, 99991):
            n = min(99991, SIZE - offset)
            pieces += [(b + offset * 8, v) for b, v in wrong_bits(h.pread(n, offset), bytes(n))]
        assert pieces == high
        h, ones = filled(s, 0xff)
        low = wrong_bits(h.pread(SIZE, 0), ones)
        assert all(v == 1 for _, v in high) and all(v == 0 for _, v in low)
        assert not set(b for b, _ in high) & set(b for b, _ in low)
        expect_about(len(high), SIZE * 8 / 10000 / 2)
        expect_about(len(low), SIZE * 8 / 10000 / 2)


def test_what_lies_below_is_not_changed():
    with TempDir() as d:
        with open(d + '/disk', 'wb') as f:
            f.truncate(SIZE)
        with evil('evil-probability=1%', plugin=('file', d + '/disk')) as s:
            h = s.nbd()
            h.pwrite(pattern(65536), 4096)
            assert h.pread(65536, 4096) != pattern(65536)
        assert open(d + '/disk', 'rb').read()[4096:4096 + 65536] == pattern(65536)


def test_seeds():
    def bits(*args):
        with evil('evil-probability=1e-4', *args) as s:
            return wrong_bits(s.nbd().pread(SIZE, 0), bytes(SIZE))

    assert bits('evil-seed=7') == bits('evil-seed=7') != bits('evil-seed=8')
    assert bits() != bits()


def test_stuck_now_and_then():
    with evil('evil-probability=1e-4', 'evil-seed=7') as s:
        all_of_them = set(wrong_bits(s.nbd().pread(SIZE, 0), bytes(SIZE)))
    with evil('evil-probability=1e-4', 'evil-seed=7', 'evil-stuck-probability=50%') as s:
        h = s.nbd()
        seen = [set(wrong_bits(h.pread(SIZE, 0), bytes(SIZE))) for _ in range(2)]
    assert seen[0] < all_of_them and seen[1] < all_of_them and seen[0] != seen[1]
    expect_about(len(seen[0]), len(all_of_them) / 2)


def test_stuck_wires():
    with evil('evil=stuck-wires', 'evil-probability=1e-3') as s:
        h = s.nbd()
        bits = wrong_bits(h.pread(1 << 18, 0), bytes(1 << 18))
        assert bits
        for offset in 512, 1 << 18, 700001:
            assert wrong_bits(h.pread(1 << 18, offset), bytes(1 << 18)) == bits
        expect_about(len(bits), (8 << 18) / 1000 / 2)


def test_cosmic_rays():
    with evil('evil=cosmic-rays', 'evil-probability=1e-4') as s:
        h, ones = filled(s, 0xff)
        seen = [wrong_bits(h.pread(SIZE, 0), ones) for _ in range(2)]
        assert not set(seen[0]) >= set(seen[1])
        for bits in seen:
            expect_about(len(bits), SIZE * 8 / 10000)


def test_the_ends_of_the_scale():
    with evil('evil-probability=1e-13') as s:
        assert s.nbd().pread(SIZE, 0) == bytes(SIZE)
    with evil('evil=cosmic-rays', 'evil-probability=0.2') as s:
        assert s.nbd().pread(65536, 1) == b'\xff' * 65536
    with evil() as s:
        assert len(wrong_bits(s.nbd().pread(65536, 0), bytes(65536))) < 10  # 0.005 on average


def test_holes_stay():
    with evil('evil=cosmic-rays', 'evil-probability=1', filters=()) as s:
        h = s.nbd()
        assert h.pread(SIZE, 0) == bytes(SIZE)
        want = bytearray(SIZE)
        for offset in 65536, 1 << 18, 3 << 18:
            want[offset:offset + 4096] = pattern(4096)
            h.pwrite(pattern(4096), offset)
        parts = []
        h.block_status(SIZE, 0, lambda c, o, e, err: parts.extend(e))
        offset = 0
        for length, kind in zip(parts[::2], parts[1::2]):
            if kind == 0:
                want[offset:offset + length] = bytes(255 - b for b in want[offset:offset + length])
            offset += length
        assert len(parts) >= 14
        assert h.pread(SIZE, 0) == want
        assert h.pread(100000, 4096) == want[4096:104096]


def test_wrong_words():
    assert 'evil' in refused('--filter=evil', 'memory', '1M', 'evil=gremlins')
    assert 'evil-probability' in refused('--filter=evil', 'memory', '1M', 'evil-probability=2')
    assert 'evil-seed' in refused('--filter=evil', 'memory', '1M', 'evil-seed=x')


main(globals())
