# SPDX-License-Identifier: BSD-3-Clause
# Requests and answers over TLS: records that are cut, broken, late or many.
import select
import signal
import socket

from harness import *
from rawnbd import *
from tlsfiles import KINDS, TlsServer

MIB = 1 << 20
SIZE = 64 * MIB


def errors(s):
    return [l for l in s.log().splitlines() if 'error: ' in l]


def test_sizes_around_records():
    data = pattern(70000)
    for kind in KINDS:
        with TlsServer(kind, 'memory', '1M') as s:
            h = s.nbd()
            h.pwrite(data, 0)
            for length in (1, 15, 16364, 16368, 16384, 16385, 32768, 65536, 65537, 70000):
                h.pwrite(data[:length], 100000)
                assert h.pread(length, 100000) == data[:length], length


def test_large_requests():
    data = pattern(MIB) * 32
    with TlsServer('x509', 'memory', str(SIZE)) as s, s.raw() as raw:
        raw.structured().go()
        assert raw.write(12345, data) == 0
        assert raw.read(12345, len(data)) == data


def test_answers_fill_records():
    with TlsServer('x509', 'memory', str(SIZE)) as s, s.raw() as raw:
        raw.structured().go()
        assert raw.write(0, b'x' * MIB) == 0
        before = len(raw.sock.record_lengths())
        raw.read(0, MIB)
        assert len(raw.sock.record_lengths()) - before <= MIB // 16384 + 2


def test_answers_share_records():
    with TlsServer('x509', 'memory', str(SIZE)) as s, s.raw() as raw:
        raw.structured().go()
        assert raw.write(0, b'x' * 65536) == 0
        before = len(raw.sock.record_lengths())
        cookies, requests = [], b''
        for i in range(100):
            requests += raw.request(READ, i * 512, 512)
        raw.sock.sendall(requests)
        for i in range(100):
            assert raw.reply().data(i * 512, 512) == b'x' * 512
        assert len(raw.sock.record_lengths()) - before < 20


def test_requests_cut_anywhere():
    with TlsServer('x509', 'memory', '1M') as s, s.raw() as raw:
        raw.go()
        request = raw.sock.records(raw.request(READ, 0, 512))
        for i in range(len(request)):
            raw.sock.send_bytes(request[i:i + 1])
        assert raw.reply().error == 0
        for byte in raw.request(WRITE, 0, 100, 0, bytes(100)):  # a record for each byte
            raw.sock.sendall(bytes([byte]))
        assert raw.reply().error == 0
        assert raw.works()


def test_many_requests_in_one_record_and_many_records():
    with TlsServer('x509', 'memory', '1M') as s, s.raw() as raw:
        raw.go()
        raw.sock.sendall(b''.join(raw.request(READ, 0, 16) for _ in range(300)))
        raw.sock.send_bytes(b''.join(raw.sock.records(raw.request(WRITE, 0, 16, 0, bytes(16)))
                                     for _ in range(300)))
        for _ in range(600):
            assert raw.reply().error == 0


def broken(change, text):
    """A record that was changed on its way ends the connection, with one line."""
    with TlsServer('x509', 'memory', '1M') as s:
        with s.raw() as raw:
            raw.go()
            assert raw.works()
            change(raw)
            assert raw.sock.recv(1) == b''
            wait_for('a line in the log', lambda: errors(s))
            assert len(errors(s)) == 1 and text in errors(s)[0], s.log()
        with s.raw() as raw:
            raw.go()
            assert raw.works()
            raw.send(DISC)
            assert raw.is_closed()
        assert len(errors(s)) == 1, s.log()


def send_flipped(raw):
    record = bytearray(raw.sock.records(raw.request(WRITE, 0, 512, 0, bytes(512))))
    record[100] ^= 1
    raw.sock.send_bytes(record)


def send_twice(raw):
    record = raw.sock.records(raw.request(FLUSH))
    raw.sock.send_bytes(record)
    assert raw.reply().error == 0
    raw.sock.send_bytes(record)


def test_broken_records():
    broken(send_flipped, 'ecrypt')
    broken(send_twice, 'ecrypt')
    broken(lambda raw: raw.sock.send_bytes(raw.request(READ, 0, 512)), 'receiving: ')
    broken(lambda raw: raw.sock.send_bytes(b'\x17\x03\x03\xff\xff' + bytes(70000)), 'receiving: ')
    broken(lambda raw: raw.sock.send_bytes(b'\x17\x03\x03\0\0' * 100), 'receiving: ')
    broken(lambda raw: raw.sock.send_bytes(b'\x16\x03\x03\0\4\1\0\0\0'), 'receiving: ')


def test_cut_between_and_within_records():
    for n in 0, 3, 40:
        broken(lambda raw: (raw.sock.send_bytes(raw.sock.records(raw.request(FLUSH))[:n]),
                            raw.sock.plain.shutdown(socket.SHUT_WR)), 'was cut')


