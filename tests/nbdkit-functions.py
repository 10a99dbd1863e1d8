# SPDX-License-Identifier: BSD-3-Clause
"""The functions that nbdkit gives to plugins: the same results as nbdkit's own."""
import contextlib
import re

import nbd

from harness import *
from nbdkitlib import *
from tlsfiles import TlsServer


@contextlib.contextmanager
def functions():
    """The plugin, in a directory with a file that a password is read from."""
    with TempDir() as d:
        with open(d + '/password-file', 'w') as f:
            f.write('pass word\nsecond line\n')
        yield build_plugin('functions', d), d


def answers(program, path, d):
    fd = os.open(d + '/password-file', os.O_RDONLY)
    os.dup2(fd, 9)
    os.close(fd)
    out = run([program, '--dump-plugin', path], cwd=d, pass_fds=[9]).stdout
    os.close(9)
    return [line for line in out.splitlines() if '=' not in line]


def test_parsers_paths_passwords_strings():
    with functions() as (path, d):
        theirs = answers(NBDKIT, path, d)
        ours = answers(NBDSRV, path, d)
        for a, b in zip(ours, theirs):
            assert a == b, '%s\n%s' % (a, b)
        assert len(ours) == len(theirs) > 400


LATER = '''delay '1': 0 1 0
delay '1.5': 0 1 500000000
delay '2s': 0 2 0
delay '120ms': 0 0 120000000
delay '3us': 0 0 3000
delay '3\u03bcs': 0 0 3000
delay '3\u00b5s': 0 0 3000
delay '7ns': 0 0 7
delay '': -1 42 42
delay 'x': -1 42 42
delay '-1': -1 42 42
delay '1 s': -1 42 42
chance '0': 0 0
chance '0.1': 0 0.1
chance '1e-1': 0 0.1
chance '10%': 0 0.1
chance '1:10': 0 0.1
chance '1/10': 0 0.1
chance '200%': 0 2
chance '': -1 42
chance 'x': -1 42
chance '-1': -1 42
chance 'inf': -1 42
chance 'nan': -1 42
chance '1:0': -1 42
chance '1:': -1 42
no client: -1 -1 -1 -1 -1
sleep 0 -1
added 0 0 0 0
2 extents: 4096+8192 type 3, 12288+4096 type 0
no extents: 0 1 1
name nbdsrv[12]
'''

DUMPS = '''dump: 00000000:                          30 31 32 33 34 35 36 37  |        01234567|
dump: 00000010: 38 39 61 62 63 64 65 66  01                       |89abcdef.       |
diff: -00000010: 67 68                                             |gh              |
diff: +00000010: 67 48                                             |gH              |
'''


def test_functions_of_later_versions():
    with functions() as (path, d):
        r = nbdsrv('-v', '--dump-plugin', path, 'later=1')
        assert r.stdout.startswith(LATER.replace('[12]', '')), r.stdout
        r = nbdsrv('--name=[12]', '-v', '--dump-plugin', path, 'later=1')
        assert r.stdout.startswith(LATER.replace('nbdsrv[12]', '[12]')), r.stdout
        assert re.search(r'^time \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}$', r.stdout, re.M), r.stdout
        found = [line.partition(': debug: ')[2] for line in r.stderr.splitlines()]
        assert [line for line in found if line[:5] in ('dump:', 'diff:')] == DUMPS.splitlines()


def test_errno_in_messages():
    with functions() as (path, d):
        r = nbdsrv('--dump-plugin', path)
        assert 'an error with errno Invalid cross-device link' in r.stderr
        assert 'errno 18' in r.stdout and 'debug message' not in r.stderr


def test_peer():
    with functions() as (path, d):
        for tcp in False, True:
            log = d + '/log%d' % tcp
            with Bridged(path, tcp=tcp, env={'FUNCTIONS_LOG': log}) as s:
                s.nbd().shutdown()
            who = 'pid %d uid %d gid %d' % ((-1, -1, -1) if tcp else (os.getpid(), os.getuid(), os.getgid()))
            peer, *rest = lines(log)
            assert peer.startswith('peer 0 0 family ') and peer.endswith(' len good')
            assert int(peer.split()[4]) in ([socket.AF_INET, socket.AF_INET6] if tcp else [socket.AF_UNIX])
            assert rest == [who, 'tls 0 export ', 'nbdkit_peer_tls_dn ', 'nbdkit_peer_tls_issuer_dn ']


def test_peer_over_tls():
    names = {'x509': ('', ''), 'verify': ('CN=client,O=Test', 'CN=Test authority'), 'psk': ('', '')}
    with functions() as (path, d):
        for kind, (dn, issuer) in names.items():
            log = d + '/log-' + kind
            with TlsServer(kind, path, env={'FUNCTIONS_LOG': log}) as s:
                s.nbd().shutdown()
            assert lines(log)[2:] == ['tls 1 export ', 'nbdkit_peer_tls_dn ' + dn,
                                      'nbdkit_peer_tls_issuer_dn ' + issuer]


def test_shutdown():
    with functions() as (path, d):
        with Bridged(path, env={'FUNCTIONS_LOG': d + '/log'}) as s:
            s.nbd().pread(512, 512)
            assert s.process.wait(timeout=15 * SLOW) == 0


def test_disconnect():
    with functions() as (path, d):
        with Bridged(path, env={'FUNCTIONS_LOG': d + '/log'}) as s:
            h = s.nbd()
            other = s.nbd()
            assert h.pread(512, 1024) == bytes(512)  # is answered still
            wait_for('the end of the client', lambda: try_out(h.pread, 512, 0) != bytes(512))
            h = s.nbd()
            assert try_out(h.pread, 512, 1536) != bytes(512)
            assert other.pread(512, 0) == bytes(512)


def test_sleep_ends_with_the_client():
    with functions() as (path, d):
        log = d + '/log'
        with Bridged(path, env={'FUNCTIONS_LOG': log}) as s:
            h = s.nbd()
            buf = nbd.Buffer(512)
            h.aio_pread(buf, 2048)
            wait_for('the sleep', lambda: 'sleeping' in lines(log))
            del h, buf
            wait_for('its end', lambda: 'slept -1' in lines(log))


def test_sleep_ends_with_the_server():
    with functions() as (path, d):
        log = d + '/log'
        with Bridged(path, env={'FUNCTIONS_LOG': log}) as s:
            h = s.nbd()
            h.aio_pread(nbd.Buffer(512), 2048)
            wait_for('the sleep', lambda: 'sleeping' in lines(log))
        assert 'slept -1' in lines(log)


main(globals())
