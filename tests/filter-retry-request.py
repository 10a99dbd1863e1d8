# SPDX-License-Identifier: BSD-3-Clause
# The retry-request filter.
import errno

from harness import Server, TempDir, expect_error, main

COMMANDS = {
    'Read': lambda h: h.pread(512, 0),
    'Write': lambda h: h.pwrite(b'x' * 512, 0),
    'Trim': lambda h: h.trim(512, 0),
    'Zero': lambda h: h.zero(512, 0),
    'Extents': lambda h: h.block_status(512, 0, lambda *a: 0),
    'Cache': lambda h: h.cache(512, 0),
}


def server(d, *args):
    return Server('--filter=retry-request', '--filter=log', '--filter=error', 'memory', '1M',
                  'logfile=' + d + '/log', 'retry-request-delay=1us', *args)


def test_so_many_tries_on_one_connection():
    with TempDir() as d, server(d, 'error-rate=1', 'retry-request-retries=4') as s:
        h = s.nbd()
        for name, command in COMMANDS.items():
            expect_error(errno.EIO, command, h)
            assert open(d + '/log').read().count(' %s id=' % name) == 5
        assert open(d + '/log').read().count(' Connect ') == 1


def test_recovers():
    with TempDir() as d, server(d, 'error-rate=50%', 'retry-request-retries=1000') as s:
        h = s.nbd()
        for i in range(50):
            h.pwrite(bytes([i]) * 512, i * 512)
        for i in range(50):
            assert h.pread(512, i * 512) == bytes([i]) * 512
        for command in COMMANDS.values():
            command(h)


def test_fast_zero_is_asked_once():
    import nbd
    with TempDir() as d, Server('--filter=retry-request', '--filter=log', '--filter=nozero',
                                'memory', '1M', 'zeromode=emulate', 'logfile=' + d + '/log') as s:
        expect_error(errno.ENOTSUP, s.nbd().zero, 512, 0, nbd.CMD_FLAG_FAST_ZERO)
        assert open(d + '/log').read().count(' Zero id=') == 1


def test_open():
    import nbd
    for args, tries in ([], 3), (['retry-request-open=false'], 1):
        with Server('--filter=retry-request', '--filter=offset', 'memory', '1M', 'offset=2M',
                    'retry-request-delay=1us', *args) as s:
            try:
                s.nbd(contexts=())
                assert False
            except nbd.Error:
                pass
            assert s.log().count('beyond the size') == tries


main(globals())
