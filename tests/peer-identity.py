# SPDX-License-Identifier: BSD-3-Clause
# What layers are told of a client: address, process, user and certificate.
import os
import socket

from access import Rules
from harness import BUILDDIR, Server, TempDir, has_ipv6, main, wait_for
from rawnbd import *
from tlsfiles import TlsServer

IDENTITY = os.path.join(BUILDDIR, 'tests', '.libs', 'identity.so')
ME = [str(n) for n in (os.getuid(), os.getgid(), os.getpid())]
NOBODY = ['-1', '-1', '-1']


class Recorded:
    """A server, and the lines that the plugin wrote."""

    def __init__(self, make):
        self.place = TempDir()
        self.path = self.place.__enter__() + '/record'
        self.server = make('record=' + self.path)

    def lines(self, count):
        def all_of_them():
            with open(self.path) as f:
                lines = f.read().splitlines()
            return lines if len(lines) >= count else None
        return [line.split('|') for line in wait_for('%d lines' % count, all_of_them)]

    def __enter__(self):
        self.server.__enter__()
        return self

    def __exit__(self, *args):
        try:
            self.server.__exit__(*args)
        finally:
            self.place.__exit__()


def check(lines, expected):
    assert [(when, name, [readonly, tls, family, *ids], names)
            for when, name, readonly, tls, family, *rest in lines
            for ids, names in [(rest[:3], rest[3:])]] == expected, lines


def test_local():
    with Recorded(lambda r: Server(IDENTITY, r)) as s:
        with Raw(s.server) as raw:
            assert raw.answer(OPT_LIST) == REP_ACK
            raw.go('x')
        who, names = ['0', '0', str(int(socket.AF_UNIX)), *ME], ['-', '-', '-']
        check(s.lines(4), [(when, name, who, names) for when, name in
                           (('admit', ''), ('list', ''), ('open', 'x'), ('leave', ''))])


def test_internet():
    with Recorded(lambda r: Server(IDENTITY, r, tcp=True)) as s:
        import nbd
        for family, address in (socket.AF_INET, '127.0.0.1'), (socket.AF_INET6, '::1'):
            if family == socket.AF_INET6 and not has_ipv6():
                continue
            h = nbd.NBD()
            h.connect_tcp(address, str(s.server.port))
            h.shutdown()
            lines = s.lines(3)
            assert [line[4:8] for line in lines] == [[str(int(family)), *NOBODY]] * 3, lines
            os.unlink(s.path)


def test_read_only():
    with Rules('read-only') as rules:
        with Recorded(lambda r: Server(IDENTITY, r, '--access=' + rules.path)) as s:
            s.server.nbd().shutdown()
            assert [line[2] for line in s.lines(3)[:2]] == ['0', '1']
    with Recorded(lambda r: Server('-r', IDENTITY, r)) as s:
        s.server.nbd().shutdown()
        assert [line[2] for line in s.lines(3)] == ['1', '1', '1']


def test_names_in_tls():
    for kind, names in (('x509', ['-', '-', '-']), ('psk', ['alice', '-', '-']),
                        ('verify', ['-', 'CN=client,O=Test', 'CN=Test authority'])):
        with Recorded(lambda r: TlsServer(kind, IDENTITY, r)) as s:
            s.server.nbd('x').shutdown()
            before, inside, after = s.lines(3)
            assert before[0] == 'admit' and before[3] == '0' and before[8:] == ['-', '-', '-'], before
            assert inside[:4] == ['open', 'x', '0', '1'] and inside[5:8] == ME, inside
            assert inside[8:] == names, inside
            assert after[0] == 'leave' and after[3] == '1' and after[8:] == names, after


def test_names_through_filters():
    filters = ['--filter=exportname', '--filter=retry', '--filter=ip']
    with Recorded(lambda r: TlsServer('verify', *filters, IDENTITY, r, 'default-export=y')) as s:
        s.server.nbd().shutdown()
        line = s.lines(3)[1]
        assert line[:2] == ['open', 'y'] and line[8:] == ['-', 'CN=client,O=Test', 'CN=Test authority'], line


main(globals())
