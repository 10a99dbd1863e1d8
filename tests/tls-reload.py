# SPDX-License-Identifier: BSD-3-Clause
# SIGHUP: new certificates, keys, revocations and pre-shared keys while clients work.
import os
import shutil
import signal
import threading

import nbd

from harness import *
from tlsfiles import TlsServer, authority, copy_of_authority, make, temporary

DONE = 'credentials were read again'
KEPT = 'TLS goes on with the credentials that it had'


def replace(files, other, *names):
    for name in names:
        shutil.copy(other + '/' + name, files + '/' + name + '.new')
        os.rename(files + '/' + name + '.new', files + '/' + name)


def reload(s, says=DONE):
    before = s.log().count(says)
    s.signal(signal.SIGHUP)
    wait_for('the log', lambda: s.log().count(says) > before)


def comes_in(s, **kw):
    try:
        return s.nbd(**kw).get_size() > 0
    except nbd.Error:
        return False


def works(h):
    h.pwrite(b'y' * 512, 0)
    return h.pread(512, 0) == b'y' * 512


def test_another_authority():
    files, old, new = copy_of_authority(), authority(), make(temporary())
    with TlsServer('verify', '-v', 'memory', '1M', files=files) as s:
        h = s.nbd(files=old)
        replace(files, new, 'ca-cert.pem', 'server-cert.pem', 'server-key.pem')
        assert comes_in(s, files=old), 'nothing was said yet'
        reload(s)
        assert comes_in(s, files=new) and not comes_in(s, files=old)
        assert works(h)
        h.shutdown()


def test_revocation():
    files = copy_of_authority()
    with TlsServer('verify', '-v', 'memory', '1M', files=files) as s:
        h = s.nbd()
        make(files, '--revoke', files + '/client-cert.pem')
        reload(s)
        assert not comes_in(s)
        assert works(h)
        h.shutdown()


def test_keys():
    files = make(temporary())
    with TlsServer('psk', '-v', 'memory', '1M', files=files) as s:
        h = s.nbd()
        old = temporary()
        shutil.copy(files + '/keys.psk', old)
        os.unlink(files + '/keys.psk')
        make(files, '--user', 'bob')
        reload(s)
        assert comes_in(s, user='bob') and not comes_in(s, files=old)
        assert works(h)
        h.shutdown()


def test_an_error_keeps_the_old_ones():
    for kind, name in (('x509', 'server-cert.pem'), ('x509', 'server-key.pem'),
                       ('verify', 'ca-cert.pem'), ('verify', 'ca-crl.pem'), ('psk', 'keys.psk')):
        files = copy_of_authority()
        with TlsServer(kind, '-v', 'memory', '1M', files=files) as s:
            for content in 'nonsense', None:
                if content:
                    with open(files + '/' + name, 'w') as f:
                        f.write(content)
                elif name == 'ca-crl.pem':
                    continue
                else:
                    os.unlink(files + '/' + name)
                reload(s, KEPT)
                assert name in s.log()
                assert comes_in(s, files=authority())
            shutil.copy(authority() + '/' + name, files) if name != 'ca-crl.pem' else os.unlink(
                files + '/' + name)
            reload(s)
            assert comes_in(s, files=authority())


def test_a_key_that_does_not_fit():
    files, new = copy_of_authority(), make(temporary())
    with TlsServer('x509', '-v', 'memory', '1M', files=files) as s:
        replace(files, new, 'server-key.pem')
        reload(s, KEPT)
        assert comes_in(s, files=authority())


def test_without_tls():
    with Server('-v', 'memory', '1M') as s:
        s.signal(signal.SIGHUP)
        wait_for('the log', lambda: 'nothing to read again' in s.log())
        assert s.nbd().get_size() == 1 << 20


def test_under_load():
    for kind in 'verify', 'psk':
        files = copy_of_authority()
        with TlsServer(kind, '-v', 'memory', '8M', files=files) as s:
            end, failures, handshakes = threading.Event(), [], []

            def transfer(n):
                try:
                    h = s.nbd(files=authority())
                    data = pattern(200000, n)
                    while not end.is_set():
                        h.pwrite(data, n << 20)
                        assert h.pread(len(data), n << 20) == data
                    h.shutdown()
                except BaseException as e:
                    failures.append(e)

            def connect():
                try:
                    while not end.is_set():
                        s.nbd(files=authority()).shutdown()
                        handshakes.append(1)
                except BaseException as e:
                    failures.append(e)

            threads = [threading.Thread(target=transfer, args=(n,)) for n in range(3)]
            threads += [threading.Thread(target=connect) for _ in range(2)]
            for t in threads:
                t.start()
            for _ in range(20):
                reload(s)
            wait_for('handshakes', lambda: len(handshakes) > 20 or failures)
            end.set()
            for t in threads:
                t.join()
            assert not failures, failures


main(globals())
