# SPDX-License-Identifier: BSD-3-Clause
# The swab filter.
import errno

from harness import Server, TempDir, expect_error, main, refused

DATA = bytes(range(256)) * 4


def test_words():
    with TempDir() as d:
        with open(d + '/disk', 'wb') as f:
            f.write(DATA + b'end')
        for bits in None, 8, 16, 32, 64:
            n = (bits or 16) // 8
            args = ['swab-bits=%d' % bits] if bits else []
            with Server('--filter=swab', 'file', d + '/disk', *args) as s:
                h = s.nbd()
                assert h.get_size() == (len(DATA) + 3) // n * n
                got = h.pread(len(DATA), 0)
                expected = b''.join(DATA[i:i + n][::-1] for i in range(0, len(DATA), n))
                assert got == expected
                h.pwrite(got, 0)
            assert open(d + '/disk', 'rb').read() == DATA + b'end'


def test_parts_of_words():
    with Server('--filter=swab', 'memory', '1M', 'swab-bits=32') as s:
        def loose(h):
            h.set_strict_mode(0)
            h.set_request_block_size(False)
        h = s.nbd(setup=loose)
        expect_error(errno.EINVAL, h.pread, 4, 2)
        expect_error(errno.EINVAL, h.pwrite, b'xy', 0)
        assert s.nbd().get_block_size(0) == 4


def test_wrong_bits():
    assert 'swab-bits' in refused('--filter=swab', 'memory', '1M', 'swab-bits=24')


main(globals())
