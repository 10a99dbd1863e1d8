# SPDX-License-Identifier: BSD-3-Clause
# Certificates and keys that are not what they should be: refused, by whom, and why.
import os
import shutil

import nbd

from harness import *
from tlsfiles import TlsServer, authority, copy_of_authority, issue, make, temporary

SERVER = 'cn = server\ndns_name = %s\ntls_www_server\nsigning_key\n'
CLIENT = 'cn = %s\norganization = Test\ntls_www_client\nsigning_key\n'
EXPIRED = 'activation_date = "2019-01-01 00:00:00"\nexpiration_date = "2020-01-01 00:00:00"\n'
LATER = 'activation_date = "2090-01-01 00:00:00"\nexpiration_date = "2091-01-01 00:00:00"\n'


def errors(s):
    return [l for l in s.log().splitlines() if 'error: ' in l]


def client_fails(s, text, **kw):
    """What libnbd says."""
    try:
        h = s.nbd(**kw)
        h.get_size()
    except nbd.Error as e:
        assert text in str(e), e
        return
    raise AssertionError('the client was let in')


def client_is_refused(s, reason, **kw):
    """By the server, with one line in its log."""
    before = len(errors(s))
    client_fails(s, '', **kw)
    wait_for('a line in the log', lambda: len(errors(s)) > before)
    assert len(errors(s)) == before + 1, s.log()
    assert reason in errors(s)[-1], s.log()


# ------------------------------------------------------ clients that check the server
# libnbd does so over TCP only, where there is a name to check.

def test_client_of_another_authority():
    other = make(temporary())
    with TlsServer('x509', 'memory', '1M', tcp=True) as s:
        client_fails(s, 'certificate', files=other)
        wait_for('the alert', lambda: errors(s))
        assert 'may not trust the certificate' in errors(s)[0] and len(errors(s)) == 1, s.log()
        assert s.nbd().get_size() == 1 << 20


def test_server_certificate_expired_or_of_the_future():
    for template, word in (EXPIRED, 'has expired'), (LATER, 'is not valid yet'):
        files = copy_of_authority()
        issue(files, 'server', SERVER % 'localhost' + template)
        with TlsServer('x509', 'memory', '1M', files=files, tcp=True) as s:
            client_fails(s, 'certificate')
            assert 'warning: ' in s.log() and word in s.log()


def test_server_certificate_of_another_host():
    files = copy_of_authority()
    issue(files, 'server', SERVER % 'elsewhere.example')
    with TlsServer('x509', 'memory', '1M', files=files, tcp=True) as s:
        client_fails(s, 'certificate')


def test_self_signed_server():
    files = copy_of_authority()
    with open(files + '/template', 'w') as f:
        f.write(SERVER % 'localhost')
    run(['certtool', '--generate-self-signed', '--load-privkey', files + '/server-key.pem',
         '--template', files + '/template', '--outfile', files + '/server-cert.pem'])
    with TlsServer('x509', 'memory', '1M', files=files, tcp=True) as s:
        client_fails(s, 'certificate', files=authority())


# ------------------------------------------------------ a server that checks clients

def test_client_without_a_certificate():
    bare = temporary()
    shutil.copy(authority() + '/ca-cert.pem', bare)
    with TlsServer('verify', 'memory', '1M') as s:
        client_is_refused(s, 'ertificate', files=bare)
        assert s.nbd().get_size() == 1 << 20


def test_client_certificates_that_are_refused():
    other = make(temporary())
    shutil.copy(authority() + '/ca-cert.pem', other)

    def with_client(template):
        files = copy_of_authority()
        issue(files, 'client', template)
        return files

    servers_own = copy_of_authority()
    for what in 'cert', 'key':
        shutil.copy('%s/server-%s.pem' % (servers_own, what), '%s/client-%s.pem' % (servers_own, what))
    cases = [(other, 'issuer is unknown'),
             (with_client(CLIENT % 'late' + EXPIRED), 'expired'),
             (with_client(CLIENT % 'early' + LATER), 'not yet'),
             (servers_own, 'purpose')]
    with TlsServer('verify', 'memory', '1M') as s:
        for files, reason in cases:
            client_is_refused(s, reason, files=files)
        assert s.nbd().get_size() == 1 << 20


def test_self_signed_client():
    files = copy_of_authority()
    with open(files + '/template', 'w') as f:
        f.write(CLIENT % 'me')
    run(['certtool', '--generate-self-signed', '--load-privkey', files + '/client-key.pem',
         '--template', files + '/template', '--outfile', files + '/client-cert.pem'])
    with TlsServer('verify', 'memory', '1M') as s:
        client_is_refused(s, 'ertificate', files=files)


def test_revoked_client():
    files = copy_of_authority()
    issue(files, 'other', CLIENT % 'other')
    make(files, '--revoke', files + '/client-cert.pem')
    good = temporary()
    shutil.copy(files + '/ca-cert.pem', good)
    for what in 'cert', 'key':
        shutil.copy('%s/other-%s.pem' % (files, what), '%s/client-%s.pem' % (good, what))
    with TlsServer('verify', 'memory', '1M', files=files) as s:
        client_is_refused(s, 'revoked')
        assert s.nbd(files=good).get_size() == 1 << 20
        make(files, '--revoke', good + '/client-cert.pem')  # a second one, not yet read
        assert s.nbd(files=good).get_size() == 1 << 20
    with TlsServer('verify', 'memory', '1M', files=files) as s:
        client_is_refused(s, 'revoked')
        client_is_refused(s, 'revoked', files=good)


