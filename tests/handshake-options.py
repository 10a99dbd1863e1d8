# SPDX-License-Identifier: BSD-3-Clause
# Options without an export: LIST, ABORT, STRUCTURED_REPLY, unknown ones.
import os
import struct

from harness import Server, TempDir, main
from rawnbd import *


def test_list_names_the_default_export():
    with Server('memory', '1M') as s, Raw(s) as raw:
        replies = raw.ask(OPT_LIST)
        assert [k for k, d in replies] == [REP_SERVER, REP_ACK]
        assert replies[0][1] == struct.pack('>I', 0)


def test_list_names_files_of_a_directory():
    with TempDir() as d:
        for name in 'b', 'a':
            open(d + '/' + name, 'wb').write(bytes(512))
        with Server('file', 'dir=' + d) as s, Raw(s) as raw:
            names = [data[4:] for kind, data in raw.ask(OPT_LIST) if kind == REP_SERVER]
            assert names == [b'a', b'b']


def test_list_leaves_out_what_cannot_be_named():
    with TempDir() as d:
        for name in b'good', b'\xff\xfe', b'caf\xc3\xa9':
            open(os.path.join(d.encode(), name), 'w').close()
        os.mkdir(d + '/folder')
        with Server('file', 'dir=' + d) as s, Raw(s) as raw:
            names = [data[4:] for kind, data in raw.ask(OPT_LIST) if kind == REP_SERVER]
            assert names == [b'caf\xc3\xa9', b'good']


def test_list_may_be_asked_often():
    with Server('memory', '1M') as s, Raw(s) as raw:
        for _ in range(100):
            assert raw.answer(OPT_LIST) == REP_ACK
        assert raw.go().works()


def test_options_in_one_packet_are_answered_in_order():
    with Server('memory', '1M') as s, Raw(s) as raw:
        packet = b''
        for option in 99, OPT_STRUCTURED_REPLY, OPT_LIST, 98, OPT_GO:
            data = raw.info_data() if option == OPT_GO else b''
            packet += struct.pack('>QII', IHAVEOPT, option, len(data)) + data
        raw.sock.sendall(packet)
        raw.is_structured = True
        got = [raw.option_reply()[:2] for _ in range(7)]
        assert got == [(99, ERR_UNSUP), (OPT_STRUCTURED_REPLY, REP_ACK), (OPT_LIST, REP_SERVER),
                       (OPT_LIST, REP_ACK), (98, ERR_UNSUP), (OPT_GO, REP_INFO), (OPT_GO, REP_ACK)]
        assert raw.works()


def test_requests_may_follow_go_in_the_same_packet():
    with Server('memory', '1M') as s, Raw(s) as raw:
        data = raw.info_data()
        raw.sock.sendall(struct.pack('>QII', IHAVEOPT, OPT_GO, len(data)) + data +
                         raw.request(READ, 0, 512))
        assert [raw.option_reply()[1] for _ in range(2)] == [REP_INFO, REP_ACK]
        assert raw.reply().data(0, 512) == bytes(512)


def test_options_that_take_no_data_refuse_data():
    with Server('memory', '1M') as s, Raw(s) as raw:
        for option in OPT_LIST, OPT_STARTTLS, OPT_STRUCTURED_REPLY, OPT_EXTENDED:
            assert raw.answer(option, b'data') == ERR_INVALID
        assert raw.go().works()


def test_unknown_options_are_skipped_in_step():
    with Server('memory', '1M') as s, Raw(s) as raw:
        for option in 0, 4, 12, 99, 0xffffffff:
            assert raw.answer(option, b'x' * 100) == ERR_UNSUP
        assert raw.go().works()


def test_abort_is_acknowledged_and_ends():
    with Server('memory', '1M') as s:
        with Raw(s) as raw:
            assert raw.answer(OPT_ABORT) == REP_ACK
            assert raw.is_closed()
        with Raw(s) as raw:
            assert raw.answer(OPT_ABORT, b'ignored') == REP_ACK
            assert raw.is_closed()


def test_structured_replies_twice():
    with Server('memory', '1M') as s, Raw(s) as raw:
        raw.structured()
        assert raw.answer(OPT_STRUCTURED_REPLY) == ERR_INVALID
        assert raw.go().works()


def test_extended_headers_twice():
    with Server('memory', '1M') as s, Raw(s) as raw:
        raw.extended()
        assert raw.answer(OPT_EXTENDED) == ERR_INVALID
        assert raw.go().works()


def test_extended_headers_after_structured_replies():
    with Server('memory', '1M') as s, Raw(s) as raw:
        assert raw.structured().extended().go().works()


def test_client_that_aborts_and_is_gone():
    with Server('memory', '1M') as s:
        for _ in range(20):
            with Raw(s) as raw:
                raw.option(OPT_ABORT)
        with Raw(s) as raw:
            assert raw.go().works()


def test_structured_after_extended_headers():
    with Server('memory', '1M') as s, Raw(s) as raw:
        raw.extended()
        assert raw.answer(OPT_STRUCTURED_REPLY) == ERR_EXT_HEADER_REQD
        assert raw.go().works()


def test_starttls_without_tls():
    with Server('memory', '1M') as s, Raw(s) as raw:
        assert raw.answer(OPT_STARTTLS) in (ERR_POLICY, ERR_UNSUP)
        assert raw.go().works()


main(globals())
