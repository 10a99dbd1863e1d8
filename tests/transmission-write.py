# SPDX-License-Identifier: BSD-3-Clause
# WRITE: small, large, pipelined, refused.
from harness import Server, expect_error, pattern, main
from rawnbd import *

SIZE = 1 << 20


def test_sizes_around_the_buffers_of_the_server():
    with Server('memory', '300M') as s, Raw(s) as raw:
        raw.go()
        for length in (1, 511, 4096, 8164, 8192, 32767, 32768, 65536, 262144, 262145, 1 << 20,
                       (64 << 20) - 1, 64 << 20):
            data = pattern(length, length)
            assert raw.write(7, data) == 0
            assert raw.read(7, length) == data, length


def test_pipelined_writes_of_mixed_sizes():
    with Server('memory', '64M') as s, Raw(s) as raw:
        raw.go()
        chunks, offset = [], 0
        for i in range(300):
            length = (i * 7919) % 70000 + 1
            chunks.append((offset, pattern(length, i)))
            offset += length
        for at, data in chunks:
            raw.send(WRITE, at, len(data), 0, data)
        for _ in chunks:
            assert raw.reply().error == 0
        for at, data in chunks:
            assert raw.read(at, len(data)) == data


def test_payload_of_a_refused_write_is_consumed():
    with Server('memory', str(SIZE)) as s, Raw(s) as raw:
        raw.go()
        for length in 512, 100000, 3 << 20:
            cookie = raw.send(WRITE, SIZE - 100, length, 0, bytes(length))
            assert raw.reply(cookie).error == ENOSPC
            cookie = raw.send(WRITE, 0, length, 1 << 15, bytes(length))
            assert raw.reply(cookie).error == EINVAL
        assert raw.works()


def test_answer_comes_after_all_of_a_refused_payload():
    """libnbd takes an answer to a request that it still sends for a bug."""
    with Server('-r', 'memory', '64M') as s:
        h = s.nbd()
        h.set_strict_mode(0)
        for _ in range(5):
            for length in 1 << 20, 16 << 20, 32 << 20:
                expect_error(EPERM, h.pwrite, bytes(length), 0)
        assert h.pread(512, 0) == bytes(512)


def test_more_than_64_mib_is_refused_in_step():
    length = (64 << 20) + 1
    with Server('memory', '1G') as s, Raw(s) as raw:
        raw.go()
        cookie = raw.send(WRITE, 0, length, 0, bytes(length))
        assert raw.reply(cookie).error == EINVAL
        assert raw.works()


def test_read_only_export():
    with Server('-r', 'memory', str(SIZE)) as s, Raw(s) as raw:
        raw.structured().go()
        assert raw.write(0, b'x' * 512) == EPERM
        assert raw.do(ZERO, 0, 512).error == EPERM
        assert raw.do(TRIM, 0, 512).error == EPERM
        assert raw.works()


def test_fua():
    with Server('memory', str(SIZE)) as s, Raw(s) as raw:
        raw.go()
        assert raw.flags & SEND_FUA
        assert raw.write(0, b'x' * 512, FUA) == 0
        for command in READ, ZERO, TRIM, CACHE:
            assert raw.do(command, 0, 512, FUA).error == 0, command
        assert raw.do(FLUSH, 0, 0, FUA).error == 0


main(globals())
