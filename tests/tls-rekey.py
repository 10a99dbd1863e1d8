# SPDX-License-Identifier: BSD-3-Clause
# New keys in the middle of a session, through GnuTLS: OpenSSL's module cannot ask.
import ctypes
import threading

from harness import *
from rawnbd import *
from tlsfiles import TlsServer

gnutls = ctypes.CDLL('libgnutls.so.30')
for name in 'gnutls_record_send', 'gnutls_record_recv':
    getattr(gnutls, name).restype = ctypes.c_ssize_t
    getattr(gnutls, name).argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]

CLIENT, CERTIFICATE, KU_PEER = 1 << 1, 1, 1
AGAIN, REHANDSHAKE, INTERRUPTED = -28, -37, -52


def check(r):
    if r < 0:
        raise ConnectionError('GnuTLS: %d' % r)
    return r


class GnutlsSocket:
    def __init__(self, plain, priority):
        self.plain = plain
        self.session, self.credentials = ctypes.c_void_p(), ctypes.c_void_p()
        check(gnutls.gnutls_init(ctypes.byref(self.session), CLIENT))
        check(gnutls.gnutls_priority_set_direct(self.session, priority.encode(), None))
        check(gnutls.gnutls_certificate_allocate_credentials(ctypes.byref(self.credentials)))
        check(gnutls.gnutls_credentials_set(self.session, CERTIFICATE, self.credentials))
        plain.setblocking(True)
        gnutls.gnutls_transport_set_int2(self.session, plain.fileno(), plain.fileno())
        self.handshake()

    def handshake(self):
        while True:
            r = gnutls.gnutls_handshake(self.session)
            if r not in (AGAIN, INTERRUPTED):
                return check(r)

    def rekey(self, peer_too):
        check(gnutls.gnutls_session_key_update(self.session, KU_PEER if peer_too else 0))

    def sendall(self, data):
        data = bytes(data)
        while data:
            data = data[check(gnutls.gnutls_record_send(self.session, data, len(data))):]

    def recv(self, n):
        buf = ctypes.create_string_buffer(n)
        while True:
            r = gnutls.gnutls_record_recv(self.session, buf, n)
            if r not in (AGAIN, INTERRUPTED):
                return buf.raw[:check(r)]

    def close(self):
        gnutls.gnutls_deinit(self.session)
        gnutls.gnutls_certificate_free_credentials(self.credentials)
        self.plain.close()


class RawGnutls(Raw):
    def __init__(self, server, priority='NORMAL'):
        super().__init__(server)
        assert self.answer(OPT_STARTTLS) == REP_ACK
        self.sock = GnutlsSocket(self.sock, priority)


def test_new_keys_in_both_directions():
    with TlsServer('x509', 'memory', '8M') as s, RawGnutls(s) as raw:
        raw.structured().go()
        data = pattern(100000)
        for i in range(3):  # GnuTLS takes eight in a second
            raw.sock.rekey(peer_too=i % 2 == 0)
            assert raw.write(i * 1000, data) == 0
            raw.sock.rekey(peer_too=i % 2 == 1)
            assert raw.read(i * 1000, len(data)) == data


def test_new_keys_while_workers_answer():
    """The server's two directions are then in two threads."""
    def client(s, n, failures):
        try:
            with RawGnutls(s) as raw:
                raw.structured().go()
                data = pattern(20000, n)
                assert raw.write(n << 20, data) == 0
                for _ in range(6):
                    for i in range(40):
                        raw.send(READ, n << 20, len(data))
                        if i == 20:
                            raw.sock.rekey(peer_too=True)
                    for _ in range(40):
                        reply = raw.reply()
                        assert reply.error == 0 and reply.data(n << 20, len(data)) == data
        except BaseException as e:
            failures.append(e)

    with TlsServer('x509', '--filter=delay', 'memory', '8M', 'rdelay=100us') as s:
        failures = []
        threads = [threading.Thread(target=client, args=(s, n, failures)) for n in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert not failures, failures


def test_client_that_rekeys_without_end():
    with TlsServer('x509', 'memory', '8M') as s, RawGnutls(s) as raw:
        raw.go()
        try:
            for _ in range(10000):
                raw.sock.rekey(peer_too=True)
            raw.works()
        except (ConnectionError, Closed):
            pass
        with s.raw() as other:
            other.go()
            assert other.works()


def test_negotiating_again_is_refused():
    with TlsServer('x509', 'memory', '8M') as s:
        with RawGnutls(s, 'NORMAL:-VERS-ALL:+VERS-TLS1.2') as raw:
            raw.go()
            assert raw.works()
            try:
                raw.sock.handshake()
            except ConnectionError:
                pass
            else:
                raise AssertionError('the server negotiated again')
        wait_for('a line in the log', lambda: 'wants to negotiate TLS again' in s.log())
        assert s.log().count('error: ') == 1


main(globals())
