# SPDX-License-Identifier: BSD-3-Clause
# New keys in the middle of a session, through GnuTLS: OpenSSL's module cannot ask.
import threading

from gnutlslib import RawGnutls
from harness import *
from rawnbd import *
from tlsfiles import TlsServer


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
