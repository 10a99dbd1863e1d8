# SPDX-License-Identifier: BSD-3-Clause
# What --tls and its kin mean, alone, together, and where they find certificates.
import os

from harness import *
from rawnbd import *
from tlsfiles import TlsServer, authority, temporary

MIB = '1M'
ASK = 'echo "${tls-unset}|$uri|$tls_certificates|$tls_psk"'


def answers(*args, env=None, wrapper=''):
    """($tls, $uri, $tls_certificates, $tls_psk) and the log."""
    env = dict(os.environ, **(env or {}))
    if wrapper:
        env['NBDSRV_WRAPPER'] = wrapper + ' ' + env.get('NBDSRV_WRAPPER', '')
    r = nbdsrv(*args, 'memory', MIB, '--run', ASK, env=env)
    return r.stdout.rstrip('\n').split('|'), r.stderr


def test_off_unless_there_are_credentials():
    with TempDir() as d:
        found, log = answers(env={'HOME': d}, wrapper=as_user())
        assert found[0] == 'unset' and found[1].startswith('nbd+unix:') and log == '', log
    found, log = answers('--tls=off', '--tls-certificates=' + authority())
    assert found[0] == 'unset' and found[1].startswith('nbd+unix:'), found


def test_on_where_credentials_are_given():
    a = authority()
    for how in '--tls-certificates=' + a, '--tls-psk=' + a + '/keys.psk':
        for mode in [], ['--tls=on'], ['--tls=1']:
            found, log = answers(how, *mode)
            assert found[0] == '1' and found[1].startswith('nbd+unix:') and 'tls' not in found[1]
            assert how.split('=')[1] in found[2:], found


def test_keys_come_before_certificates():
    a = authority()
    found, log = answers('--tls=require', '--tls-certificates=' + a, '--tls-psk=' + a + '/keys.psk')
    assert 'nbds+unix://alice@/?socket=' in found[1] and 'tls-psk-file=' in found[1], found
    assert 'tls-certificates' not in found[1]


def test_wish_without_credentials():
    with TempDir() as d:
        home = dict(os.environ, HOME=d, NBDSRV_WRAPPER=as_user())
        for args in (['--tls=on'], ['--tls-verify-peer'], ['--tls-certificates=' + d]):
            r = nbdsrv(*args, 'memory', MIB, '--run', ASK, env=home)
            assert r.stdout.startswith('unset|nbd+unix:'), r.stdout
            assert 'warning: TLS is off' in r.stderr, r.stderr
        line = refused('--tls=require', 'memory', MIB, '--run', ASK, env=home)
        assert '--tls-certificates' in line and '--tls-psk' in line


def test_what_excludes_what():
    assert '-o' in refused('-o', '--tls=require', 'memory', MIB, '--run', 'true')
    assert '--tls-verify-peer' in refused('--tls=off', '--tls-verify-peer', 'memory', MIB)
    assert '--tls' in refused('--tls=maybe', 'memory', MIB)
    with TempDir() as d:
        with open(d + '/keys.psk', 'w') as f:
            f.write('alice:%s\n' % ('5a' * 32))
        r = nbdsrv('--tls-psk=' + d + '/keys.psk', '--tls-verify-peer', 'memory', MIB, '--run', 'true')
        assert 'warning: --tls-verify-peer' in r.stderr, r.stderr
    assert 'a path is missing' in refused('--tls-certificates=', 'memory', MIB)


def test_priority():
    how = '--tls-certificates=' + authority()
    assert "does not understand 'NONSENSE" in refused(how, '--tls=require',
                                                      '--tls-priority=NORMAL:NONSENSE', 'null')
    for priority, version in (('NORMAL:-VERS-TLS1.3', 'TLSv1.2'), ('SECURE128', 'TLSv1.3'),
                              ('NORMAL:+VERS-ALL', 'TLSv1.3')):
        with TlsServer('x509', '--tls-priority=' + priority, 'memory', MIB) as s, s.raw() as raw:
            assert raw.sock.tls.version() == version
            assert raw.go().works()
    with TlsServer('psk', '--tls-priority=NORMAL', 'memory', MIB) as s:
        assert s.nbd().get_size() == 1 << 20


def test_priority_cannot_go_below_the_floor():
    import ssl
    with TlsServer('x509', '--tls-priority=NORMAL:+VERS-ALL:+RSA:%COMPAT', 'memory', MIB) as s:
        for how in ({'version': ssl.TLSVersion.TLSv1_1, 'ciphers': 'ALL:@SECLEVEL=0'},
                    {'version': ssl.TLSVersion.TLSv1_2, 'ciphers': 'kRSA'}):
            try:
                s.raw(**how)
            except (Closed, ssl.SSLError, ConnectionError):
                continue
            raise AssertionError('%s was accepted' % how)


def as_user():
    """A wrapper under which the server is not root: where users keep certificates."""
    if os.geteuid() != 0:
        return 'env'
    try:
        run(['unshare', '-U', 'true'])
    except AssertionError:
        raise Skip('no user namespaces') from None
    return 'unshare -U'


def test_directories_of_users():
    wrapper = as_user()
    for place in '.pki/nbdsrv', '.config/pki/nbdsrv', '.pki/nbdkit':
        home = temporary()
        os.makedirs(home + '/' + place)
        for name in 'ca-cert.pem', 'server-cert.pem', 'server-key.pem':
            os.symlink(authority() + '/' + name, '%s/%s/%s' % (home, place, name))
        found, log = answers(env={'HOME': home}, wrapper=wrapper)
        assert found[0] == '1', (found, log)
        found, log = answers('--tls=require', env={'HOME': home}, wrapper=wrapper)
        assert 'tls-certificates=' + home + '/' + place in found[1], found
        assert answers('--tls=off', env={'HOME': home}, wrapper=wrapper)[0][0] == 'unset'


def test_relative_paths():
    a = authority()
    r = nbdsrv('--tls=require', '--tls-certificates=' + os.path.relpath(a), 'memory', MIB,
               '--run', 'cd / && nbdinfo --size "$uri"')
    assert r.stdout == '1048576\n'


def test_dump_config():
    config = nbdsrv('--dump-config').stdout.splitlines()
    assert 'tls=yes' in config


def test_log_of_gnutls():
    with TlsServer('x509', '-v', '-D', 'nbdsrv.tls.log=2', 'memory', MIB) as s:
        s.nbd().shutdown()
        assert 'gnutls 2: ' in s.log() or 'gnutls 1: ' in s.log()
        assert 'TLS: (TLS1.3)' in s.log(), s.log()


main(globals())
