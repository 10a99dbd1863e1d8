# SPDX-License-Identifier: BSD-3-Clause
# The random plugin.
import errno

from harness import *


def test_a_seed_is_a_disk_for_ever():
    for seed, first, far in (('0', 'e01405517eae4896', 'cbb2997ceea16816'), ('1', '1405517eae489606', 'b2997ceea1681606'),
                             ('0x1234', '36e4f3d9bb037d6f', '5675d6d046c7db1a')):
        with Server('random', '1T', 'seed=' + seed) as s:
            h = s.nbd()
            assert (h.pread(8, 0).hex(), h.pread(8, 1 << 39).hex()) == (first, far)


def test_another_disk_each_time():
    found = set()
    for _ in range(2):
        with Server('random', '1M') as s:
            found.add(bytes(s.nbd().pread(4096, 1000)))
    assert len(found) == 2


def test_one_disk_for_all():
    with Server('random', str(2**63 - 1)) as s:
        h, other = s.nbd(), s.nbd()
        data = h.pread(10000, 2**63 - 10001)
        assert data == other.pread(10000, 2**63 - 10001)
        assert data[5000:] == h.pread(5000, 2**63 - 5001)


def test_writes_are_compared():
    with Server('random', '1M', 'seed=5') as s:
        h = s.nbd()
        data = h.pread(70000, 3)
        h.pwrite(data, 3)
        expect_error(errno.EIO, h.pwrite, data[:-1] + bytes([data[-1] ^ 1]), 3)
        expect_error(errno.EIO, h.zero, 512, 0)
        expect_error(errno.EIO, h.trim, 512, 0)
        run(['nbdcopy', s.uri, s.uri])


def test_refused():
    assert 'size' in refused('random')
    assert 'seed' in refused('random', '1M', 'seed=x')
    assert 'seed' in refused('random', '1M', 'seed=-1')


main(globals())
