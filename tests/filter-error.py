# SPDX-License-Identifier: BSD-3-Clause
# The error filter.
import errno

from harness import Server, TempDir, expect_error, main, refused

COMMANDS = {
    'pread': lambda h: h.pread(512, 0),
    'pwrite': lambda h: h.pwrite(b'x' * 512, 0),
    'trim': lambda h: h.trim(512, 0),
    'zero': lambda h: h.zero(512, 0),
    'extents': lambda h: h.block_status(512, 0, lambda *a: 0),
    'cache': lambda h: h.cache(512, 0),
}


def test_nothing_without_a_rate():
    with Server('--filter=error', 'memory', '1M', 'error=ENOSPC') as s:
        h = s.nbd()
        for command in COMMANDS.values():
            command(h)


def test_all_operations():
    with Server('--filter=error', 'memory', '1M', 'error=ENOSPC', 'error-rate=100%') as s:
        h = s.nbd()
        for command in COMMANDS.values():
            expect_error(errno.ENOSPC, command, h)
        h.flush()


def test_default_is_eio():
    with Server('--filter=error', 'memory', '1M', 'error-rate=1') as s:
        expect_error(errno.EIO, s.nbd().pread, 512, 0)
        assert 'injecting EIO error into pread' in s.log()


def test_one_kind_only():
    for kind in COMMANDS:
        with Server('--filter=error', 'memory', '1M', 'error-%s=ENOMEM' % kind,
                    'error-%s-rate=1' % kind) as s:
            h = s.nbd()
            for other, command in COMMANDS.items():
                if other == kind:
                    expect_error(errno.ENOMEM, command, h)
                else:
                    command(h)


def test_the_last_word_counts():
    with Server('--filter=error', 'memory', '1M', 'error-rate=1', 'error-pread-rate=0') as s:
        h = s.nbd()
        h.pread(512, 0)
        expect_error(errno.EIO, h.pwrite, b'x', 0)


def test_while_a_file_exists():
    with TempDir() as d, Server('--filter=error', 'memory', '1M', 'error-rate=1',
                                'error-file=' + d + '/inject',
                                'error-zero-file=' + d + '/other') as s:
        h = s.nbd()
        h.pread(512, 0)
        open(d + '/inject', 'w').close()
        expect_error(errno.EIO, h.pread, 512, 0)
        h.zero(512, 0)
        open(d + '/other', 'w').close()
        expect_error(errno.EIO, h.zero, 512, 0)


def test_a_rate_between():
    with Server('--filter=error', 'memory', '1M', 'error-rate=50%') as s:
        import nbd
        h = s.nbd()
        failed = 0
        for _ in range(500):
            try:
                h.pread(512, 0)
            except nbd.Error:
                failed += 1
        assert 100 < failed < 400  # off by chance once in far more than 10^30 runs


def test_an_injected_error_changes_nothing():
    with Server('--filter=error', 'memory', '1M', 'error-pwrite-rate=1') as s:
        h = s.nbd()
        expect_error(errno.EIO, h.pwrite, b'x' * 512, 0)
        assert h.pread(512, 0) == bytes(512)


def test_wrong_words():
    assert 'EWRONG' in refused('--filter=error', 'memory', '1M', 'error=EWRONG')
    assert 'error-rate' in refused('--filter=error', 'memory', '1M', 'error-rate=200%')


main(globals())
