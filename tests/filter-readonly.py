# SPDX-License-Identifier: BSD-3-Clause
# The readonly filter.
import errno
import os

from harness import Server, TempDir, expect_error, main


def test_always():
    with Server('--filter=readonly', 'memory', '1M') as s:
        h = s.nbd()
        h.set_strict_mode(0)
        assert h.is_read_only()
        expect_error(errno.EPERM, h.pwrite, b'x' * 512, 0)
        expect_error(errno.EPERM, h.zero, 512, 0)
        expect_error(errno.EPERM, h.trim, 512, 0)
        assert h.pread(512, 0) == bytes(512)


def test_opens_a_file_that_cannot_be_written():
    with TempDir() as d:
        with open(d + '/disk', 'wb') as f:
            f.write(b'x' * 4096)
        with Server('--filter=readonly', 'file', d + '/disk') as s:
            h = s.nbd()
            assert h.pread(4096, 0) == b'x' * 4096
            assert s.access_modes(d + '/disk') == {os.O_RDONLY}


def test_while_a_file_exists():
    with TempDir() as d, Server('--filter=readonly', 'memory', '1M',
                                'readonly-file=' + d + '/ro') as s:
        h = s.nbd()
        assert not h.is_read_only()
        h.pwrite(b'a' * 512, 0)
        open(d + '/ro', 'w').close()
        expect_error(errno.EPERM, h.pwrite, b'b' * 512, 0)
        expect_error(errno.EPERM, h.zero, 512, 0)
        expect_error(errno.EPERM, h.trim, 512, 0)
        assert h.pread(512, 0) == b'a' * 512
        assert s.nbd().get_size() == 1 << 20


def test_and_no_longer():
    with TempDir() as d:
        open(d + '/ro', 'w').close()
        with Server('--filter=readonly', 'memory', '1M', 'readonly-file=' + d + '/ro') as s:
            h = s.nbd()
            expect_error(errno.EPERM, h.pwrite, b'b' * 512, 0)
            os.unlink(d + '/ro')
            h.pwrite(b'b' * 512, 0)
            assert h.pread(512, 0) == b'b' * 512


main(globals())
