# SPDX-License-Identifier: BSD-3-Clause
"""The raw driver over TLS by GnuTLS, for what OpenSSL's module cannot say: new keys,
empty records, names of users with a NUL.

    with TlsServer('x509', 'memory', '1M') as s, RawGnutls(s) as raw:
        raw.go()
        raw.sock.rekey(peer_too=True)
"""
import ctypes

from rawnbd import OPT_STARTTLS, REP_ACK, Closed, Raw

gnutls = ctypes.CDLL('libgnutls.so.30')
for name in 'gnutls_record_send', 'gnutls_record_recv', 'gnutls_record_send2':
    getattr(gnutls, name).restype = ctypes.c_ssize_t
    getattr(gnutls, name).argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]
gnutls.gnutls_record_send2.argtypes += [ctypes.c_size_t, ctypes.c_uint]

CLIENT, CERTIFICATE, PSK, KEY_HEX, KU_PEER = 1 << 1, 1, 4, 1, 1
AGAIN, INTERRUPTED = -28, -52


class Datum(ctypes.Structure):
    _fields_ = [('data', ctypes.c_char_p), ('size', ctypes.c_uint)]

    def __init__(self, data):
        super().__init__(data, len(data))


def check(r):
    if r < 0:
        raise ConnectionError('GnuTLS: %d' % r)
    return r


class GnutlsSocket:
    """psk: the name of a user and its key, bytes both."""

    def __init__(self, plain, priority='NORMAL', psk=None):
        self.plain = plain
        self.session, self.credentials = ctypes.c_void_p(), ctypes.c_void_p()
        check(gnutls.gnutls_init(ctypes.byref(self.session), CLIENT))
        if psk:
            priority += ':-KX-ALL:+ECDHE-PSK'
            check(gnutls.gnutls_psk_allocate_client_credentials(ctypes.byref(self.credentials)))
            check(gnutls.gnutls_psk_set_client_credentials2(
                self.credentials, ctypes.byref(Datum(psk[0])), ctypes.byref(Datum(psk[1])), KEY_HEX))
            self.free = gnutls.gnutls_psk_free_client_credentials
        else:
            check(gnutls.gnutls_certificate_allocate_credentials(ctypes.byref(self.credentials)))
            self.free = gnutls.gnutls_certificate_free_credentials
        check(gnutls.gnutls_priority_set_direct(self.session, priority.encode(), None))
        check(gnutls.gnutls_credentials_set(self.session, PSK if psk else CERTIFICATE, self.credentials))
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

    def empty_record(self):
        """With a byte of padding, else it would not be sent."""
        check(gnutls.gnutls_record_send2(self.session, b'', 0, 1, 0))

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
        self.free(self.credentials)
        self.plain.close()


class RawGnutls(Raw):
    def __init__(self, server, priority='NORMAL', psk=None):
        super().__init__(server)
        assert self.answer(OPT_STARTTLS) == REP_ACK
        try:
            self.sock = GnutlsSocket(self.sock, priority, psk)
        except ConnectionError as e:
            raise Closed(str(e)) from None
