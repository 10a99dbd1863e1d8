# SPDX-License-Identifier: BSD-3-Clause
# Options that name an export: EXPORT_NAME, INFO, GO.
import struct

from harness import Server, TempDir, main
from rawnbd import *


def test_export_name_with_zeroes():
    with Server('memory', '1M') as s, Raw(s, flags=1) as raw:
        raw.option(OPT_EXPORT_NAME)
        size, flags = struct.unpack('>QH', raw.recv(10))
        assert size == 1048576 and flags & HAS_FLAGS
        assert raw.recv(124) == bytes(124)
        assert raw.works()


def test_export_name_without_zeroes():
    with Server('memory', '1M') as s, Raw(s) as raw:
        raw.option(OPT_EXPORT_NAME)
        raw.recv(10)
        assert raw.works()


def test_export_name_unknown_drops_the_connection():
    with TempDir() as d, Server('file', 'dir=' + d) as s, Raw(s) as raw:
        raw.option(OPT_EXPORT_NAME, b'nowhere')
        assert raw.is_closed()


def test_export_name_after_extended_headers_drops_the_connection():
    with Server('memory', '1M') as s, Raw(s) as raw:
        raw.extended().option(OPT_EXPORT_NAME)
        assert raw.is_closed()


def test_go_sends_what_was_asked():
    with Server('memory', '1M') as s, Raw(s) as raw:
        found = raw.info(OPT_GO, 'abc', (0, 1, 2, 3, 77))
        assert found[1] == b'abc'
        assert struct.unpack('>III', found[3]) == (1, 4096, 64 << 20)
        assert set(found) <= {0, 1, 2, 3}
        assert raw.works()


def test_info_then_go():
    with Server('memory', '1M') as s, Raw(s) as raw:
        for _ in range(10):
            raw.info(OPT_INFO)
        assert raw.go().works()


def test_info_for_another_export_than_go():
    with TempDir() as d:
        open(d + '/one', 'wb').write(b'1' * 512)
        open(d + '/two', 'wb').write(b'2' * 1024)
        with Server('file', 'dir=' + d) as s, Raw(s) as raw:
            raw.info(OPT_INFO, 'one')
            assert raw.size == 512
            raw.go('two')
            assert raw.size == 1024
            assert raw.read(0, 512) == b'2' * 512


def test_unknown_export_is_refused_with_a_text():
    with TempDir() as d:
        open(d + '/one', 'wb').write(b'1' * 512)
        with Server('file', 'dir=' + d) as s, Raw(s) as raw:
            for name in 'two', '', '..', '.', 'one/', '../one', '/etc/passwd':
                kind, text = raw.ask(OPT_GO, raw.info_data(name))[-1]
                assert kind == ERR_UNKNOWN, name
                assert text, 'no text'
            raw.go('one')


def test_malformed_go_is_invalid():
    with Server('memory', '1M') as s, Raw(s) as raw:
        good = raw.info_data('abc', (1, 3))
        bad = [b'', b'\0', good[:-1], good + b'\0', good[:4], struct.pack('>I', 0xffffffff),
               struct.pack('>I', 100) + b'abc', struct.pack('>IH', 0, 1),
               struct.pack('>IHH', 0, 0, 3), struct.pack('>IH', 0, 0xffff)]
        for data in bad:
            assert raw.answer(OPT_GO, data) == ERR_INVALID, data
            assert raw.answer(OPT_INFO, data) == ERR_INVALID, data
        assert raw.go().works()


def test_names_must_be_utf8_without_nul_and_not_too_long():
    with Server('memory', '1M') as s, Raw(s) as raw:
        for name in b'\xff', b'a\0b', b'\xc0\x80', b'\xed\xa0\x80', b'\xf4\x90\x80\x80', b'x' * 4097:
            assert raw.answer(OPT_INFO, raw.info_data(name)) == ERR_INVALID, name
        raw.info(OPT_INFO, 'x' * 4096)
        assert raw.go('\u00e9\u20ac\U0001f4be').works()


def test_read_only_is_told():
    with Server('-r', 'memory', '1M') as s, Raw(s) as raw:
        raw.go()
        assert raw.flags & READ_ONLY and not raw.flags & (SEND_TRIM | SEND_ZERO)


def test_df_is_offered_only_with_structured_replies():
    with Server('memory', '1M') as s:
        with Raw(s) as raw:
            assert not raw.go().flags & SEND_DF
        with Raw(s) as raw:
            assert raw.structured().go().flags & SEND_DF
            assert not raw.flags & STATUS_PAYLOAD
        with Raw(s) as raw:
            assert raw.extended().go().flags & SEND_DF


def test_block_status_payload_is_offered_only_with_contexts():
    with Server('memory', '1M') as s:
        with Raw(s) as raw:
            assert not raw.extended().go().flags & STATUS_PAYLOAD
        with Raw(s) as raw:
            raw.structured().set_context('base:allocation')
            assert not raw.go().flags & STATUS_PAYLOAD
        with Raw(s) as raw:
            raw.extended().set_context('base:allocation')
            raw.info(OPT_INFO, 'another')
            assert not raw.flags & STATUS_PAYLOAD
            raw.info(OPT_INFO)
            assert raw.flags & STATUS_PAYLOAD
            assert raw.go().flags & STATUS_PAYLOAD


main(globals())
