# SPDX-License-Identifier: BSD-3-Clause
"""The raw driver over TLS, down to single bytes of records.

    with TlsServer('x509', 'memory', '1M') as s, RawTls(s) as raw:
        raw.go()
        raw.sock.send_bytes(raw.sock.records(raw.request(READ, 0, 512))[:7])
"""
import ssl

from rawnbd import OPT_STARTTLS, REP_ACK, Closed, Raw


class TlsSocket:
    """What Raw needs of a socket, through OpenSSL in memory."""

    def __init__(self, plain, files, client_cert=None, version=None, ciphers=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(files + '/ca-cert.pem')
        if client_cert:
            context.load_cert_chain('%s-cert.pem' % client_cert, '%s-key.pem' % client_cert)
        if version:
            context.minimum_version = context.maximum_version = version
        if ciphers:
            context.set_ciphers(ciphers)
        self.plain = plain
        self.end = None          # how it came: 'close_notify' or 'cut'
        self.came = bytearray()  # encrypted
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname='localhost')

    def handshake(self):
        self._through(self.tls.do_handshake)

    def records(self, data):
        """The encrypted bytes of data."""
        self.tls.write(data)
        return self.outgoing.read()

    def send_bytes(self, data):
        self.plain.sendall(data)

    def sendall(self, data):
        self.send_bytes(self.records(data))

    def recv(self, n):
        try:
            data = self._through(self.tls.read, n)
            if not data:
                self.end = 'close_notify'
            return data
        except ssl.SSLZeroReturnError:
            self.end = 'close_notify'
        except (ssl.SSLEOFError, ConnectionResetError):
            self.end = 'cut'
        return b''

    def record_lengths(self):
        """Of the encrypted records that came so far, without their headers."""
        found, at = [], 0
        while at + 5 <= len(self.came):
            found.append(int.from_bytes(self.came[at + 3:at + 5], 'big'))
            at += 5 + found[-1]
        return found

    def close_notify(self):
        """The bytes that end TLS."""
        try:
            self.tls.unwrap()
        except ssl.SSLWantReadError:
            pass
        return self.outgoing.read()

    def settimeout(self, seconds):
        self.plain.settimeout(seconds)

    def close(self):
        self.plain.close()

    def _through(self, function, *args):
        while True:
            try:
                result = function(*args)
                self._send()
                return result
            except ssl.SSLWantReadError:
                self._send()
                data = self.plain.recv(65536)
                if data:
                    self.came += data
                    self.incoming.write(data)
                else:
                    self.incoming.write_eof()

    def _send(self):
        data = self.outgoing.read()
        if data:
            self.plain.sendall(data)


class RawTls(Raw):
    def __init__(self, server, **how):
        super().__init__(server)
        starttls(self, server, **how)


def starttls(raw, server, **how):
    assert raw.answer(OPT_STARTTLS) == REP_ACK
    begin_tls(raw, server, **how)


def begin_tls(raw, server, **how):
    """TLS on a connection whose STARTTLS was answered."""
    if server.kind == 'verify':
        how.setdefault('client_cert', server.files + '/client')
    raw.sock = TlsSocket(raw.sock, server.files, **how)
    try:
        raw.sock.handshake()
    except (ssl.SSLEOFError, ssl.SSLZeroReturnError) as e:
        raise Closed(str(e)) from None
