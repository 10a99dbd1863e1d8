# SPDX-License-Identifier: BSD-3-Clause
# Clients that people use, over TLS: libnbd and its tools, qemu, nbd-client.
import json
import os

from harness import TempDir, main, nbdsrv, pattern, run
from tlsfiles import KINDS, TlsServer, authority

MIB = 1 << 20
SIZE = (1 << 30) if os.environ.get('NBDSRV_TEST_BIG') else (48 << 20)


def servers(*args):
    """Each kind, over a Unix socket and over TCP."""
    for kind in KINDS:
        for tcp in False, True:
            with TlsServer(kind, *args, tcp=tcp) as s:
                yield s


def test_libnbd():
    data = pattern(3 * MIB + 512)
    for s in servers('memory', '8M'):
        h = s.nbd()
        assert h.get_tls_negotiated()
        assert h.get_structured_replies_negotiated()
        h.pwrite(data, 512)
        assert h.pread(len(data), 512) == bytes(data)
        assert h.can_meta_context('base:allocation')
        h.zero(MIB, MIB)
        assert h.pread(2 * MIB, MIB) == bytes(MIB) + data[2 * MIB - 512:3 * MIB - 512]
        h.shutdown()


def test_nbdinfo():
    for s in servers('memory', '8M'):
        found = json.loads(run(['nbdinfo', '--json', s.uri]).stdout)
        assert found['TLS'] and found['exports'][0]['export-size'] == 8 * MIB


def test_nbdcopy_there_and_back():
    with TempDir() as d:
        with open(d + '/in', 'wb') as f:
            for i in range(SIZE >> 24):
                f.write(pattern(8 * MIB, seed=i % 5))
                f.seek(8 * MIB, 1)
            f.truncate(SIZE)
        for s in servers('memory', str(SIZE)):
            run(['nbdcopy', '--connections=2', d + '/in', s.uri], seconds=300)
            run(['nbdcopy', '--connections=2', s.uri, d + '/out'], seconds=300)
            run(['cmp', d + '/in', d + '/out'])


def test_qemu_img():
    with TempDir() as d:
        with open(d + '/in', 'wb') as f:
            f.write(pattern(5 * MIB))
            f.truncate(8 * MIB)
        for s in servers('memory', '8M'):
            creds, image = s.qemu()
            run(['qemu-img', 'convert', '-n', '-f', 'raw', *creds, '--target-image-opts',
                 d + '/in', 'driver=raw,file.' + image.replace(',', ',file.')])
            run(['qemu-img', 'convert', *creds, '--image-opts', '-O', 'raw', image, d + '/out'])
            run(['cmp', d + '/in', d + '/out'])


def test_qemu_io():
    for s in servers('memory', '8M'):
        creds, image = s.qemu()
        r = run(['qemu-io', *creds, '--image-opts', image, '-c', 'write -P 0xab 1M 3M',
                 '-c', 'read -P 0xab 2M 1M', '-c', 'flush', '-c', 'discard 1M 1M'])
        assert 'verification failed' not in r.stdout, r.stdout


def test_nbd_client_lists():
    for kind in 'x509', 'verify':
        with TlsServer(kind, '--filter=exportname', 'memory', '8M', 'exportname=disk',
                       'exportname-list=explicit', tcp=True) as s:
            files = ['-cacertfile', s.files + '/ca-cert.pem', '-certfile',
                     s.files + '/client-cert.pem', '-keyfile', s.files + '/client-key.pem',
                     '-tlshostname', 'localhost']
            r = run(['nbd-client', '-l', 'localhost', str(s.port), *files], check=False)
            assert 'disk' in r.stdout, r.stdout + r.stderr


def test_uri_for_run():
    a = authority()
    for how in (['--tls-certificates=' + a], ['--tls-certificates=' + a, '--tls-verify-peer'],
                ['--tls-psk=' + a + '/keys.psk'], ['--tls-psk=' + a + '/keys.psk', '-e', 'a b']):
        out = nbdsrv('--tls=require', *how, 'memory', '1M', '--run',
                     'echo $tls; echo $uri; nbdinfo --size "$uri"').stdout.split('\n')
        assert out[0] == '2' and out[1].startswith('nbds+unix://') and out[2] == str(MIB), out


def test_stdin_and_stdout():
    import nbd
    for kind in KINDS:
        with TlsServer(kind, 'memory', '1M') as s:
            h = nbd.NBD()
            s.tls(h)
            h.connect_command([os.environ.get('NBDSRV', './nbdsrv'), '-s', '--exit-with-parent',
                               '--tls=require', *s.options(), 'memory', '1M'])
            h.pwrite(b'x' * 65536, 0)
            assert h.pread(65536, 0) == b'x' * 65536
            h.shutdown()


main(globals())
