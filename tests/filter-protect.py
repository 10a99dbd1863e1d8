# SPDX-License-Identifier: BSD-3-Clause
# The protect filter.
import errno

from harness import Server, expect_error, main, refused


def test_a_range():
    with Server('--filter=protect', 'memory', '1M', 'protect=1000-1999') as s:
        h = s.nbd()
        h.pwrite(b'x' * 1000, 0)
        h.pwrite(b'x' * 1000, 2000)
        h.pwrite(bytes(1000), 1000)  # changes nothing
        h.pwrite(b'x' * 1000 + bytes(1000) + b'y' * 1000, 0)
        expect_error(errno.EPERM, h.pwrite, b'x', 1000)
        expect_error(errno.EPERM, h.pwrite, b'x', 1999)
        expect_error(errno.EPERM, h.pwrite, b'x' * 2000, 0)
        h.zero(4096, 0)  # zeroes already
        assert h.pread(4000, 0) == bytes(4000)
        assert 'protected' in s.log()


def test_zero_and_trim():
    with Server('--filter=protect', '--filter=offset', 'memory', '1M', 'offset=0',
                'protect=0-0', 'protect=0x1000-') as s:
        h = s.nbd()
        h.pwrite(b'x' * 4095, 1)
        h.zero(4095, 1)
        h.trim(4095, 1)
        h.zero(8192, 0)


def test_data_that_is_protected():
    from harness import TempDir
    with TempDir() as d:
        with open(d + '/disk', 'wb') as f:
            f.write(b'x' * 8192)
        with Server('--filter=protect', 'file', d + '/disk', 'protect=-511') as s:
            h = s.nbd()
            expect_error(errno.EPERM, h.zero, 1024, 0)
            expect_error(errno.EPERM, h.trim, 1024, 511)
            h.zero(1024, 512)
            h.pwrite(b'x' * 512, 0)
        assert open(d + '/disk', 'rb').read() == b'x' * 512 + bytes(1024) + b'x' * (8192 - 1536)


def test_all_but_a_range():
    with Server('--filter=protect', 'memory', '1M', 'protect=~4096-8191') as s:
        h = s.nbd()
        h.pwrite(b'x' * 4096, 4096)
        expect_error(errno.EPERM, h.pwrite, b'x', 4095)
        expect_error(errno.EPERM, h.pwrite, b'x', 8192)
        expect_error(errno.EPERM, h.pwrite, b'x' * 2, 8191)


def test_nonsense():
    for value in '5', '9-5', 'a-b', '~', '-' * 40, '99999999999999999999-':
        assert 'protect' in refused('--filter=protect', 'memory', '1M', 'protect=' + value)


main(globals())
