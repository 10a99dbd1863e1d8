# SPDX-License-Identifier: BSD-3-Clause
# The ip filter.
import errno
import os

from harness import Server, has_ipv6, main, nbdsrv, refused
from rawnbd import *
from tlsfiles import TlsServer

UID, GID, PID = os.geteuid(), os.getegid(), os.getpid()


def admitted(s, connect):
    import nbd
    h = nbd.NBD()
    try:
        connect(h)
    except nbd.Error:
        return False
    assert h.get_size() == 1 << 20
    h.shutdown()
    return True


def unix(s):
    return admitted(s, lambda h: h.connect_unix(s.socket))


def tcp(s, address='127.0.0.1'):
    return admitted(s, lambda h: h.connect_tcp(address, str(s.port)))


def server(*lists, **kw):
    return Server('--filter=ip', 'memory', '1M', *lists, **kw)


def test_local_clients():
    for lists, expected in (
            ([], True), (['deny=all'], False), (['deny=any'], False), (['allow=all', 'deny=all'], True),
            (['allow=anyunix', 'deny=all'], True), (['allow=allunix', 'deny=all'], True), (['deny=anyunix'], False),
            (['deny=anyipv4,anyipv6,anyvsock'], True), (['allow=127.0.0.1', 'deny=all'], False),
            (['allow=uid:%d' % UID, 'deny=all'], True), (['allow=uid:%d' % (UID + 1), 'deny=all'], False),
            (['allow=gid:%d' % GID, 'deny=all'], True), (['deny=gid:%d' % GID], False),
            (['allow=pid:%d' % PID, 'deny=all'], True), (['allow=pid:%d' % (PID + 1), 'deny=all'], False),
            (['allow=vsock-cid:2,vsock-port:1', 'deny=all'], False),
            (['deny='], True), (['deny=ALL,'], False), (['allow=UID:%d,' % UID, 'deny=Any'], True),
            (['allow=security:no_such_context', 'deny=all'], False),
            (['deny=uid:%d' % UID, 'allow=pid:1', 'allow=pid:%d' % PID], True)):
        with server(*lists) as s:
            assert unix(s) == expected, lists


def test_internet_clients():
    for lists, ipv4, ipv6 in (
            (['allow=127.0.0.1,::1', 'deny=all'], True, True), (['deny=127.0.0.0/8'], False, True),
            (['deny=127.0.0.1/8'], False, True), (['deny=128.0.0.0/8'], True, True),
            (['allow=anyipv6', 'deny=all'], False, True), (['allow=allipv4', 'deny=all'], True, False),
            (['deny=0.0.0.0/0'], False, True), (['deny=::/0'], True, False), (['deny=::1/128'], True, False),
            (['deny=::2/127'], True, True), (['deny=127.0.0.2/31'], True, True),
            (['deny=anyunix,uid:%d' % UID], True, True)):
        with server(*lists, tcp=True) as s:
            assert tcp(s) == ipv4, lists
            if has_ipv6():
                assert tcp(s, '::1') == ipv6, lists


def test_a_client_that_is_denied_is_told_nothing():
    with server('deny=all') as s:
        sock = s.connect()
        assert sock.recv(1) == b''
        assert 'ip.1: error: this client is denied' in s.log()


def test_names_of_certificates():
    for lists, expected in (
            (['allow=dn:CN=client,O=Test', 'deny=all'], True), (['allow=dn:O=Test,CN=client', 'deny=all'], True),
            (['allow=dn:CN=client', 'deny=all'], False), (['allow=dn:123', 'deny=all'], False),
            (['deny=dn:CN=client,O=Test'], False), (['allow=uid:%d,dn:CN=x' % UID, 'deny=all'], True),
            (['allow=issuer-dn:CN=client,O=Test', 'deny=all'], False)):
        with TlsServer('verify', '--filter=ip', 'memory', '1M', *lists) as s:
            assert admitted(s, lambda h: (s.tls(h), h.connect_unix(s.socket))) == expected, lists


def test_the_issuer():
    for name, expected in ('CN=Test authority', True), ('CN=nobody', False):
        with TlsServer('verify', '--filter=ip', 'memory', '1M', 'allow=issuer-dn:' + name, 'deny=all') as s:
            assert admitted(s, lambda h: (s.tls(h), h.connect_unix(s.socket))) == expected, name


def test_with_names_clients_are_judged_when_they_ask():
    with server('allow=dn:123', 'deny=all') as s, Raw(s) as raw:
        for option, data in (OPT_LIST, b''), (OPT_INFO, raw.info_data()), (OPT_GO, raw.info_data()):
            assert raw.ask(option, data) == [(ERR_POLICY, b'this client is denied')]


def test_what_is_no_rule():
    for lists, text in ((['allow=10.0.0.256'], "allow: '10.0.0.256' is no address"), (['deny=,all'], "deny: '' is no address"),
                        (['deny=all,,any'], "'' is no address"), (['allow=unix'], "'unix' is no address"),
                        (['allow=1.2.3.4/33'], 'is no address'), (['allow=uid:x'], 'allow: '),
                        (['allow=uid:4294967295'], 'allow: '), (['allow=pid:-1'], 'allow: '),
                        (['allow=vsock-cid:4294967295'], 'allow: ')):
        line = refused('--filter=ip', 'null', '1M', *lists)
        assert text in line, line


def test_rules_are_shown():
    r = nbdsrv('-v', '-D', 'ip.rules=1', '--filter=ip', 'memory', '1M', 'allow=all', 'deny=::1', '--run', 'true')
    assert 'ip: debug: allow: all' in r.stderr and 'ip: debug: deny: ::1' in r.stderr, r.stderr


main(globals())