def test_clients_are_not_asked_without_verify_peer():
    with TlsServer('x509', 'memory', '1M') as s:
        assert s.nbd(files=authority()).get_size() == 1 << 20


def test_qemu_with_a_certificate_of_another_authority():
    other = make(temporary())
    shutil.copy(authority() + '/ca-cert.pem', other)
    with TlsServer('verify', 'memory', '1M') as s:
        creds, image = s.qemu(files=other)
        creds[-1] += ',sanity-check=no'  # else it notices by itself
        r = run(['qemu-img', 'info', *creds, '--image-opts', image], check=False)
        assert r.returncode, r.stdout
        wait_for('a line in the log', lambda: errors(s))
        assert 'ertificate' in errors(s)[0], s.log()


# ------------------------------------------------------------------ pre-shared keys

def test_wrong_and_unknown_keys():
    other = make(temporary(), '--user', 'alice', '--user', 'mallory')
    with TlsServer('psk', 'memory', '1M') as s:
        client_is_refused(s, 'key is wrong', files=other)
        client_is_refused(s, "no key for user 'mallory'", files=other, user='mallory')
        assert s.nbd().get_size() == 1 << 20


def test_several_users():
    files = make(temporary(), '--user', 'alice', '--user', 'bob', '--user', 'carol')
    with TlsServer('psk', 'memory', '1M', files=files) as s:
        for user in 'alice', 'bob', 'carol':
            assert s.nbd(user=user).get_size() == 1 << 20


def test_certificates_and_keys_do_not_mix():
    with TlsServer('psk', 'memory', '1M') as s:
        def x509(h):
            h.set_tls_psk_file('')
            h.set_tls_certificates(authority())
        s.kind = 'x509'
        client_is_refused(s, 'TLS handshake: ')
    with TlsServer('x509', 'memory', '1M') as s:
        s.kind = 'psk'
        client_is_refused(s, 'TLS handshake: ')


# ---------------------------------------------------- files that the server refuses

def changed(name, content):
    files = copy_of_authority()
    if content is None:
        os.unlink(files + '/' + name)
    else:
        with open(files + '/' + name, 'w') as f:
            f.write(content)
    return files


def test_files_that_cannot_be_loaded():
    other = make(temporary())
    swapped = copy_of_authority()
    os.rename(swapped + '/server-key.pem', swapped + '/x')
    os.rename(swapped + '/server-cert.pem', swapped + '/server-key.pem')
    os.rename(swapped + '/x', swapped + '/server-cert.pem')
    verify = ['--tls-verify-peer']
    for files, more, words in (
            ('/nowhere', [], 'server-cert.pem: No such file'),
            (changed('server-cert.pem', None), [], 'server-cert.pem: No such file'),
            (changed('server-key.pem', None), [], 'server-key.pem: No such file'),
            (changed('ca-cert.pem', None), verify, 'ca-cert.pem: No such file'),
            (changed('server-cert.pem', ''), [], 'server-cert.pem'),
            (changed('server-cert.pem', 'nonsense'), [], 'server-cert.pem'),
            (changed('server-key.pem', 'nonsense'), [], 'server-key.pem'),
            (changed('ca-cert.pem', 'nonsense'), [], 'ca-cert.pem'),
            (changed('ca-crl.pem', 'nonsense'), verify, 'ca-crl.pem'),
            (changed('server-key.pem', open(other + '/server-key.pem').read()), [],
             'is not the key of'),
            (swapped, [], 'server-cert.pem')):
        line = refused('--tls=require', '--tls-certificates=' + files, *more, 'memory', '1M',
                       '-U', '-', '--run', 'true')
        assert words in line, line


def test_authority_is_not_needed_where_nobody_is_verified():
    files = changed('ca-cert.pem', None)
    with TlsServer('x509', 'memory', '1M', files=files) as s:
        assert s.nbd(files=authority()).get_size() == 1 << 20


def test_key_files_that_cannot_be_loaded():
    with TempDir() as d:
        for content, words in (
                (None, 'No such file'), ('', 'has no keys'), ('# only a remark\n', 'has no keys'),
                ('alice\n', 'line 1: it should look like USER:KEY'),
                (':00112233445566778899aabbccddeeff\n', 'line 1'),
                ('alice:\n', 'line 1: the key is not hexadecimal'),
                ('alice:00112233445566778899aabbccddeeff\nbob:xyz\n', 'line 2: the key is not'),
                ('a:00112233445566778899aabbccddeeff\n\na:00112233445566778899aabbccddeeff\n',
                 'line 3: this user has a key already')):
            path = d + '/keys'
            if content is not None:
                with open(path, 'w') as f:
                    f.write(content)
            for mode in 'on', 'require':
                line = refused('--tls=' + mode, '--tls-psk=' + path, 'memory', '1M', '--run', 'true')
                assert words in line, line
        assert 'directory' in refused('--tls-psk=' + d, 'memory', '1M', '--run', 'true')


def test_short_key_is_warned_of():
    with TempDir() as d:
        with open(d + '/keys.psk', 'w') as f:
            f.write('alice:0011223344556677\n')
        with TlsServer('psk', 'memory', '1M', files=d) as s:
            assert 'can be guessed' in s.log()
            assert s.nbd().get_size() == 1 << 20


main(globals())
