# SPDX-License-Identifier: BSD-3-Clause
# What clients see of exports that rules hide from them, or let them only read.
import errno
import os
import struct
import subprocess

from access import Rules
from harness import *
from opener import Opener
from rawnbd import *

UID = os.geteuid()


def listed(raw):
    names = set()
    for kind, data in raw.ask(OPT_LIST)[:-1]:
        n = struct.unpack('>I', data[:4])[0]
        names.add(data[4:4 + n].decode())
    return names


def answers(s, name):
    """All that a client can learn by asking for a name."""
    found = []
    with Raw(s) as raw:
        raw.structured()
        for option, data in ((OPT_INFO, raw.info_data(name)), (OPT_INFO, raw.info_data(name, (0, 1, 2, 3))),
                             (OPT_LIST_META, raw.meta_data(name)),
                             (OPT_LIST_META, raw.meta_data(name, ['base:'])),
                             (OPT_SET_META, raw.meta_data(name, ['base:allocation'])),
                             (OPT_GO, raw.info_data(name))):
            found.append(raw.ask(option, data))
        found.append(raw.answer(OPT_LIST))
    with Raw(s) as raw:
        raw.option(OPT_EXPORT_NAME, name.encode())
        found.append(raw.is_closed())
    return found


def test_a_hidden_export_is_unknown_in_every_option():
    with Rules('allow export=enoent\nallow export=a\ndeny export=b') as rules:
        with Opener('--access=' + rules.path) as s:
            unknown = answers(s, 'enoent')  # the plugin has none of that name
            assert unknown[0] == [(ERR_UNKNOWN, b'there is no such export')]
            assert unknown[-1] is True
            for name in 'b', 'hidden', '', 'eperm', 'x' * 4096:
                assert answers(s, name) == unknown, name
            opened = {call for call in s.calls() if call != 'list '}
            assert opened == {'open enoent'}, opened


def test_the_plugin_is_not_even_asked_for_a_list():
    with Rules('deny export=a\nallow uid=%d' % (UID + 1)) as rules, Opener('--access=' + rules.path) as s:
        with Raw(s) as raw:
            assert raw.ask(OPT_LIST) == [(REP_ACK, b'')]
        assert s.calls() == []


def test_lists_leave_hidden_exports_out():
    with Rules('deny export=long\nallow address=unix') as rules, Opener('--access=' + rules.path) as s:
        with Raw(s) as raw:
            assert listed(raw) == {'plain', 'described'}
    with Rules('read-only export=p*') as rules, Opener('--access=' + rules.path) as s, Raw(s) as raw:
        assert listed(raw) == {'plain'}


def test_the_first_denial_is_logged():
    with Rules('deny export=b\nallow export=a') as rules, Opener('--access=' + rules.path) as s:
        with Raw(s) as raw:
            for name in 'b', 'c', 'b':
                assert raw.answer(OPT_INFO, raw.info_data(name)) == ERR_UNKNOWN
            assert raw.go('a').works()
        with Raw(s) as raw:
            assert raw.answer(OPT_INFO, raw.info_data('c')) == ERR_UNKNOWN
        lines = [line for line in s.log().splitlines() if 'export' in line]
        assert len(lines) == 2, lines
        assert lines[0].endswith("1: error: export 'b': denied by line 1 of the rules"), lines
        assert lines[1].endswith("2: error: export 'c': no rule allows it"), lines


def test_oldstyle_clients_get_the_default_export_or_nothing():
    with Rules('allow export=a') as rules, Server('-o', 'memory', '1M', '--access=' + rules.path) as s:
        with s.connect() as sock:
            assert sock.recv(1) == b''
    with Rules('read-only export=""') as rules, Server('-o', 'memory', '1M', '--access=' + rules.path) as s:
        h = s.nbd()
        assert h.is_read_only()


def test_read_only():
    with Rules('allow export=rw\nread-only export=ro') as rules:
        with Server('memory', '1M', '--access=' + rules.path) as s:
            with Raw(s) as raw:
                raw.structured().go('ro')
                assert raw.flags & READ_ONLY and not raw.flags & (SEND_TRIM | SEND_ZERO | SEND_FAST_ZERO)
                assert raw.flags & MULTI_CONN
                assert raw.write(0, b'x' * 512) == EPERM
                for command in TRIM, ZERO:
                    assert raw.do(command, 0, 512).error == EPERM
                assert raw.works() and raw.read(0, 512) == bytes(512)
            with Raw(s) as raw:
                raw.structured()
                found = raw.info(OPT_INFO, 'ro')
                assert struct.unpack('>QH', found[0])[1] & READ_ONLY
                found = raw.info(OPT_INFO, 'rw')  # the other one does not rub off
                assert not struct.unpack('>QH', found[0])[1] & READ_ONLY
                raw.go('rw')
                assert raw.write(0, b'x' * 512) == 0
            with Raw(s) as raw:
                raw.option(OPT_EXPORT_NAME, b'ro')
                flags = struct.unpack('>QH', raw.recv(10))[1]
                assert flags & READ_ONLY


