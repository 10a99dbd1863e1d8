# SPDX-License-Identifier: BSD-3-Clause
"""Certificates and keys for tests, made by contrib/test-authority.

    from tlsfiles import authority, TlsServer

    with TlsServer('x509', 'memory', '1M') as s:
        s.nbd()

The kinds: x509 (clients verify the server), verify (and the server its clients), psk.
"""
import atexit
import os
import shutil
import tempfile

from harness import SRCDIR, Server, run

KINDS = 'x509', 'verify', 'psk'
TOOL = os.path.join(SRCDIR, 'contrib', 'test-authority')

_made = []


def make(directory, *args):
    run(['sh', TOOL, *args, directory])
    return directory


def temporary():
    d = tempfile.mkdtemp(prefix='nbdsrv-test-')
    atexit.register(shutil.rmtree, d, ignore_errors=True)
    return d


def authority():
    """A directory with everything, made once for each test script."""
    if not _made:
        _made.append(make(temporary()))
    return _made[0]


def copy_of_authority():
    """One that may be changed."""
    d = temporary()
    shutil.copytree(authority(), d, dirs_exist_ok=True)
    return d


def certtool(*args, template=''):
    path = os.path.join(temporary(), 'template')
    with open(path, 'w') as f:
        f.write(template)
    run(['certtool', *args, '--template', path])


def issue(directory, name, template):
    """Another certificate of the directory's authority, for the key of that name."""
    path = lambda file: os.path.join(directory, file)
    if os.path.exists(path(name + '-cert.pem')):
        os.unlink(path(name + '-cert.pem'))
    if not os.path.exists(path(name + '-key.pem')):
        run(['certtool', '--generate-privkey', '--key-type', 'ecdsa', '--outfile',
             path(name + '-key.pem')])
    certtool('--generate-certificate', '--load-ca-certificate', path('ca-cert.pem'),
             '--load-ca-privkey', path('ca-key.pem'), '--load-privkey',
             path(name + '-key.pem'), '--outfile', path(name + '-cert.pem'),
             template=template)


class TlsServer(Server):
    def __init__(self, kind, *args, files=None, mode='require', **kw):
        self.kind, self.files = kind, files or authority()
        super().__init__('--tls=' + mode, *self.options(), *args, **kw)

    def options(self):
        if self.kind == 'psk':
            return ['--tls-psk=' + self.files + '/keys.psk']
        verify = ['--tls-verify-peer'] if self.kind == 'verify' else []
        return ['--tls-certificates=' + self.files, *verify]

    def tls(self, h, files=None, user='alice'):
        """Sets up a libnbd handle."""
        import nbd
        h.set_tls(nbd.TLS_REQUIRE)
        if self.kind == 'psk':
            h.set_tls_username(user)
            h.set_tls_psk_file((files or self.files) + '/keys.psk')
        else:
            h.set_tls_certificates(files or self.files)

    def nbd(self, export='', contexts=('base:allocation',), setup=None, files=None,
            user='alice'):
        return super().nbd(export, contexts, lambda h: (self.tls(h, files, user),
                                                        setup and setup(h)))

    @property
    def uri(self):
        return self.uri_of('')

    def uri_of(self, export):
        if self.kind == 'psk':
            who, how = 'alice@', 'tls-psk-file=%s/keys.psk' % self.files
        else:
            who, how = '', 'tls-certificates=' + self.files
        if self.port:
            return 'nbds://%slocalhost:%d/%s?%s' % (who, self.port, export, how)
        return 'nbds+unix://%s/%s?socket=%s&%s' % (who, export, self.socket, how)

    def raw(self, **how):
        """The raw driver, inside TLS."""
        from rawtls import RawTls
        return RawTls(self, **how)

    def plain(self, **kw):
        """A libnbd handle that knows no TLS."""
        return super().nbd(**kw)

    def qemu(self, user='alice', files=None):
        """Arguments of qemu-img and qemu-io, for --image-opts."""
        if self.kind == 'psk':
            creds = 'tls-creds-psk,username=' + user
        else:
            creds = 'tls-creds-x509,verify-peer=on'
        where = (['host=localhost', 'port=%d' % self.port] if self.port
                 else ['path=' + self.socket])
        return (['--object', '%s,id=tls0,endpoint=client,dir=%s' % (creds, files or self.files)],
                ','.join(['driver=nbd', 'tls-creds=tls0', *where] +
                         ([] if self.port else ['tls-hostname=localhost'])))
