# SPDX-License-Identifier: BSD-3-Clause
# STARTTLS among the options: what counts before it, what after it, and what never.
import ssl
import struct

from gnutlslib import RawGnutls
from harness import *
from rawnbd import *
from rawtls import RawTls, TlsSocket, begin_tls, starttls
from tlsfiles import TlsServer


def option(number, data=b''):
    return struct.pack('>QII', IHAVEOPT, number, len(data)) + data


def log_lines(s, text):
    return [l for l in s.log().splitlines() if text in l]


def ends_badly(raw, server):
    """That no TLS comes about and the server says why, once."""
    try:
        begin_tls(raw, server)
    except (Closed, ssl.SSLError, ConnectionError):
        pass
    else:
        raise AssertionError('the handshake went well')
    wait_for('a line in the log', lambda: log_lines(server, 'TLS handshake: '))
    assert len(log_lines(server, 'error: ')) == 1, server.log()


def test_only_starttls_and_abort_before_it():
    with TlsServer('x509', OPENER) as s:
        with Raw(s) as raw:
            for number, data in ((OPT_LIST, b''), (OPT_STRUCTURED_REPLY, b''), (OPT_EXTENDED, b''),
                                 (OPT_INFO, raw.info_data()), (OPT_GO, raw.info_data()),
                                 (OPT_LIST_META, raw.meta_data()), (OPT_SET_META, raw.meta_data()),
                                 (99, b'')):
                assert raw.answer(number, data) == ERR_TLS_REQD, number
            starttls(raw, s)
            assert raw.go().size
        with Raw(s) as raw:
            assert raw.answer(OPT_ABORT) == REP_ACK
            assert raw.is_closed()
        with Raw(s) as raw:
            raw.option(OPT_EXPORT_NAME)
            assert raw.is_closed()


def test_nothing_is_opened_before_tls():
    with TempDir() as d:
        record = d + '/record'
        with TlsServer('verify', OPENER, 'record=' + record) as s:
            with Raw(s) as raw:
                raw.answer(OPT_INFO, raw.info_data('a'))
                raw.answer(OPT_GO, raw.info_data('a'))
                raw.answer(OPT_LIST)
                assert raw.answer(OPT_STARTTLS) == REP_ACK
                raw.sock.close()
            with Raw(s) as raw:
                assert raw.answer(OPT_STARTTLS) == REP_ACK
                ends_badly_without_certificate(raw, s)
            assert open(record).read() == ''
            with RawTls(s) as raw:
                raw.info(OPT_INFO, 'a')
                raw.info(OPT_INFO, 'a')
                raw.go('a')
                assert open(record).read() == 'open a\n'


def ends_badly_without_certificate(raw, s):
    raw.sock = TlsSocket(raw.sock, s.files)
    try:
        raw.sock.handshake()
        raw.recv(1)  # in TLS 1.3 the client learns of it with the first answer
    except (Closed, ssl.SSLError, ConnectionError):
        return
    raise AssertionError('a client without a certificate was let in')


def test_starttls_with_data_or_twice():
    with TlsServer('x509', 'memory', '1M') as s, Raw(s) as raw:
        assert raw.answer(OPT_STARTTLS, b'x') == ERR_INVALID
        assert raw.answer(OPT_STARTTLS, bytes(1 << 20)) == ERR_INVALID
        starttls(raw, s)
        assert raw.answer(OPT_STARTTLS) == ERR_INVALID
        assert raw.go().works()


def test_what_was_agreed_before_is_forgotten():
    with TlsServer('x509', 'memory', '1M', mode='on') as s:
        with Raw(s) as raw:
            raw.structured().set_context('base:allocation')
            raw.info(OPT_INFO)
            raw.is_structured = False
            starttls(raw, s)
            # Without structured replies there are no contexts.
            assert raw.answer(OPT_SET_META, raw.meta_data('', ['base:allocation'])) == ERR_INVALID
            raw.go()
            assert raw.do(READ, 0, 512).simple
            assert raw.do(STATUS, 0, 512).error == EINVAL
        with Raw(s) as raw:
            raw.extended().set_context('base:allocation')
            raw.is_structured = raw.is_extended = False
            starttls(raw, s)
            raw.extended()  # may be agreed anew
            raw.go()
            assert raw.do(STATUS, 0, 512).error == EINVAL
            assert raw.works()


