# SPDX-License-Identifier: BSD-3-Clause
# How options open, close and list exports, and what a layer's refusal becomes.
import os
import struct
import threading

from harness import *
from opener import Opener
from rawnbd import *


def test_an_export_is_opened_once_for_all_options():
    with Opener() as s:
        with Raw(s) as raw:
            raw.info(OPT_INFO, 'a')
            raw.info(OPT_INFO, 'a', (0, 1, 2, 3))
            raw.structured().list_context(name='a')
            raw.set_context('base:allocation', name='a')
            raw.go('a')
            assert raw.works()
        wait_for('close', lambda: s.calls() == ['open a', 'close a'])


def test_another_name_closes_the_first():
    with Opener() as s:
        with Raw(s) as raw:
            raw.info(OPT_INFO, 'a')
            raw.info(OPT_INFO, 'b')
            assert raw.answer(OPT_INFO, raw.info_data('enoent')) == ERR_UNKNOWN
            raw.go('b')
            assert raw.works()
            assert s.calls() == ['open a', 'close a', 'open b', 'close b', 'open enoent', 'open b']
        with Raw(s) as raw:
            raw.info(OPT_INFO, 'c')  # and goes away
        wait_for('close', lambda: 'close c' in s.calls())


def test_export_name_uses_what_info_opened():
    with Opener() as s, Raw(s) as raw:
        raw.info(OPT_INFO, 'a')
        raw.option(OPT_EXPORT_NAME, b'a')
        raw.recv(10)
        assert raw.works()
        assert s.calls() == ['open a']


def test_malformed_options_open_nothing():
    with Opener() as s, Raw(s) as raw:
        raw.structured()
        for option in OPT_INFO, OPT_GO, OPT_LIST_META, OPT_SET_META:
            assert raw.answer(option, struct.pack('>I', 1) + b'a' + bytes(9)) == ERR_INVALID
        assert s.calls() == []


def test_refusals_of_a_layer():
    expected = {'eperm': (ERR_POLICY, 'not for you'), 'eacces': (ERR_POLICY, 'nor for you'),
                'enoent': (ERR_UNKNOWN, 'nothing here'), 'eio': (ERR_UNKNOWN, 'broken'),
                'eshutdown': (ERR_SHUTDOWN, 'no more'),
                'enotsup': (ERR_PLATFORM, 'not on this system'),
                'latin': (ERR_UNKNOWN, 'd?sol?'), 'silent': (ERR_UNKNOWN, os.strerror(5))}
    with Opener() as s, Raw(s) as raw:
        raw.structured()
        for name, answer in expected.items():
            for option, data in ((OPT_INFO, raw.info_data(name)), (OPT_GO, raw.info_data(name)),
                                 (OPT_LIST_META, raw.meta_data(name)),
                                 (OPT_SET_META, raw.meta_data(name))):
                replies = raw.ask(option, data)
                assert [(k, t.decode()) for k, t in replies] == [answer], name
        assert raw.go('a').works()


def test_a_text_of_an_earlier_call_is_no_reason():
    with Opener() as s, Raw(s) as raw:
        raw.info(OPT_INFO, 'warns')  # in open, and then in close
        assert raw.ask(OPT_GO, raw.info_data('silent')) == [(ERR_UNKNOWN, os.strerror(5).encode())]


def test_export_name_refused_by_a_layer_ends_the_connection():
    with Opener() as s:
        for name in 'eperm', 'enoent', 'silent':
            with Raw(s) as raw:
                raw.option(OPT_EXPORT_NAME, name.encode())
                assert raw.is_closed()


def test_canonical_name_and_description():
    with Opener() as s, Raw(s) as raw:
        found = raw.info(OPT_INFO, 'named', (1, 2))
        assert found[1].decode() == 'its true name'
        assert found[2].decode() == 'what \u20ac it ?? is'
        found = raw.info(OPT_INFO, 'other', (1, 2))
        assert found[1] == b'other' and 2 not in found
        assert set(raw.info(OPT_INFO, 'named')) == {0}


def test_list_leaves_out_what_nobody_can_ask_for():
    with Opener() as s, Raw(s) as raw:
        found = {}
        for kind, data in raw.ask(OPT_LIST)[:-1]:
            n = struct.unpack('>I', data[:4])[0]
            found[data[4:4 + n].decode()] = data[4 + n:].decode()
        assert found == {'plain': '', 'described': 'caf\u00e9 ?', 'long': 'd' * 2999}


def test_lists_are_made_one_at_a_time():
    for model in 'all', 'connections', 'requests', 'parallel':
        with Opener('threads=' + model) as s:
            def ask():
                with Raw(s) as raw:
                    for _ in range(5):
                        assert raw.answer(OPT_LIST) == REP_ACK
            clients = [threading.Thread(target=ask) for _ in range(6)]
            for t in clients:
                t.start()
            for t in clients:
                t.join()
            assert s.calls() == ['list '] * 30


def test_one_connection_at_a_time():
    with Opener('threads=connections') as s:
        with Raw(s) as second:
            with Raw(s) as first:
                assert not first.go('a').flags & MULTI_CONN
                second.option(OPT_GO, second.info_data('b'))
                for _ in range(50):
                    assert first.works()
                assert s.calls() == ['open a']
            while second.option_reply()[1] != REP_ACK:
                pass
            assert second.works()
            assert s.calls() == ['open a', 'close a', 'open b']
        with Raw(s) as raw:  # whose turn it is may look at the list as well
            raw.info(OPT_INFO, 'c')
            assert raw.answer(OPT_LIST) == REP_ACK
            assert raw.go('d').works()


def test_other_models_allow_many_connections():
    for model in 'all', 'requests', 'parallel':
        with Opener('threads=' + model) as s, Raw(s) as one, Raw(s) as two:
            assert one.go('a').flags & MULTI_CONN
            assert two.go('a').works() and one.works()


def test_the_end_of_the_server_does_not_wait_for_handshakes():
    with Opener('threads=connections') as s:
        waiting = [Raw(s) for _ in range(4)]
        first, second = waiting[:2]
        first.go('a')
        second.option(OPT_GO, second.info_data('b'))  # waits for its turn
        waiting[2].option(OPT_LIST, length=100)  # half an option
        s.stop()
        for raw in waiting:
            raw.sock.close()


main(globals())
