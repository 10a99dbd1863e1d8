# SPDX-License-Identifier: BSD-3-Clause
# The count filter.
import errno

from harness import RECORDER, Server, expect_error, main


def work(s):
    for _ in range(2):
        h = s.nbd()
        h.pwrite(b'x' * 1000, 100)
        h.pread(4096, 0)
        h.pread(512, 8192)
        h.zero(65536, 0)
        h.trim(3000, 4096)
        h.flush()
        h.shutdown()


def test_bytes_of_all_clients():
    with Server('-v', '--filter=count', 'memory', '1M') as s:
        work(s)
        s.stop()
        assert 'count: debug: bytes read: 9216, written: 2000, zeroed: 131072, trimmed: 6000\n' in s.log()


def test_emulated_operations_count_as_what_they_are():
    with Server('-v', '--filter=count', RECORDER, 'without=zero') as s:
        work(s)
        s.stop()
        assert 'count: debug: bytes read: 9216, written: 2000, zeroed: 131072, trimmed: 6000\n' in s.log()


def test_what_fails_does_not_count():
    with Server('-v', '--filter=count', '--filter=error', 'memory', '1M', 'error-rate=1') as s:
        h = s.nbd()
        expect_error(errno.EIO, h.pread, 512, 0)
        expect_error(errno.EIO, h.pwrite, b'x' * 512, 0)
        h.shutdown()
        s.stop()
        assert 'bytes read: 0, written: 0, zeroed: 0, trimmed: 0\n' in s.log()


def test_silent_without_v():
    with Server('--filter=count', 'memory', '1M') as s:
        work(s)
        s.stop()
        assert s.log() == ''


main(globals())
