# SPDX-License-Identifier: BSD-3-Clause
# The sparse-random plugin.
import errno

from harness import *
from nbdkitlib import digest, extents


def test_a_seed_is_a_disk_for_ever():
    for content, sum in (('false', 'ffe5f2bdf4bf8fbb699ccd2fcf818a8246b788a392ff2a851e0e4b146920a096'),
                         ('true', 'aa260a2688b3b24b75a12a4d4c720d09ca1fafb002e3be5dbd0c06efd4a10553')):
        with Server('sparse-random', '4M', 'seed=1', 'percent=50', 'runlength=16k', 'random-content=' + content) as s:
            h = s.nbd()
            assert extents(h)[:6] == [[24576, 3], [4096, 0], [40960, 3], [8192, 0], [4096, 3], [24576, 0]]
            assert digest(h) == sum


def test_shape():
    with Server('sparse-random', '100G', 'percent=30', 'runlength=1M') as s:
        found = extents(s.nbd())
        data = [n for n, kind in found if kind == 0]
        assert 0.25 < sum(data) / (100 << 30) < 0.35
        assert 0.8e6 < sum(data) / len(data) < 1.3e6


def test_writes_are_compared():
    for content in 'false', 'true':
        with Server('sparse-random', '32M', 'seed=5', 'percent=40', 'runlength=32k', 'random-content=' + content) as s:
            h = s.nbd()
            data = h.pread(1 << 20, 777)
            h.pwrite(data, 777)
            run(['nbdcopy', s.uri, s.uri])
            h.flush()
            offset = 0
            for n, kind in extents(h):
                if kind == 0:
                    assert h.pread(n, offset).count(0) < n / 2
                    expect_error(errno.EIO, h.pwrite, bytes([h.pread(1, offset + n - 1)[0] ^ 1]), offset + n - 1)
                    for clear in h.zero, h.trim:
                        expect_error(errno.EIO, clear, 1, offset + n - 1)
                        expect_error(errno.EIO, clear, n, offset)
                else:
                    assert h.pread(n, offset) == bytes(n)
                    h.zero(n, offset)
                    h.trim(n, offset)
                    expect_error(errno.EIO, h.pwrite, b'x', offset)
                offset += n


def test_refused():
    for args, text in (([], 'size'), (['1M', 'percent=101'], 'percent'), (['1M', 'percent=-1'], 'percent'),
                       (['1M', 'percent=nan'], 'percent'), (['1M', 'percent='], 'percent'),
                       (['1M', 'runlength=0'], 'runlength'), (['1M', 'seed=-1'], 'seed')):
        assert text in refused('sparse-random', *args)


main(globals())
