# SPDX-License-Identifier: BSD-3-Clause
# SIGHUP reads the rules again.
import os
import signal
import threading

from access import Rules
from harness import Server, main, wait_for
from opener import Opener
from rawnbd import *


def reload(s, text='were read again'):
    before = s.log().count(text)
    s.signal(signal.SIGHUP)
    wait_for(text, lambda: s.log().count(text) > before)


def test_new_clients_meet_the_new_rules_and_old_ones_go_on():
    with Rules('allow export=a') as rules, Opener('-v', '--access=' + rules.path) as s:
        with Raw(s) as old, Raw(s) as asking:
            old.go('a')
            asking.info(OPT_INFO, 'a')
            rules.write('allow export=b')
            reload(s)
            assert old.works()
            # one that has not begun yet is judged again, though it is open
            assert asking.answer(OPT_GO, asking.info_data('a')) == ERR_UNKNOWN
            assert asking.go('b').works()
            with Raw(s) as new:
                assert new.answer(OPT_GO, new.info_data('a')) == ERR_UNKNOWN
            assert old.works()


def test_an_export_may_become_read_only_before_it_is_used():
    with Rules('allow') as rules, Server('-v', 'memory', '1M', '--access=' + rules.path) as s, Raw(s) as raw:
        raw.info(OPT_INFO, 'a')
        rules.write('read-only')
        reload(s)
        raw.go('a')
        assert raw.flags & READ_ONLY and raw.write(0, b'x' * 512) == EPERM


def test_a_file_with_an_error_changes_nothing():
    with Rules('allow export=a') as rules, Opener('-v', '--access=' + rules.path) as s:
        for text, complaint in ('allow\nalow', ":2: 'alow' is no action"), ('', ': there is no rule'):
            rules.write(text)
            reload(s, 'the rules of before stay in force')
            assert rules.path + complaint in s.log()
            with Raw(s) as raw:
                assert raw.answer(OPT_GO, raw.info_data('b')) == ERR_UNKNOWN
                assert raw.go('a').works()
        os.unlink(rules.path)
        reload(s, 'the rules of before stay in force')
        with Raw(s) as raw:
            assert raw.go('a').works()
        rules.write('allow export=b')
        reload(s)
        with Raw(s) as raw:
            assert raw.go('b').works()


def test_warnings_come_again():
    with Rules('allow') as rules, Server('memory', '1M', '--access=' + rules.path) as s:
        rules.write('allow user=a\nallow')
        reload(s, 'never matches')


def test_reloads_while_clients_come():
    """Both sets of rules allow a; whichever is in force, a client gets it."""
    with Rules('allow export=a') as rules, Opener('--access=' + rules.path) as s:
        done = []

        def client():
            while not done:
                with Raw(s) as raw:
                    assert raw.answer(OPT_INFO, raw.info_data('c')) == ERR_UNKNOWN
                    raw.answer(OPT_LIST)
                    assert raw.go('a').works()
            served.append(1)

        served = []
        clients = [threading.Thread(target=client) for _ in range(3)]
        for t in clients:
            t.start()
        for i in range(50):
            rules.write('deny export=c\n' * (i % 7) + 'allow export=[ab]')
            s.signal(signal.SIGHUP)
            with Raw(s) as raw:
                assert raw.answer(OPT_INFO, raw.info_data('a')) == REP_ACK
        done.append(1)
        for t in clients:
            t.join()
        assert len(served) == 3


main(globals())
