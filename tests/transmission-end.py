# SPDX-License-Identifier: BSD-3-Clause
# How connections end: DISC, half-close, SIGTERM, a client that takes no answers.
import signal
import fcntl
import select
import struct
import socket
import termios

from harness import RECORDER, Server, TempDir, main, wait_for
from rawnbd import *

SIZE = 64 << 20


def unsent(sock):
    """Bytes that the peer has not taken yet."""
    return struct.unpack('i', fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4)))[0]


def test_disc_finishes_what_is_in_flight():
    with Server('memory', str(SIZE)) as s, Raw(s) as raw:
        raw.go()
        for i in range(100):
            raw.send(READ, i * 4096, 4096)
        raw.send(DISC)
        for _ in range(100):
            assert raw.reply().error == 0
        assert raw.is_closed()


def test_half_close_still_gets_its_answers():
    with Server('memory', str(SIZE)) as s, Raw(s) as raw:
        raw.go()
        for i in range(100):
            raw.send(READ, i * 65536, 65536)
        raw.sock.shutdown(socket.SHUT_WR)
        for _ in range(100):
            assert raw.reply().error == 0
        assert raw.is_closed()


def test_disc_with_requests_on_workers():
    with Server('--filter=delay', 'memory', str(SIZE), 'rdelay=50ms') as s, Raw(s) as raw:
        raw.go()
        for i in range(10):
            raw.send(READ, i * 4096, 4096)
        raw.send(DISC)
        for _ in range(10):
            assert raw.reply().error == 0
        assert raw.is_closed()


def test_killed_clients_harm_nobody():
    with Server('memory', str(SIZE)) as s, Raw(s) as good:
        good.go()
        for i in range(30):
            raw = Raw(s)
            raw.go()
            for _ in range(20):
                raw.send(READ, 0, 1 << 20)
            raw.sock.sendall(b'\x25\x60\x95\x13\0\0'[:i % 6])
            raw.sock.close()
        assert good.works()


def test_every_request_before_the_end_is_answered():
    for form in 'simple', 'structured', 'extended':
        with Server('memory', str(SIZE)) as s, Raw(s) as raw:
            if form != 'simple':
                getattr(raw, form)()
            assert raw.go().works()
            requests = b''
            for i in range(60):
                requests += raw.request(READ, i * 4096, 4096)
                requests += raw.request(WRITE, i * 4096, 512, 0, bytes(512))
            s.signal(signal.SIGSTOP)
            raw.sock.sendall(requests)
            s.signal(signal.SIGTERM)
            s.signal(signal.SIGCONT)
            errors = [raw.reply().error for _ in range(120)]
            assert set(errors) <= {0, ESHUTDOWN}
            assert errors == sorted(errors), 'served after ESHUTDOWN'
            assert raw.is_closed()


def test_handshake_at_the_end_of_the_server():
    with Server('memory', str(SIZE)) as s:
        raw = Raw(s)
        raw.info(OPT_INFO)
        s.signal(signal.SIGSTOP)
        raw.option(OPT_GO, raw.info_data())
        s.signal(signal.SIGTERM)
        s.signal(signal.SIGCONT)
        try:
            kinds = []
            while not kinds or kinds[-1] == REP_INFO:
                kinds.append(raw.option_reply()[1])
            assert kinds[-1] in (REP_ACK, ERR_SHUTDOWN)
        except Closed:
            raise AssertionError('it vanished') from None
        raw.sock.close()


def test_client_that_reads_its_answers_before_it_sends_the_rest():
    """The answers are more than the sockets hold; half a payload is on its way."""
    length = 4 << 20
    with Server('memory', str(SIZE)) as s, Raw(s) as raw:
        raw.go()
        assert raw.write(0, b'x' * length) == 0
        payload = b'y' * (1 << 20)
        raw.send(READ, 0, length)
        cookie = raw.send(WRITE, length, len(payload), 0, payload[:100000])
        wait_for('the server to have taken the half', lambda: unsent(raw.sock) == 0)
        for _ in range(3):  # longer than the server is patient in one go
            select.select([], [], [], 0.05)
        assert raw.reply().data(0, length) == b'x' * length
        raw.sock.sendall(payload[100000:])
        assert raw.reply(cookie).error == 0


def test_sigterm_answers_the_rest_with_eshutdown():
    with Server('memory', str(SIZE)) as s, Raw(s) as raw:
        raw.structured().go()
        assert raw.works()
        s.signal(signal.SIGSTOP)
        raw.send(READ, 0, 512)
        s.signal(signal.SIGTERM)
        s.signal(signal.SIGCONT)
        reply = raw.reply()
        assert reply.error in (0, ESHUTDOWN)
        assert raw.is_closed()
        assert s.process.wait(timeout=15) == 0


def test_sigterm_with_idle_and_stalled_clients():
    with Server('memory', str(SIZE)) as s, Raw(s) as idle, Raw(s) as stalled:
        idle.go()
        stalled.go()
        for _ in range(64):
            stalled.send(READ, 0, 1 << 20)
        stall_in_handshake = s.connect()
        s.signal(signal.SIGTERM)
        wait_for('the end', lambda: s.process.poll() is not None, 20)
        assert s.process.returncode == 0
        stall_in_handshake.close()


def test_client_that_takes_no_answers_is_held_back():
    with Server('memory', '1G') as s, Raw(s) as good:
        good.go()
        assert good.write(0, b'x' * (32 << 20)) == 0
        before = s.rss()
        stalled = Raw(s)
        stalled.go()
        stalled.sock.setblocking(False)
        head = struct.pack('>IHHQQI', 0x25609513, 0, READ, 1, 0, 1 << 20)
        try:
            for _ in range(100000):
                stalled.sock.send(head * 100)
        except BlockingIOError:
            pass
        else:
            raise AssertionError('the server read on and on')
        for _ in range(100):
            assert good.works()
        assert s.rss() - before < 64 << 20
        stalled.sock.close()


def test_the_same_for_long_lists_of_extents():
    with Server(RECORDER, 'size=64M', 'extent=512', 'contexts=3') as s, Raw(s) as good:
        good.structured().go()
        before = s.rss()
        stalled = Raw(s)
        stalled.extended()
        assert len(stalled.set_context('base:allocation', 'x-recorder:one')) == 2
        stalled.go()
        requests = b''.join(stalled.request(STATUS, 0, SIZE) for _ in range(200))
        stalled.sock.sendall(requests)
        worst = 0
        for _ in range(200):
            assert good.works()
            worst = max(worst, s.rss() - before)
            select.select([], [], [], 0.01)
        assert worst < 64 << 20, '%d MiB' % (worst >> 20)
        stalled.sock.close()


def test_the_same_for_what_is_not_lent():
    with TempDir() as d:
        with open(d + '/disk', 'wb') as f:
            f.write(b'x' * SIZE)
        with Server('file', d + '/disk') as s, Raw(s) as good:
            good.go()
            before = s.rss()
            stalled = Raw(s)
            stalled.go()
            stalled.sock.setblocking(False)
            head = struct.pack('>IHHQQI', 0x25609513, 0, READ, 1, 0, 1 << 20)
            try:
                for _ in range(100000):
                    stalled.sock.send(head * 100)
            except BlockingIOError:
                pass
            for _ in range(100):
                assert good.works()
            assert s.rss() - before < 64 << 20
            stalled.sock.close()


main(globals())
