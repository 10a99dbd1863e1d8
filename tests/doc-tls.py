# SPDX-License-Identifier: BSD-3-Clause
# What nbdsrv-tls(1) tells people to type makes certificates and keys that work.
import os
import re
import shutil

from harness import *
from tlsfiles import TlsServer, temporary

PAGE = os.path.join(SRCDIR, 'man', 'nbdsrv-tls.pod')


def commands(heading):
    """The verbatim paragraphs of a part of the page, without its servers and clients."""
    text = open(PAGE).read().split('=head1 ' + heading + '\n')[1].split('\n=head1 ')[0]
    paragraphs = re.findall(r'(?:^ .*\n)+', text, re.M)
    return ['\n'.join(line[1:] for line in p.splitlines()) for p in paragraphs
            if not p.startswith(' nbdsrv ')]


def follow(heading):
    d = temporary()
    found = commands(heading)
    assert found
    for command in found:
        run(['sh', '-e', '-c', command], cwd=d)
    return d


def test_certificates():
    d = follow('CERTIFICATES, STEP BY STEP')
    with TlsServer('verify', 'memory', '1M', files=d + '/server', tcp=True) as s:
        r = run(['nbdinfo', '--size', s.uri.replace('/server', '/client')], check=False)
        assert r.returncode
        wait_for('the log', lambda: 'revoked' in s.log())
        creds, image = s.qemu(files=d + '/client')
        assert run(['qemu-img', 'info', *creds, '--image-opts', image], check=False).returncode
    os.unlink(d + '/server/ca-crl.pem')
    with TlsServer('verify', '-v', 'memory', '1M', files=d + '/server', tcp=True) as s:
        assert run(['nbdinfo', '--size', s.uri.replace('/server', '/client')]).stdout == '1048576\n'
        creds, image = s.qemu(files=d + '/client')
        run(['qemu-img', 'info', *creds, '--image-opts', image])
        files = ['-cacertfile', 'client/ca-cert.pem', '-certfile', 'client/client-cert.pem',
                 '-keyfile', 'client/client-key.pem']
        run(['nbd-client', '-l', 'localhost', str(s.port), *files], cwd=d)
        assert 'CN=alice,O=Example' in s.log()


def test_keys():
    d = follow('PRE-SHARED KEYS, STEP BY STEP')
    with TlsServer('psk', 'memory', '1M', files=d + '/keys', tcp=True) as s:
        uri = s.uri.replace(d + '/keys/', d + '/alice/')
        assert run(['nbdinfo', '--size', uri]).stdout == '1048576\n'
        assert s.nbd(user='bob').get_size() == 1 << 20
        creds, image = s.qemu(files=d + '/alice')
        run(['qemu-img', 'info', *creds, '--image-opts', image])


def test_errors_are_those_that_are_described():
    """Each that is quoted from the server's own sources stands there still."""
    text = open(PAGE).read().split('=head1 ERRORS')[1]
    own = ['the client has gone', ': it may not trust the certificate', 'the client refuses: ',
           "the client's certificate: ", "the client's key is wrong", 'there is no key for user',
           'the handshake took too long', 'the connection was cut: TLS did not end first',
           'is not the key of', 'TLS needs --tls-certificates or --tls-psk',
           'this server was built without TLS']
    sources = ''
    for name in os.listdir(SRCDIR + '/server'):
        sources += open(os.path.join(SRCDIR, 'server', name)).read()
    for words in own:
        assert words in text, words
        assert words in sources, words


main(globals())
