# SPDX-License-Identifier: BSD-3-Clause
# The checkwrite filter.
import errno

from harness import Server, TempDir, expect_error, main, pattern, run


class Disk(TempDir):
    """Half data, half hole."""
    def __enter__(self):
        self.path = super().__enter__() + '/disk'
        self.data = pattern(1 << 20)
        with open(self.path, 'wb') as f:
            f.write(self.data)
            f.truncate(2 << 20)
        return self


def test_the_same_is_accepted():
    with Disk() as d, Server('--filter=checkwrite', 'file', d.path) as s:
        h = s.nbd()
        h.pwrite(d.data, 0)
        h.pwrite(d.data[1000:2000], 1000)
        h.pwrite(bytes(1000), 1 << 20)
        h.zero(1 << 20, 1 << 20)
        h.trim(1000, (2 << 20) - 1000)
        h.flush()


def test_a_difference_is_not():
    with Disk() as d:
        with Server('--filter=checkwrite', 'file', d.path) as s:
            h = s.nbd()
            wrong = bytearray(d.data)
            wrong[-1] ^= 1
            expect_error(errno.EIO, h.pwrite, wrong, 0)
            expect_error(errno.EIO, h.pwrite, b'x', 1 << 20)
            expect_error(errno.EIO, h.zero, 2, (1 << 20) - 1)
            expect_error(errno.EIO, h.trim, 1 << 20, 0)
        assert open(d.path, 'rb').read(1 << 20) == d.data


def test_copying_tools():
    with Disk() as d, Server('--filter=checkwrite', 'file', d.path) as s:
        run(['nbdcopy', s.uri, s.uri])
        run(['nbdcopy', d.path, s.uri])
        run(['qemu-img', 'convert', '-n', '-f', 'raw', '-O', 'raw', s.uri, s.uri])
        with open(d.path + '2', 'wb') as f:
            f.write(d.data[::-1])
        assert run(['nbdcopy', d.path + '2', s.uri], check=False).returncode != 0


main(globals())
