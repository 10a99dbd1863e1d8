# SPDX-License-Identifier: BSD-3-Clause
# Names that clients have or give themselves, meant to be taken for others.
from access import Rules
from gnutlslib import RawGnutls
from harness import Server, main, wait_for
from rawnbd import ERR_UNKNOWN, OPT_GO, REP_ACK, Closed, Raw
from tlsfiles import TlsServer, authority, copy_of_authority, issue


def key_of(user, files):
    with open(files + '/keys.psk') as f:
        return dict(line.strip().split(':') for line in f)[user].encode()


def test_user_with_a_nul():
    """Found by the part before it, it would be nobody to the rules."""
    key = key_of('alice', authority())
    with Rules('deny user=alice\nallow tls=yes') as rules:
        with TlsServer('psk', 'memory', '1M', '--access=' + rules.path) as s:
            for user in b'alice\0', b'alice\0bob', b'bob\0alice', b'\0':
                try:
                    kind = RawGnutls(s, psk=(user, key)).answer(OPT_GO, Raw.info_data())
                    raise AssertionError((user, hex(kind)))
                except (Closed, ConnectionError):
                    pass
            assert RawGnutls(s, psk=(b'alice', key)).answer(OPT_GO, Raw.info_data()) == ERR_UNKNOWN
            wait_for('the line', lambda: s.log().count("the client's name has a NUL in it") == 2)


def test_certificate_without_a_name():
    files = copy_of_authority()
    issue(files, 'client', 'tls_www_client')
    for rule, expected in (('allow', REP_ACK), ('allow dn.CN=*', ERR_UNKNOWN),
                           ('deny dn.CN=*\nallow', REP_ACK), ('deny issuer.CN=*\nallow', ERR_UNKNOWN)):
        with Rules(rule) as rules:
            with TlsServer('verify', 'memory', '1M', '--access=' + rules.path, files=files) as s:
                assert s.raw().answer(OPT_GO, s.raw().info_data()) == expected, rule


def test_name_of_too_many_parts():
    """Whoever it denies may be among those that were not read."""
    files = copy_of_authority()
    issue(files, 'client', 'cn = alice\ntls_www_client\n' + 'unit = a\n' * 70)
    for rule, expected in (('deny dn.CN=alice\nallow', ERR_UNKNOWN), ('allow dn.CN=alice', ERR_UNKNOWN),
                           ('allow tls=yes', REP_ACK)):
        with Rules(rule) as rules:
            with TlsServer('verify', '-v', 'memory', '1M', '--access=' + rules.path, files=files) as s:
                assert s.raw().answer(OPT_GO, s.raw().info_data()) == expected, rule
                assert any(line.count('OU=a') == 70 for line in s.log().splitlines()), s.log()


def test_names_do_not_reach_the_terminal():
    hostile = 'a\nb\x1b[31mc\u009b31md\x7f'
    files = copy_of_authority()
    issue(files, 'client', 'cn = "c\u009b31md"\ntls_www_client')
    with TlsServer('verify', '-v', 'memory', '1M', files=files) as s:
        s.raw().go()
        assert 'certificate CN=c??31md' in s.log()
    with TlsServer('psk', 'memory', '1M') as s:
        try:
            RawGnutls(s, psk=(b'e\x9b31m\xc2\x9bf\n\x1bg', b'00' * 16))
            raise AssertionError('let in')
        except Closed:
            wait_for('the line', lambda: "no key for user 'e?31m??f ?g'" in s.log())
    with Rules('deny') as rules, Server('-v', 'memory', '1M', '--access=' + rules.path) as s:
        assert Raw(s).answer(OPT_GO, Raw.info_data(hostile)) == ERR_UNKNOWN
        assert "export 'a b?[31mc??31md?'" in s.log(), s.log()


main(globals())
