# SPDX-License-Identifier: BSD-3-Clause
# Garbage, at any time, harms at most the one who sends it.
import random
import socket
import struct

from harness import Server, main
from rawnbd import *


def throw(raw, data):
    try:
        raw.sock.sendall(data)
        raw.sock.settimeout(0.05)
        raw.sock.recv(65536)
    except OSError:
        pass
    raw.sock.close()


def test_random_bytes_instead_of_options():
    rng = random.Random(1)
    with Server('memory', '1M') as s:
        for _ in range(50):
            throw(Raw(s), rng.randbytes(rng.randrange(1, 2000)))
        with Raw(s) as raw:
            assert raw.go().works()


def test_options_with_random_contents():
    rng = random.Random(2)
    with Server('memory', '1M') as s:
        for i in range(60):
            raw = Raw(s)
            data = b''
            for _ in range(20):
                body = rng.randbytes(rng.randrange(0, 60))
                data += struct.pack('>QII', IHAVEOPT, rng.choice([2, 3, 5, 6, 7, 8, 9, 10, 11, 12]),
                                    len(body)) + body
            throw(raw, data)
        with Raw(s) as raw:
            assert raw.go().works()


def test_requests_with_random_contents():
    rng = random.Random(3)
    for form in 'simple', 'structured', 'extended':
        with Server('memory', '1M') as s:
            for i in range(40):
                raw = Raw(s)
                if form != 'simple':
                    getattr(raw, form)()
                    raw.set_context('base:allocation')
                raw.go()
                magic = 0x21e41c71 if form == 'extended' else 0x25609513
                data = b''
                for _ in range(100):
                    length = rng.choice([0, 1, 512, 70000, 1 << 20, 0xffffffff, rng.getrandbits(32)])
                    offset = rng.choice([0, 512, 1 << 20, (1 << 64) - 1, rng.getrandbits(64)])
                    data += struct.pack('>IHHQQ', magic, rng.choice([0, 1, 4, 8, 32, rng.getrandbits(16)]),
                                        rng.randrange(0, 10), rng.getrandbits(64), offset)
                    data += struct.pack('>Q' if form == 'extended' else '>I', length)
                throw(raw, data)
            with Raw(s) as raw:
                assert raw.go().works()


def test_handshake_cut_at_every_byte():
    good = struct.pack('>I', 3)
    for option, data in ((OPT_STRUCTURED_REPLY, b''), (OPT_SET_META, Raw.meta_data('', ['base:allocation'])),
                         (OPT_LIST, b''), (OPT_GO, Raw.info_data('', (0, 3)))):
        good += struct.pack('>QII', IHAVEOPT, option, len(data)) + data
    with Server('memory', '1M') as s:
        for cut in range(len(good)):
            sock = s.connect()
            sock.sendall(good[:cut])
            sock.close()
        with Raw(s) as raw:
            assert raw.go().works()


def test_connections_reset_with_requests_in_flight():
    for args in (['memory', '16M'], ['--filter=delay', 'memory', '16M', 'delay-read=5ms']):
        with Server(*args, tcp=True) as s, Raw(s) as good:
            good.go()
            for i in range(20):
                raw = Raw(s)
                raw.structured().go()
                raw.sock.sendall(b''.join(raw.request(READ, 0, 1 << 20) for _ in range(i)) +
                                 raw.request(WRITE, 0, 1 << 20, 0, bytes(i * 50000)))
                raw.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
                raw.sock.close()
            assert good.works()


def test_stalled_requests_hold_nobody_up():
    with Server('memory', '16M') as s, Raw(s) as good:
        good.go()
        stalled = []
        for i in range(100):
            raw = Raw(s)
            raw.go()
            request = raw.request(WRITE, 0, 100000, 0, bytes(100000))
            raw.sock.sendall(request[:1 + 997 * i])
            stalled.append(raw)
        for i in range(100):
            assert good.works()
        for raw in stalled:
            raw.sock.close()


def test_clients_killed_in_the_middle_of_everything():
    with Server('memory', '16M') as s, Raw(s) as good:
        good.go()
        for cut in range(0, 200, 7):
            raw = Raw(s)
            raw.go()
            request = struct.pack('>IHHQQI', 0x25609513, 0, WRITE, 1, 0, 100000) + bytes(100000)
            raw.sock.sendall(request[:cut * 500])
            raw.sock.close()
            assert good.works()


main(globals())
