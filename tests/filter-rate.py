# SPDX-License-Identifier: BSD-3-Clause
# The rate filter.  How long to wait is the subject of unit-rate-bucket.c; a rate of
# one bit a second is one at which nothing large ends during a test.
from harness import Server, TempDir, main


def blocks(h, read):
    """A read or a write that waits, while the other direction and the rest do not."""
    import nbd
    buf = nbd.Buffer(4096)
    cookie = h.aio_pread(buf, 0) if read else h.aio_pwrite(nbd.Buffer.from_bytearray(
        bytearray(4096)), 0)
    h.zero(1 << 20, 0)
    h.trim(1 << 20, 0)
    h.flush()
    assert not h.aio_command_completed(cookie)


def test_each_limit_holds_each_direction():
    for name in 'rate', 'connection-rate':
        for read in True, False:
            with Server('--filter=rate', 'memory', '1M', name + '=1') as s:
                blocks(s.nbd(), read)
                s.stop()


def test_all_share_the_rate_but_not_the_connection_rate():
    import nbd
    # 8 bytes are there to begin with, one bit a second comes in
    with Server('--filter=rate', 'memory', '1M', 'connection-rate=1', 'burstiness=64') as s:
        for _ in range(3):
            s.nbd().pread(8, 0)
    with Server('--filter=rate', 'memory', '1M', 'rate=1', 'burstiness=64') as s:
        s.nbd().pread(8, 0)
        h = s.nbd()
        cookie = h.aio_pread(nbd.Buffer(4096), 0)
        h.pwrite(b'x' * 8, 0)  # the other direction has its own
        assert not h.aio_command_completed(cookie)
        s.stop()


def test_files_override():
    with TempDir() as d:
        with open(d + '/rate', 'w') as f:
            f.write('100G\n')
        with Server('--filter=rate', 'memory', '16M', 'rate=1', 'connection-rate=1',
                    'rate-file=' + d + '/rate', 'connection-rate-file=' + d + '/rate') as s:
            h = s.nbd()
            h.pwrite(b'x' * (1 << 20), 0)
            assert h.pread(1 << 20, 0) == b'x' * (1 << 20)


def test_a_missing_or_senseless_file_changes_nothing():
    with TempDir() as d, Server('--filter=rate', 'memory', '16M',
                                'rate-file=' + d + '/rate') as s:
        h = s.nbd()
        h.pread(1 << 20, 0)
        with open(d + '/rate', 'w') as f:
            f.write('soon')
        s.nbd().pread(1 << 20, 0)


def test_a_fast_rate():
    with Server('--filter=rate', 'memory', '16M', 'rate=10G', 'connection-rate=5G') as s:
        h = s.nbd()
        for i in range(16):
            h.pwrite(bytes([i]) * 65536, i * 65536)
        for i in range(16):
            assert h.pread(65536, i * 65536) == bytes([i]) * 65536


main(globals())