def test_context_of_before_is_not_for_the_same_export_after():
    with TlsServer('x509', 'memory', '1M', mode='on') as s, Raw(s) as raw:
        raw.structured().set_context('base:allocation')
        raw.is_structured = False
        starttls(raw, s)
        raw.structured().go()
        assert raw.do(STATUS, 0, 512).error == EINVAL


def test_export_opened_before_is_opened_anew():
    with TempDir() as d:
        record = d + '/record'
        with TlsServer('x509', OPENER, 'record=' + record, mode='on') as s, Raw(s) as raw:
            raw.info(OPT_INFO, 'a')
            starttls(raw, s)
            raw.go('a')
            assert open(record).read().split('\n') == ['open a', 'close a', 'open a', '']


def test_plain_bytes_behind_starttls_never_count():
    for injected in (option(OPT_STRUCTURED_REPLY), option(OPT_LIST),
                     option(OPT_GO, Raw.info_data()), b'\n' * 100, b'\x17'):
        with TlsServer('x509', 'memory', '1M') as s, Raw(s) as raw:
            raw.sock.sendall(option(OPT_STARTTLS) + injected)
            assert raw.option_reply()[:2] == (OPT_STARTTLS, REP_ACK)
            ends_badly(raw, s)
            assert s.nbd().get_size() == 1 << 20


def test_hello_sent_together_with_starttls():
    """Not what the protocol says, but it injects nothing."""
    with TlsServer('x509', 'memory', '1M') as s, Raw(s) as raw:
        tls = TlsSocket(raw.sock, s.files)
        try:
            tls.tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        raw.sock.sendall(option(OPT_STARTTLS) + tls.outgoing.read())
        assert raw.option_reply()[:2] == (OPT_STARTTLS, REP_ACK)
        raw.sock = tls
        tls.handshake()
        assert raw.go().works()


def test_options_sent_together_with_the_end_of_the_handshake():
    for version in ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3:
        with TlsServer('verify', 'memory', '1M') as s, RawTls(s, version=version) as raw:
            raw.sock.sendall(option(OPT_STRUCTURED_REPLY) + option(OPT_LIST))
            assert raw.option_reply()[1] == REP_ACK
            raw.option_reply(), raw.option_reply()
            raw.is_structured = True
            assert raw.go().works()


def test_protocol_versions_and_algorithms():
    with TlsServer('x509', 'memory', '1M') as s:
        for version in ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3:
            with RawTls(s, version=version) as raw:
                assert raw.go().works()
                assert raw.sock.tls.version() == version.name.replace('_', '.')
                assert 'GCM' in raw.sock.tls.cipher()[0]
        for how in ({'version': ssl.TLSVersion.TLSv1_1, 'ciphers': 'ALL:@SECLEVEL=0'},
                    {'version': ssl.TLSVersion.TLSv1, 'ciphers': 'ALL:@SECLEVEL=0'},
                    {'version': ssl.TLSVersion.TLSv1_2, 'ciphers': 'kRSA'},
                    {'version': ssl.TLSVersion.TLSv1_2, 'ciphers': 'aNULL@SECLEVEL=0'},
                    {'version': ssl.TLSVersion.TLSv1_2, 'ciphers': 'AES128-SHA'}):
            try:
                RawTls(s, **how)
            except (Closed, ssl.SSLError, ConnectionError):
                continue
            raise AssertionError('%s was accepted' % how)
        assert s.nbd().get_size() == 1 << 20


def test_garbage_instead_of_a_hello():
    for garbage in (b'GET / HTTP/1.0\r\n\r\n' * 20, bytes(5000), b'\x16\x03\x01\xff\xff' + bytes(66000),
                    b'\x16\x03\x01\x00\x05\x01\x00\x00\x01\x00', b'\x15\x03\x03\x00\x02\x02\x28'):
        with TlsServer('x509', 'memory', '1M') as s, Raw(s) as raw:
            assert raw.answer(OPT_STARTTLS) == REP_ACK
            try:
                raw.sock.sendall(garbage)
                while raw.sock.recv(4096):
                    pass
            except ConnectionError:
                pass
            wait_for('a line in the log', lambda: log_lines(s, 'TLS handshake: '))
            assert len(log_lines(s, 'error: ')) == 1, s.log()
            assert s.nbd().get_size() == 1 << 20


