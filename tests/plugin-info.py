# SPDX-License-Identifier: BSD-3-Clause
# The info plugin.
import errno
import struct
import time

import nbd

from harness import *


def content(s, export=''):
    h = s.nbd(export)
    assert h.is_read_only()
    return bytes(h.pread(h.get_size(), 0)) if h.get_size() else b''


def test_exportname():
    for args in [], ['exportname'], ['mode=exportname']:
        with Server('info', *args) as s:
            for name in '', 'hello', 'a/b\x01c', '\xe9', 'x' * 4096:
                assert content(s, name) == name.encode()
            assert s.nbd('hello').pread(3, 1) == b'ell'
            assert s.nbd('hello').can_multi_conn()


def test_base64():
    with Server('info', 'base64exportname') as s:
        for name, data in (('', b''), ('QQ==', b'A'), ('QUI=', b'AB'), ('QUJD', b'ABC'), ('+/+/', b'\xfb\xff\xbf'),
                           ('QUJDREVGR0g=', b'ABCDEFGH'), (' Q U\tJ\nD\r\nREVG ', b'ABCDEF'), ('QQ= =', b'A'),
                           ('QUJD' * 1024, b'ABC' * 1024)):
            assert content(s, name) == data, name
        for name in 'Q', 'QQ', 'QQ=', 'Q===', '====', 'QUJD=', 'QUJDREVG====', 'QUI=QUJD', 'QR==', 'QUJ=', 'QUJD-_', 'Q=U=':
            try:
                s.nbd(name)
            except nbd.Error as e:
                assert e.errnum == errno.ENOENT
            else:
                assert False, name


def test_address():
    with Server('info', 'address') as s:
        assert content(s) == b'unix' and not s.nbd().can_multi_conn()
    with Server('info', 'address', tcp=True) as s:
        for host, text in ('127.0.0.1', '127.0.0.1'), ('::1', '[::1]') if has_ipv6() else ('127.0.0.1', '127.0.0.1'):
            h = nbd.NBD()
            h.connect_tcp(host, str(s.port))
            found = bytes(h.pread(h.get_size(), 0)).decode()
            assert found[:found.rindex(':')] == text
            assert 0 < int(found[found.rindex(':') + 1:]) < 65536


def stamp(h):
    seconds, microseconds = struct.unpack('>QI', h.pread(12, 0))
    assert microseconds < 1000000
    return seconds + microseconds / 1e6


def test_time():
    with Server('info', 'TIME') as s:
        h = s.nbd()
        assert h.get_size() == 12 and not h.can_multi_conn()
        assert int(time.time()) <= stamp(h) <= time.time()
        assert struct.unpack('>I', h.pread(4, 8))[0] < 1000000


def test_uptime_and_conntime():
    with Server('info', 'uptime') as up, Server('info', 'conntime') as conn:
        first = up.nbd()
        assert 0 < stamp(first) <= stamp(up.nbd()) <= stamp(first)
        opened = time.monotonic()
        h = conn.nbd()
        assert stamp(h) <= stamp(h) <= time.monotonic() - opened


def test_version():
    with Server('info', 'version') as s:
        assert content(s).decode() in nbdsrv('--version').stdout


def test_refused():
    assert 'exportname' in refused('info', 'mode=else')


main(globals())
