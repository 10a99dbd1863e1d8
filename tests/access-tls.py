# SPDX-License-Identifier: BSD-3-Clause
# Rules about who somebody is: certificates and pre-shared keys.
import errno

from access import Rules
from harness import Server, expect_error, main, run, wait_for
from tlsfiles import TlsServer, copy_of_authority, issue


def opens(s, name='', **kw):
    import nbd
    try:
        h = s.nbd(name, **kw)
    except nbd.Error as e:
        assert e.errnum == errno.ENOENT, e
        return False
    assert h.get_size() == 1 << 20
    return True


def test_parts_and_whole_names_of_certificates():
    files = copy_of_authority()
    issue(files, 'client', 'cn = alice\norganization = "Ex, Inc."\nunit = Ops\nunit = Disks\ntls_www_client')
    ca = run(['certtool', '-i', '--infile', files + '/ca-cert.pem']).stdout
    issuer = [line for line in ca.splitlines() if 'Issuer:' in line][0].split(': ')[1]
    for rule, allowed in (
            ('dn.CN=alice', True), ('dn.CN=bob', False), ('dn.cn=a*e', True), ('dn.O="Ex, Inc."', True),
            ('dn.OU=Ops dn.O=Other', False), ('dn.OU=Disks', True), ('dn.CN=Alice', False), ('dn.O=alice', False),
            ("issuer='%s'" % issuer, True), ('issuer.CN=nobody', False), ('issuer.CN=alice', False),
            ('dn=CN=alice', False), ('user=alice', False), ('tls=yes', True), ('tls=no', False)):
        with Rules('allow ' + rule) as rules:
            with TlsServer('verify', 'memory', '1M', '--access=' + rules.path, files=files) as s:
                assert opens(s) == allowed, rule


def test_whole_names_as_the_log_shows_them():
    files = copy_of_authority()
    issue(files, 'client', 'cn = alice\norganization = "Ex, Inc."\ntls_www_client')
    with TlsServer('verify', '-v', 'memory', '1M', files=files) as s:
        s.nbd().shutdown()
        name = [line for line in s.log().splitlines() if 'certificate ' in line][0].split('certificate ')[1]
    assert name.startswith('CN=alice,O=Ex'), name
    for text in name, 'O=Ex\\, Inc.,CN=alice':
        with Rules("read-only dn='%s'" % text) as rules:
            with TlsServer('verify', 'memory', '1M', '--access=' + rules.path, files=files) as s:
                assert s.nbd().is_read_only()


def test_a_certificate_that_is_not_verified_says_nothing():
    with Rules('allow dn.CN=client') as rules:
        with TlsServer('x509', 'memory', '1M', '--access=' + rules.path) as s:
            assert not opens(s)
            assert "never matches without --tls-verify-peer" in s.log()


def test_users_of_pre_shared_keys():
    files = copy_of_authority()
    run(['psktool', '-u', 'bob', '-p', files + '/keys.psk'])
    text = 'allow user=alice export=vm1\nread-only user=b* export=vm*\nallow user=* export=all'
    with Rules(text) as rules, TlsServer('psk', 'memory', '1M', '--access=' + rules.path, files=files) as s:
        for user, name, expected in (('alice', 'vm1', 'rw'), ('alice', 'vm2', None), ('bob', 'vm2', 'ro'),
                                     ('bob', 'vm1', 'ro'), ('bob', '', None), ('bob', 'all', 'rw'),
                                     ('alice', 'all', 'rw')):
            assert opens(s, name, user=user) == bool(expected), (user, name)
            if expected:
                h = s.nbd(name, user=user)
                assert h.is_read_only() == (expected == 'ro')
                if expected == 'ro':
                    h.set_strict_mode(0)
                    expect_error(errno.EPERM, h.pwrite, b'x' * 512, 0)


def test_before_and_after_tls_a_client_is_two():
    """What was opened in the clear is judged again inside TLS."""
    import nbd
    with Rules('read-only tls=no export=a\nallow tls=yes export=b') as rules:
        with TlsServer('psk', 'memory', '1M', '--access=' + rules.path, mode='on') as s:
            h = s.plain(export='a')
            assert h.is_read_only()
            for name, plain in ('b', True), ('a', False):
                try:
                    s.plain(export=name) if plain else s.nbd(name)
                    raise AssertionError(name)
                except nbd.Error as e:
                    assert e.errnum == errno.ENOENT, e
            assert not s.nbd('b').is_read_only()

            def names(tls):
                h = nbd.NBD()
                h.set_opt_mode(True)
                if tls:
                    s.tls(h)
                h.connect_unix(s.socket)
                for name in 'a', 'b':
                    h.set_export_name(name)
                    try:
                        h.opt_info()
                        yield name
                    except nbd.Error:
                        pass
                h.opt_abort()
            assert list(names(False)) == ['a'] and list(names(True)) == ['b']


main(globals())
