# SPDX-License-Identifier: BSD-3-Clause
# The retry filter.  Errors come from the error filter below it, while a file exists;
# the log filter below shows when it was reopened.
import errno
import os
import re
import threading

from harness import Server, TempDir, expect_error, main, wait_for

QUICK = ['retry-delay=1ms', 'retry-exponential=no']


def server(d, *args, plugin=('memory', '1M')):
    return Server('--filter=retry', '--filter=log', '--filter=error', *plugin,
                  'logfile=' + d + '/log', 'error-rate=1', 'error-file=' + d + '/bad', *args)


def opened(d):
    return open(d + '/log').read().count(' Connect ')


def rejected(s, export=''):
    import nbd
    try:
        s.nbd(export, contexts=())  # each option would open it
    except nbd.Error:
        return
    assert False


def bad(d):
    open(d + '/bad', 'w').close()


def good(d):
    os.unlink(d + '/bad')


COMMANDS = {
    'Read': lambda h: h.pread(512, 0),
    'Write': lambda h: h.pwrite(b'x' * 512, 0),
    'Trim': lambda h: h.trim(512, 0),
    'Zero': lambda h: h.zero(512, 0),
    'Extents': lambda h: h.block_status(512, 0, lambda *a: 0),
    'Cache': lambda h: h.cache(512, 0),
}


def test_without_errors_nothing_is_reopened():
    with TempDir() as d, server(d, *QUICK) as s:
        h = s.nbd()
        for command in COMMANDS.values():
            command(h)
        h.flush()
        assert opened(d) == 1


def test_gives_up_after_so_many():
    for name, command in COMMANDS.items():
        with TempDir() as d, server(d, 'retries=3', *QUICK) as s:
            h = s.nbd()
            bad(d)
            expect_error(errno.EIO, command, h)
            assert opened(d) == 4
            assert open(d + '/log').read().count(' %s id=' % name) == 4
            good(d)
            command(h)


def test_no_retries():
    with TempDir() as d, server(d, 'retries=0', *QUICK) as s:
        h = s.nbd()
        bad(d)
        expect_error(errno.EIO, h.pread, 512, 0)
        assert opened(d) == 1


def test_recovers():
    for command in COMMANDS.values():
        with TempDir() as d, server(d, 'retries=1000000', *QUICK) as s:
            h = s.nbd()
            bad(d)
            t = threading.Thread(target=wait_for, args=('retries', lambda: opened(d) > 3))
            t.start()

            def heal():
                t.join()
                good(d)
            healer = threading.Thread(target=heal)
            healer.start()
            command(h)
            healer.join()


def test_many_at_once_reopen_once_each_time():
    import nbd
    with TempDir() as d, server(d, 'retries=1000000', *QUICK) as s:
        h = s.nbd()
        h.pwrite(b'x' * 65536, 0)
        bad(d)
        buffers = [nbd.Buffer(4096) for _ in range(16)]
        cookies = [h.aio_pread(b, 4096 * i) for i, b in enumerate(buffers)]
        wait_for('retries', lambda: opened(d) > 10)
        good(d)
        for cookie in cookies:
            while not h.aio_command_completed(cookie):
                h.poll(-1)
        assert all(b.to_bytearray() == b'x' * 4096 for b in buffers)
        assert s.nbd().pread(512, 0) == b'x' * 512


def test_one_reopening_is_for_all():
    import nbd
    with TempDir() as d, server(d, 'retries=1', 'retry-delay=300ms') as s:
        h = s.nbd()
        bad(d)
        for i in range(16):
            h.aio_pread(nbd.Buffer(512), 512 * i)
        while h.aio_in_flight() > 0:
            h.poll(-1)
            while h.aio_in_flight() > 0 and h.aio_peek_command_completed() > 0:
                expect_error(errno.EIO, h.aio_command_completed, h.aio_peek_command_completed())
        assert opened(d) < 17  # once at the start, and not once for each


def test_readonly_after_an_error():
    with TempDir() as d, server(d, 'retries=1', 'retry-readonly=yes', *QUICK) as s:
        h = s.nbd()
        bad(d)
        expect_error(errno.EIO, h.pread, 512, 0)
        good(d)
        expect_error(errno.EPERM, h.pwrite, b'x', 0)  # EROFS, in NBD's words
        h.pread(512, 0)
        s.nbd().pwrite(b'x', 0)


def test_open():
    with TempDir() as d:
        with open(d + '/disk', 'wb') as f:
            f.truncate(512)
        args = ('--filter=retry', '--filter=offset', 'file', d + '/disk', 'offset=1k')
        with Server(*args, 'retries=2', *QUICK) as s:
            rejected(s)
            assert s.log().count('beyond the size') == 3
        with Server(*args, 'retries=2', 'retry-open=no', *QUICK) as s:
            rejected(s)
            assert s.log().count('beyond the size') == 1
        with Server(*args, 'retries=1000000', *QUICK) as s:
            def grow():
                wait_for('retries', lambda: s.log().count('beyond the size') > 3)
                os.truncate(d + '/disk', 4096)
            t = threading.Thread(target=grow)
            t.start()
            assert s.nbd().get_size() == 3072
            t.join()


def test_no_such_export_is_not_waited_for():
    with TempDir() as d, Server('--filter=retry', 'file', 'dir=' + d, 'retries=100') as s:
        rejected(s, 'none')


def test_a_disk_that_shrank_is_not_served():
    with TempDir() as d:
        with open(d + '/disk', 'wb') as f:
            f.truncate(8192)
        with server(d, 'retries=1', *QUICK, plugin=('file', d + '/disk')) as s:
            h = s.nbd()
            os.truncate(d + '/disk', 4096)
            bad(d)
            expect_error(errno.EIO, h.pread, 512, 0)
            assert 'only 4096 bytes' in s.log()
            good(d)
            os.truncate(d + '/disk', 8192)
            h.pread(512, 0)


def test_ends_while_waiting():
    import nbd
    with TempDir() as d, server(d, 'retry-delay=3600') as s:
        h = s.nbd()
        bad(d)
        h.aio_pread(nbd.Buffer(512), 0)
        h.flush()
        s.stop()


main(globals())
