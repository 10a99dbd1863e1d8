# SPDX-License-Identifier: BSD-3-Clause
"""TLS with a pre-shared key by GnuTLS itself, for what Python's ssl cannot say.

    raw = PskRaw(server, b'alice', key)
"""
import ctypes

from rawnbd import OPT_STARTTLS, REP_ACK, Closed, Raw

CLIENT, CRD_PSK, KEY_HEX, AGAIN = 1 << 1, 4, 1, -28


class Datum(ctypes.Structure):
    _fields_ = [('data', ctypes.c_char_p), ('size', ctypes.c_uint)]


class PskSocket:
    """What Raw needs of a socket."""

    def __init__(self, plain, user, key):
        self.plain, self.lib = plain, ctypes.CDLL('libgnutls.so.30')
        self.lib.gnutls_record_send.restype = self.lib.gnutls_record_recv.restype = ctypes.c_ssize_t
        self.lib.gnutls_strerror.restype = ctypes.c_char_p
        self.session, credentials = ctypes.c_void_p(), ctypes.c_void_p()
        self._call('gnutls_init', ctypes.byref(self.session), CLIENT)
        self._call('gnutls_psk_allocate_client_credentials', ctypes.byref(credentials))
        self._call('gnutls_psk_set_client_credentials2', credentials, ctypes.byref(Datum(user, len(user))),
                   ctypes.byref(Datum(key, len(key))), KEY_HEX)
        self._call('gnutls_priority_set_direct', self.session, b'NORMAL:-KX-ALL:+ECDHE-PSK', None)
        self._call('gnutls_credentials_set', self.session, CRD_PSK, credentials)
        self.lib.gnutls_transport_set_int2(self.session, plain.fileno(), plain.fileno())
        plain.setblocking(True)
        self._call('gnutls_handshake', self.session)

    def sendall(self, data):
        while data:
            data = data[self._call('gnutls_record_send', self.session, data, len(data)):]

    def recv(self, n):
        buf = ctypes.create_string_buffer(n)
        got = self._call('gnutls_record_recv', self.session, buf, n)
        return buf.raw[:got]

    def settimeout(self, seconds):
        pass

    def close(self):
        self.plain.close()

    def _call(self, name, *args):
        r = AGAIN
        while r == AGAIN:
            r = getattr(self.lib, name)(*args)
        if r < 0:
            raise Closed(self.lib.gnutls_strerror(r).decode())
        return r


class PskRaw(Raw):
    def __init__(self, server, user, key):
        super().__init__(server)
        assert self.answer(OPT_STARTTLS) == REP_ACK
        self.sock = PskSocket(self.sock, user, key)