def test_client_that_goes_within_the_handshake():
    for n in 0, 1, 5, 50:
        with TlsServer('x509', 'memory', '1M') as s:
            with Raw(s) as raw:
                assert raw.answer(OPT_STARTTLS) == REP_ACK
                tls = TlsSocket(raw.sock, s.files)
                try:
                    tls.tls.do_handshake()
                except ssl.SSLWantReadError:
                    pass
                raw.sock.sendall(tls.outgoing.read()[:n])
            wait_for('a line in the log', lambda: log_lines(s, 'TLS handshake: '))
            assert s.nbd().get_size() == 1 << 20


def test_a_hello_byte_by_byte():
    with TlsServer('x509', 'memory', '1M') as s, Raw(s) as raw:
        assert raw.answer(OPT_STARTTLS) == REP_ACK
        tls = TlsSocket(raw.sock, s.files)
        try:
            tls.tls.do_handshake()
        except ssl.SSLWantReadError:
            pass
        for byte in tls.outgoing.read():
            raw.sock.sendall(bytes([byte]))
        raw.sock = tls
        tls.handshake()
        assert raw.go().works()


def test_deadline_covers_tls():
    with TlsServer('x509', '--timeout=%dms' % (300 * SLOW), 'memory', '1M') as s:
        for sent in b'', b'\x16', b'\x16\x03\x01\x00\xa0\x01':
            with Raw(s) as raw:
                assert raw.answer(OPT_STARTTLS) == REP_ACK
                raw.sock.sendall(sent)
                assert raw.is_closed()
        wait_for('the log', lambda: len(log_lines(s, 'the handshake took too long')) == 3)
        assert len(log_lines(s, 'error: ')) == 3, s.log()
        with RawTls(s) as raw:
            raw.go()
            assert raw.works()


def test_deadline_covers_records_that_say_nothing():
    """Each of them is something that came, none is an option."""
    with TlsServer('x509', 'memory', '1M', '--timeout=1s') as s:
        with RawGnutls(s) as raw:
            def is_cut():
                try:
                    raw.sock.empty_record()
                except ConnectionError:
                    return True
            wait_for('the end', is_cut)
        wait_for('a line in the log', lambda: 'the handshake took too long' in s.log())


def test_200_stalled_handshakes_and_a_good_client():
    with TlsServer('x509', 'memory', '1M') as s:
        stalled = [Raw(s) for _ in range(200)]
        for i, raw in enumerate(stalled):
            raw.option(OPT_STARTTLS)
            raw.option_reply()
            raw.sock.sendall([b'', b'\x16\x03', b'\x16\x03\x01\x00\xa0\x01'][i % 3])
        h = s.nbd()
        h.pwrite(b'x' * 65536, 0)
        assert h.pread(65536, 0) == b'x' * 65536
        h.shutdown()
        for raw in stalled:
            raw.sock.close()


def test_server_ends_amid_stalled_handshakes():
    with TlsServer('x509', 'memory', '1M', clean=True) as s:
        stalled = [Raw(s) for _ in range(20)]
        for raw in stalled:
            raw.option(OPT_STARTTLS)
            raw.option_reply()
        s.stop()
        assert all(raw.is_closed() for raw in stalled)
        assert not log_lines(s, 'error: '), s.log()


def test_required_tls_and_a_plain_client():
    import nbd
    with TlsServer('x509', 'memory', '1M') as s:
        try:
            s.plain()
        except nbd.Error as e:
            assert 'TLS' in str(e), e
        else:
            raise AssertionError('a plain client was let in')
        r = run(['qemu-img', 'info', 'nbd+unix:///?socket=' + s.socket], check=False)
        assert r.returncode and 'TLS' in r.stderr, r.stderr
    with TlsServer('x509', 'memory', '1M', mode='on') as s:
        assert s.plain().get_size() == 1 << 20
        assert s.nbd().get_size() == 1 << 20


main(globals())