def test_read_only_reaches_the_layers():
    with Rules('allow export=rw\nread-only export=ro') as rules:
        with Server('-v', 'memory', '1M', '--access=' + rules.path) as s:
            for name in 'rw', 'ro':
                with Raw(s) as raw:
                    raw.go(name)
            lines = [line for line in s.log().splitlines() if ': open: ' in line]
            assert len(lines) == 2, lines
            assert lines[0].endswith("'rw'") and lines[1].endswith("'ro', read-only"), lines


def test_uid_and_gid():
    gid = os.getegid()
    for rule, allowed in (('uid=%d' % UID, True), ('uid=%d' % (UID + 1), False), ('gid=%d' % gid, True),
                          ('gid=%d' % (gid + 12345), False), ('uid=%d gid=%d' % (UID, gid), True)):
        with Rules('allow ' + rule) as rules, Opener('--access=' + rules.path) as s, Raw(s) as raw:
            kind = raw.answer(OPT_INFO, raw.info_data('a'))
            assert (kind != ERR_UNKNOWN) == allowed, rule


def test_groups_beside_the_first():
    groups = [g for g in os.getgroups() if g != os.getegid()]
    if os.geteuid() == 0 and not groups:
        os.setgroups([4321])
        groups = [4321]
    if not groups:
        raise Skip('this process has one group only')
    with Rules('allow gid=%d' % groups[-1]) as rules, Opener('--access=' + rules.path) as s, Raw(s) as raw:
        assert raw.go('a').works()


def may_open(connect):
    """Whether the default export opens once a libnbd handle is connected."""
    import nbd
    h = nbd.NBD()
    try:
        connect(h)
    except nbd.Error as e:
        assert e.errnum == errno.ENOENT, e
        return False
    assert h.pread(512, 0) == bytes(512)
    h.shutdown()
    return True


def test_addresses():
    for rule, ipv4, ipv6 in (('127.0.0.0/8', True, False), ('127.0.0.1', True, False), ('ipv4', True, False),
                             ('10.0.0.0/8', False, False), ('unix', False, False), ('none', False, False),
                             ('0.0.0.0/0', True, False), ('::1', False, True), ('::/127', False, True),
                             ('ipv6', False, True), ('2001:db8::/32', False, False)):
        with Rules('allow address=' + rule) as rules:
            with Server('memory', '1M', '--access=' + rules.path, tcp=True) as s:
                assert may_open(lambda h: h.connect_tcp('127.0.0.1', str(s.port))) == ipv4, rule
                if has_ipv6():
                    assert may_open(lambda h: h.connect_tcp('::1', str(s.port))) == ipv6, rule


def test_clients_on_stdin():
    """A pair of sockets is local; pipes have no address."""
    for kind, expected in ('unix', True), ('none', False):
        with Rules('allow address=' + kind) as rules:
            command = [NBDSRV, '-s', 'memory', '1M', '--access=' + rules.path]
            assert may_open(lambda h: h.connect_command(command)) == expected, kind
            hello = struct.pack('>IQII', 3, IHAVEOPT, OPT_GO, len(Raw.info_data())) + Raw.info_data()
            out = subprocess.run(command, input=hello,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60 * SLOW).stdout
            assert (b'no such export' in out) == expected, out


def test_a_denied_export_is_not_reached_as_the_default():
    """What "" leads to is judged too."""
    with Rules('deny export=secret\nread-only export=look\nallow') as rules:
        for target, expected in ('secret', None), ('look', READ_ONLY), ('open', 0):
            with Server('--filter=exportname', 'memory', '1M', 'default-export=' + target,
                        '--access=' + rules.path) as s, Raw(s) as raw:
                replies = raw.ask(OPT_INFO, raw.info_data(''))
                if expected is None:
                    assert replies == [(ERR_UNKNOWN, b'there is no such export')]
                else:
                    flags = struct.unpack('>HQH', replies[0][1])[2]
                    assert flags & READ_ONLY == expected


main(globals())
