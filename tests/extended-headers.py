# SPDX-License-Identifier: BSD-3-Clause
# Extended headers: 64-bit lengths, payload rules, filtered block status.
import struct

from harness import RECORDER, Server, main
from rawnbd import *

SIZE = 4 << 50


def opened(s, context=True):
    raw = Raw(s)
    raw.extended()
    if context:
        raw.context = raw.set_context('base:allocation')['base:allocation']
    return raw.go()


def test_everything_is_an_extended_chunk():
    with Server('memory', '1M') as s, opened(s) as raw:
        assert raw.write(0, b'x' * 4096) == 0
        assert raw.read(0, 4096) == b'x' * 4096
        for command in FLUSH, TRIM, ZERO, CACHE:
            reply = raw.do(command, 0, 0 if command == FLUSH else 4096)
            assert reply.error == 0 and not reply.simple


def test_terabytes_in_one_request():
    with Server('memory', str(SIZE)) as s, opened(s) as raw:
        assert raw.write(SIZE - 4096, b'x' * 4096) == 0
        assert raw.do(STATUS, 0, SIZE).extents[raw.context] == [(SIZE - 4096, 3), (4096, 0)]
        for command in ZERO, TRIM, CACHE:
            assert raw.do(command, 0, SIZE).error == 0
        assert raw.do(STATUS, 0, SIZE).extents[raw.context] == [(SIZE, 3)]
        assert raw.do(ZERO, 0, SIZE + 1).error == ENOSPC
        assert raw.do(TRIM, 1, (1 << 64) - 1).error == EINVAL


def test_write_must_carry_the_payload_flag():
    with Server('memory', '1M') as s, opened(s) as raw:
        assert raw.do(WRITE, 0, 512).error == EINVAL  # without it nothing follows
        assert raw.works()


def test_payload_where_none_belongs_is_consumed():
    with Server('memory', '1M') as s, opened(s) as raw:
        for command in READ, TRIM, ZERO, CACHE, FLUSH, 99:
            for length in 512, 100000:
                cookie = raw.send(command, 0, length, PAYLOAD, bytes(length))
                assert raw.reply(cookie).error == EINVAL
        assert raw.works()


def test_block_status_payload_chooses_contexts():
    with Server('memory', '1M') as s, opened(s) as raw:
        def ask(payload):
            cookie = raw.send(STATUS, 0, len(payload), PAYLOAD, payload)
            raw.requests[cookie] = (STATUS, 0, 65536, PAYLOAD)
            return raw.reply(cookie)

        reply = ask(struct.pack('>QI', 65536, raw.context))
        assert reply.error == 0 and list(reply.extents) == [raw.context]
        for bad in (b'', struct.pack('>Q', 65536), struct.pack('>QI', 65536, 99),
                    struct.pack('>QII', 65536, raw.context, raw.context),
                    struct.pack('>QI', 65536, raw.context) + b'x',
                    struct.pack('>QI', 0, raw.context), struct.pack('>QI', 2 << 20, raw.context),
                    bytes(5000)):
            if bad:
                assert ask(bad).error == EINVAL, bad
        assert raw.works()


def test_block_status_payload_among_several_contexts():
    with Server(RECORDER, 'size=8M', 'contexts=2') as s, Raw(s) as raw:
        raw.extended()
        ids = raw.set_context('base:allocation', 'x-recorder:two', 'x-other:three')
        ids = list(ids.values())
        raw.go()
        for chosen in ids[:1], ids[1:], ids[::-1]:
            payload = struct.pack('>Q%dI' % len(chosen), 65536, *chosen)
            reply = raw.reply(raw.send(STATUS, 4096, len(payload), PAYLOAD, payload))
            assert sorted(reply.extents) == sorted(chosen)
        payload = struct.pack('>QI', 65536, ids[0])
        reply = raw.reply(raw.send(STATUS, 4096, len(payload), PAYLOAD | REQ_ONE, payload))
        assert list(reply.extents.values()) == [[(61440, 3)]]


def test_block_status_payload_is_consumed_without_a_context():
    with Server('memory', '1M') as s, opened(s, context=False) as raw:
        payload = struct.pack('>QI', 65536, 1)
        assert raw.reply(raw.send(STATUS, 0, len(payload), PAYLOAD, payload)).error == EINVAL
        assert raw.works()


def test_payload_in_pieces():
    with Server('memory', '1M') as s, opened(s) as raw:
        data = bytes(range(256)) * 300
        cookie = raw.cookie + 1
        request = raw.request(WRITE, 77, len(data), 0, data)
        for i in range(0, len(request), 7001):
            raw.sock.sendall(request[i:i + 7001])
        assert raw.reply(cookie).error == 0
        assert raw.read(77, len(data)) == data


def test_compact_request_ends_the_connection():
    with Server('memory', '1M') as s, opened(s) as raw:
        raw.sock.sendall(struct.pack('>IHHQQI', 0x25609513, 0, READ, 1, 0, 512) + bytes(4))
        assert raw.is_closed()


def test_disc_ends_without_a_reply():
    with Server('memory', '1M') as s, opened(s) as raw:
        raw.send(READ, 0, 4096)
        raw.send(DISC)
        assert raw.reply().error == 0
        assert raw.is_closed()


def test_absurd_payload_ends_the_connection():
    with Server('memory', '1M') as s, opened(s) as raw:
        raw.send(WRITE, 0, 1 << 60, PAYLOAD, b'x')
        assert raw.is_closed()


main(globals())