def test_cut_within_a_large_payload():
    broken(lambda raw: (raw.sock.send_bytes(
        raw.sock.records(raw.request(WRITE, 0, 500000, 0, bytes(500000)))[:300000]),
        raw.sock.plain.shutdown(socket.SHUT_WR)), 'was cut')


def test_close_notify_still_gets_its_answers():
    with TlsServer('x509', 'memory', str(SIZE)) as s, s.raw() as raw:
        raw.go()
        for i in range(100):
            raw.send(READ, i * 65536, 65536)
        # OpenSSL does not decrypt any more once it has said goodbye.
        before = len(raw.sock.came)
        raw.sock.send_bytes(raw.sock.close_notify())
        raw.sock.plain.shutdown(socket.SHUT_WR)
        total = before
        while True:
            data = raw.sock.plain.recv(65536)
            if not data:
                break
            total += len(data)
        assert total > 100 * 65536
        assert not errors(s)


def test_server_says_goodbye():
    with TlsServer('x509', 'memory', str(SIZE)) as s:
        with s.raw() as raw:
            raw.go()
            for i in range(100):
                raw.send(READ, i * 4096, 4096)
            raw.send(DISC)
            for _ in range(100):
                assert raw.reply().error == 0
            assert raw.sock.recv(1) == b'' and raw.sock.end == 'close_notify'
        with s.raw() as raw:
            assert raw.answer(OPT_ABORT) == REP_ACK
            assert raw.sock.recv(1) == b'' and raw.sock.end == 'close_notify'
        with s.raw() as raw:
            raw.go()
            assert raw.works()
            s.signal(signal.SIGTERM)
            assert raw.sock.recv(1) == b'' and raw.sock.end == 'close_notify'
        wait_for('the end', lambda: s.process.poll() is not None)
        assert not errors(s), s.log()


def test_requests_at_the_end_of_the_server():
    for kind in 'x509', 'verify':
        with TlsServer(kind, 'memory', str(SIZE)) as s, s.raw() as raw:
            raw.structured().go()
            assert raw.works()
            requests = raw.sock.records(b''.join(raw.request(READ, i * 4096, 4096)
                                                 for i in range(60)))
            s.signal(signal.SIGSTOP)
            raw.sock.send_bytes(requests)
            s.signal(signal.SIGTERM)
            s.signal(signal.SIGCONT)
            assert {raw.reply().error for _ in range(60)} <= {0, ESHUTDOWN}
            assert raw.sock.recv(1) == b'' and raw.sock.end == 'close_notify'


def test_client_that_takes_its_answers_late():
    """More than the sockets hold: records are sent in parts."""
    for args in (['memory', str(SIZE)], ['--filter=delay', 'memory', str(SIZE), 'rdelay=1ms']):
        with TlsServer('x509', *args) as s, s.raw() as raw, s.raw() as other:
            raw.structured().go()
            data = pattern(4 * MIB)
            assert raw.write(0, data) == 0
            for i in range(40):
                raw.send(READ, i * 100001, 100001)
            for _ in range(5):  # longer than the server is patient in one go
                select.select([], [], [], 0.03)
            other.go()
            assert other.works()
            for i in range(40):
                reply = raw.reply()
                offset = raw.requests[reply.cookie][1]
                assert reply.error == 0
                assert reply.data(offset, 100001) == data[offset:offset + 100001]
            assert raw.works()


def test_client_that_reads_its_answers_before_it_sends_the_rest():
    with TlsServer('x509', 'memory', str(SIZE)) as s, s.raw() as raw:
        raw.go()
        length = 4 * MIB
        assert raw.write(0, b'x' * length) == 0
        raw.send(READ, 0, length)
        cookie = raw.cookie + 1
        payload = raw.request(WRITE, length, MIB, 0, b'y' * MIB)
        raw.sock.sendall(payload[:100000])
        for _ in range(3):
            select.select([], [], [], 0.05)
        assert raw.reply().data(0, length) == b'x' * length
        raw.sock.sendall(payload[100000:])
        assert raw.reply(cookie).error == 0
        assert raw.read(length, MIB) == b'y' * MIB


def test_client_that_never_takes_its_answers_holds_nobody_up():
    with TlsServer('x509', 'memory', str(SIZE)) as s:
        stuck = [s.raw() for _ in range(5)]
        for raw in stuck:
            raw.go()
            for i in range(32):
                raw.send(READ, i * MIB, MIB)
        with s.raw() as raw:
            raw.go()
            assert raw.works()
        for raw in stuck[:2]:
            raw.sock.close()
        s.stop()  # cuts the others


def test_idle_connection_goes_on():
    with TlsServer('x509', 'memory', '1M') as s, s.raw() as raw:
        raw.go()
        data = pattern(300000)
        for _ in range(2):
            assert raw.write(1000, data) == 0
            assert raw.read(1000, len(data)) == data
            for _ in range(13):  # the server frees memory after a second
                select.select([], [], [], 0.1)


main(globals())
