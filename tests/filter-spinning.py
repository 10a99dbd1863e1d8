# SPDX-License-Identifier: BSD-3-Clause
# The spinning filter.  A seek of an hour is one that does not end during a test.
import nbd
from harness import Server, main, refused

MiB = 1 << 20
HOURS = ['min-seek-time=3600', 'half-seek-time=3600', 'max-seek-time=3600']


def test_what_is_near_need_not_wait():
    with Server('--filter=spinning', 'memory', '100M', *HOURS) as s:
        h = s.nbd()
        assert h.is_rotational()
        h.pwrite(b'x' * 4096, 0)
        assert h.pread(4096, 0) == b'x' * 4096
        for offset in range(0, 2 * MiB, 65536):  # on from where the head is
            h.pread(65536, offset)
        # These do not move it.
        h.trim(512, 50 * MiB)
        h.flush()
        h.block_status(512, 50 * MiB, lambda *a: 0)
        h.pread(512, 2 * MiB)
        far = h.aio_pread(nbd.Buffer(512), 50 * MiB)
        near = h.aio_pread(nbd.Buffer(512), 50 * MiB + 512)
        assert not h.aio_command_completed(far) and not h.aio_command_completed(near)
        s.stop()


def test_each_kind_of_access():
    for command, args in [('aio_pread', (nbd.Buffer(512), 50 * MiB)), ('aio_zero', (512, 50 * MiB)),
                          ('aio_pwrite', (b'x' * 512, 50 * MiB)), ('aio_cache', (512, 50 * MiB))]:
        with Server('--filter=spinning', 'memory', '100M', *HOURS) as s:
            h = s.nbd()
            cookie = getattr(h, command)(*args)
            h.flush()
            assert not h.aio_command_completed(cookie)
            s.stop()


def test_distance():
    # Half of the disk takes for ever, the whole of it next to nothing.
    with Server('--filter=spinning', 'memory', '100M', 'min-seek-time=0', 'half-seek-time=3600',
                'max-seek-time=0') as s:
        h = s.nbd()
        h.pread(4096, 100 * MiB - 4096)
        cookie = h.aio_pread(nbd.Buffer(512), 50 * MiB)
        h.flush()
        assert not h.aio_command_completed(cookie)
        s.stop()


def test_heads_on_one_arm():
    with Server('--filter=spinning', 'memory', '400M', 'heads=4', *HOURS) as s:
        h = s.nbd()
        for part in 0, 100, 200, 300:  # all are at the beginnings of their parts
            h.pread(512, part * MiB)
        far = h.aio_pread(nbd.Buffer(512), 50 * MiB)
        h.flush()
        other = h.aio_pread(nbd.Buffer(512), 350 * MiB)
        h.flush()
        assert not h.aio_command_completed(far) and not h.aio_command_completed(other)
        s.stop()


def test_heads_on_arms_of_their_own():
    with Server('--filter=spinning', 'memory', '400M', 'heads=4', 'separate-heads=true', *HOURS) as s:
        h = s.nbd()
        far = h.aio_pread(nbd.Buffer(512), 50 * MiB)
        h.flush()
        for part in 100, 200, 300:
            h.pread(512, part * MiB)
        assert not h.aio_command_completed(far)
        s.stop()


def test_a_small_disk_of_many_heads():
    with Server('--filter=spinning', 'memory', '1000', 'heads=7', 'separate-heads=true', *HOURS) as s:
        h = s.nbd()
        for offset in range(1000):
            h.pread(1, offset)
        h.pread(1000, 0)


def test_wrong_numbers():
    assert 'heads' in refused('--filter=spinning', 'memory', '1M', 'heads=0')
    assert 'heads' in refused('--filter=spinning', 'memory', '1M', 'heads=100000')
    assert 'seek' in refused('--filter=spinning', 'memory', '1M', 'max-seek-time=long')


main(globals())
