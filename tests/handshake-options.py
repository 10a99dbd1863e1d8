# SPDX-License-Identifier: BSD-3-Clause
# Options without an export: LIST, ABORT, STRUCTURED_REPLY, unknown ones.
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
