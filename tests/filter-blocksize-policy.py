# SPDX-License-Identifier: BSD-3-Clause
# The blocksize-policy filter.
import errno

from harness import Server, expect_error, main, refused

SIZES = 'blocksize-minimum=4k', 'blocksize-preferred=64k', 'blocksize-maximum=1M'


def loose(h):
    h.set_strict_mode(0)
    h.set_request_block_size(False)


def test_sizes_are_stated():
    with Server('--filter=blocksize-policy', 'memory', '8M', *SIZES) as s:
        h = s.nbd()
        assert [h.get_block_size(i) for i in range(3)] == [4096, 65536, 1 << 20]


def test_one_of_them():
    with Server('--filter=blocksize-policy', 'memory', '8M', 'blocksize-preferred=32k') as s:
        assert s.nbd().get_block_size(1) == 32768


def test_allow():
    with Server('--filter=blocksize-policy', 'memory', '8M', *SIZES) as s:
        h = s.nbd(setup=loose)
        h.pwrite(b'x' * 100, 5)
        assert h.pread(3, 4) == b'\0xx'


def test_error():
    with Server('--filter=blocksize-policy', 'memory', '8M', 'blocksize-error-policy=error',
                *SIZES) as s:
        h = s.nbd(setup=loose)
        h.pwrite(b'x' * 4096, 4096)
        expect_error(errno.EINVAL, h.pread, 4096, 512)
        expect_error(errno.EINVAL, h.pwrite, b'y' * 512, 4096)
        expect_error(errno.EINVAL, h.zero, 512, 4096)
        expect_error(errno.EINVAL, h.trim, 512, 4096)
        expect_error(errno.EINVAL, h.cache, 512, 4096)
        expect_error(errno.EINVAL, h.block_status, 512, 4096, lambda *a: 0)
        expect_error(errno.EINVAL, h.pread, 2 << 20, 0)
        h.zero(2 << 20, 2 << 20)
        h.flush()
        assert h.pread(4096, 4096) == b'x' * 4096


def test_write_disconnect():
    import nbd
    with Server('--filter=blocksize-policy', 'memory', '8M', 'blocksize-write-disconnect=1M') as s:
        h = s.nbd(setup=loose)
        h.pwrite(bytes(1 << 20), 0)
        try:
            h.pwrite(bytes((1 << 20) + 1), 0)
            assert False
        except nbd.Error:
            pass
        assert h.aio_is_dead() or h.aio_is_closed()
        s.nbd().pread(1, 0)


def test_wrong_sizes():
    for arg in ('blocksize-minimum=3', 'blocksize-minimum=128k', 'blocksize-preferred=100',
                'blocksize-preferred=64M', 'blocksize-maximum=5G'):
        assert arg.split('=')[0] in refused('--filter=blocksize-policy', 'memory', '1M', arg)
    refused('--filter=blocksize-policy', 'memory', '1M', 'blocksize-minimum=4k',
            'blocksize-maximum=5000')
    refused('--filter=blocksize-policy', 'memory', '1M', 'blocksize-minimum=4k',
            'blocksize-preferred=512')


main(globals())
