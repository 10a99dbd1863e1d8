# SPDX-License-Identifier: BSD-3-Clause
# How connections end: DISC, half-close, SIGTERM, a client that takes no answers.
import signal
import struct
import socket

from harness import Server, TempDir, main, wait_for
from rawnbd import *

SIZE = 64 << 20


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
