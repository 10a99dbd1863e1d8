# SPDX-License-Identifier: BSD-3-Clause
# The tls-fallback filter.
import os
import struct

from harness import OPENER, Server, TempDir, main, nbdsrv, refused
from rawnbd import *
from tlsfiles import TlsServer

README = b'This NBD server requires TLS authentication before it will serve useful data.\n'


def test_clients_without_tls_find_the_message():
    with TempDir() as d:
        with TlsServer('psk', '--filter=tls-fallback', OPENER, 'record=' + d + '/record', mode='on') as s:
            with Raw(s) as raw:
                raw.structured()
                replies = raw.ask(OPT_LIST)
                assert replies == [(REP_SERVER, bytes(4)), (REP_ACK, b'')]
                raw.go('enoent')  # whatever the name
                assert raw.size == 512 and raw.flags & READ_ONLY and not raw.flags & MULTI_CONN
                assert raw.read(0, 512) == README + bytes(512 - len(README))
                assert raw.read(5, 3) == README[5:8]
                assert raw.write(0, b'x' * 512) == EPERM
                assert raw.do(READ, 0, 513).error == EINVAL
            assert os.path.getsize(d + '/record') == 0
            h = s.nbd('plain')
            assert h.get_size() == 65536
            h.shutdown()
            with open(d + '/record') as f:
                assert 'open plain' in f.read()


def test_clients_inside_tls_meet_nothing_of_it():
    import nbd
    with TlsServer('psk', '--filter=tls-fallback', 'memory', '1M', mode='on') as s:
        h = s.nbd()
        assert h.get_size() == 1 << 20 and not h.is_read_only() and h.can_multi_conn()
        h.pwrite(b'x' * 512, 0)
        assert h.pread(512, 0) == b'x' * 512
        h = nbd.NBD()
        h.set_opt_mode(True)
        s.tls(h)
        h.connect_unix(s.socket)
        h.opt_go()
        assert h.get_size() == 1 << 20


def test_other_messages():
    for text in '', 'hello', 'x' * 511, 'x' * 512, 'x' * 600:
        with Server('--filter=tls-fallback', 'memory', '1M', 'tlsreadme=' + text) as s, Raw(s) as raw:
            raw.go()
            assert raw.size == 512
            assert raw.read(0, 512) == text.encode()[:512].ljust(512, b'\0')


def test_one_client_at_a_time_will_not_do():
    r = nbdsrv('-U', '-', '--filter=tls-fallback', '--filter=noparallel', 'memory', '1M',
               'serialize=connections', '--run', 'true', check=False)
    assert r.returncode == 1 and 'one client at a time' in r.stderr, r.stderr


main(globals())
