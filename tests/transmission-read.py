# SPDX-License-Identifier: BSD-3-Clause
# READ, in simple, structured and extended form.
import struct

from harness import Server, pattern, main
from rawnbd import *

SIZE = 1 << 20


def each_form():
    for form in 'simple', 'structured', 'extended':
        with Server('memory', str(SIZE)) as s, Raw(s) as raw:
            if form != 'simple':
                getattr(raw, form)()
            yield raw.go()


def test_reads_what_was_written():
    data = pattern(SIZE)
    for raw in each_form():
        assert raw.write(0, data) == 0
        assert raw.read(0, SIZE) == data
        for offset, length in ((0, 1), (SIZE - 1, 1), (4095, 2), (12345, 54321), (1, SIZE - 2)):
            assert raw.read(offset, length) == data[offset:offset + length]


def test_many_requests_in_one_packet():
    data = pattern(SIZE)
    for raw in each_form():
        assert raw.write(0, data) == 0
        cookies = [raw.send(READ, i * 1000, 1000) for i in range(500)]
        for i, cookie in enumerate(cookies):
            reply = raw.reply()
            start = (reply.cookie - cookies[0]) * 1000
            assert reply.data(start, 1000) == data[start:start + 1000]


def test_one_byte_at_a_time():
    with Server('memory', str(SIZE)) as s, Raw(s) as raw:
        raw.go()
        request = struct.pack('>IHHQQI', 0x25609513, 0, READ, 77, 0, 512)
        raw.requests[77] = (READ, 0, 512, 0)
        for i in range(len(request)):
            raw.sock.sendall(request[i:i + 1])
        assert raw.reply().data(0, 512) == bytes(512)


def test_df_gives_one_content_chunk():
    for form in 'structured', 'extended':
        with Server('memory', str(SIZE)) as s, Raw(s) as raw:
            getattr(raw, form)().go()
            raw.write(0, b'x' * 65536)
            raw.write(262144, b'y' * 65536)
            reply = raw.do(READ, 0, SIZE, DF)
            assert len(reply.parts) == 1
            assert reply.data(0, SIZE)[262144:262150] == b'yyyyyy'


def test_df_is_invalid_without_structured_replies():
    with Server('memory', str(SIZE)) as s, Raw(s) as raw:
        raw.go()
        assert raw.do(READ, 0, 512, DF).error == EINVAL
        assert raw.works()


def test_64_mib_and_not_a_byte_more():
    most = 64 << 20
    for form in 'simple', 'structured', 'extended':
        with Server('memory', '1G') as s, Raw(s) as raw:
            if form != 'simple':
                getattr(raw, form)()
            raw.go()
            assert raw.write(4096, b'end') == 0
            assert raw.read(0, most)[4096:4099] == b'end'
            assert raw.do(READ, 0, most + 1).error == EINVAL
            assert raw.works()


main(globals())
