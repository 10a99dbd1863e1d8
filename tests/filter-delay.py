# SPDX-License-Identifier: BSD-3-Clause
# The delay filter.  A delay of an hour is one that does not end during a test, so
# that what waits and what does not can be told apart without a clock.
import errno

from harness import Server, expect_error, main, refused

HOUR = '3600'


def test_reads_wait_and_writes_do_not():
    import nbd
    for name in 'rdelay', 'delay-read':
        with Server('--filter=delay', 'memory', '1M', '%s=%s' % (name, HOUR)) as s:
            h = s.nbd()
            buf = nbd.Buffer(512)
            cookie = h.aio_pread(buf, 0)
            h.pwrite(b'x' * 512, 0)
            h.trim(512, 0)
            h.zero(512, 0)
            h.cache(512, 0)
            h.block_status(512, 0, lambda *a: 0)
            assert not h.aio_command_completed(cookie)
            s.stop()  # does not wait for the hour to end


def test_wdelay_is_for_all_changes():
    for command in 'aio_pwrite', 'aio_trim', 'aio_zero':
        with Server('--filter=delay', 'memory', '1M', 'wdelay=' + HOUR) as s:
            h = s.nbd()
            args = (b'x' * 512, 0) if command == 'aio_pwrite' else (512, 0)
            cookie = getattr(h, command)(*args)
            assert h.pread(512, 0) == bytes(512)
            assert not h.aio_command_completed(cookie)
            s.stop()


def test_one_kind_of_operation():
    import nbd
    commands = {
        'delay-write': lambda h: h.aio_pwrite(b'x' * 512, 0),
        'delay-trim': lambda h: h.aio_trim(512, 0),
        'delay-zero': lambda h: h.aio_zero(512, 0),
        'delay-cache': lambda h: h.aio_cache(512, 0),
        'delay-extents': lambda h: h.aio_block_status(512, 0, lambda *a: 0),
    }
    for name, command in commands.items():
        with Server('--filter=delay', 'memory', '1M', '%s=%s' % (name, HOUR)) as s:
            h = s.nbd()
            held = command(h)
            free = [c(h) for n, c in commands.items() if n != name]
            h.pread(512, 0)
            for cookie in free:
                while not h.aio_command_completed(cookie):
                    h.poll(-1)
            assert not h.aio_command_completed(held)
            s.stop()


def test_a_short_delay_ends():
    with Server('--filter=delay', 'memory', '1M', 'rdelay=1ms', 'wdelay=1ms',
                'delay-open=1ms', 'delay-close=1ms', 'delay-cache=1ms',
                'delay-extents=1ms') as s:
        h = s.nbd()
        h.pwrite(b'x' * 512, 512)
        h.zero(512, 1024)
        h.trim(512, 2048)
        h.cache(512, 0)
        h.block_status(4096, 0, lambda *a: 0)
        assert h.pread(1024, 0) == bytes(512) + b'x' * 512
        h.shutdown()


def test_fast_zero():
    import nbd
    with Server('--filter=delay', 'memory', '1M', 'delay-zero=' + HOUR,
                'delay-fast-zero=false') as s:
        h = s.nbd()
        assert h.can_fast_zero()
        expect_error(errno.ENOTSUP, h.zero, 512, 0, nbd.CMD_FLAG_FAST_ZERO)
    with Server('--filter=delay', 'memory', '1M', 'delay-fast-zero=false') as s:
        h = s.nbd()
        expect_error(errno.ENOTSUP, h.zero, 512, 0, nbd.CMD_FLAG_FAST_ZERO)
        h.zero(512, 0)


def test_what_is_no_time():
    assert 'rdelay' in refused('--filter=delay', 'memory', '1M', 'rdelay=soon')


main(globals())
