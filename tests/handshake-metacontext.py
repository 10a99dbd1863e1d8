# SPDX-License-Identifier: BSD-3-Clause
# LIST_META_CONTEXT and SET_META_CONTEXT.
import struct

from harness import Server, TempDir, main
from opener import Opener
from rawnbd import *


def test_list_all_by_namespace_and_by_name():
    with Server('memory', '1M') as s, Raw(s) as raw:
        assert raw.list_context() == ['base:allocation']
        raw.structured()
        assert raw.list_context('base:') == ['base:allocation']
        assert raw.list_context('base:allocation') == ['base:allocation']
        assert raw.list_context('base:nothing', 'x-other:') == []


def test_set_selects_exact_names_only():
    with Server('memory', '1M') as s, Raw(s) as raw:
        raw.structured()
        assert raw.set_context('base:') == {}
        assert raw.set_context() == {}
        assert raw.set_context('base:nothing', 'other:allocation', 'nonsense') == {}
        assert list(raw.set_context('x:y', 'base:allocation', 'base:allocation')) == ['base:allocation']


def test_set_needs_structured_replies():
    with Server('memory', '1M') as s, Raw(s) as raw:
        data = raw.meta_data('', ['base:allocation'])
        assert raw.answer(OPT_SET_META, data) == ERR_INVALID
        assert raw.extended().set_context('base:allocation')


def test_set_is_forgotten_for_another_export():
    with TempDir() as d:
        for name in 'one', 'two':
            open(d + '/' + name, 'wb').write(bytes(4096))
        with Server('file', 'dir=' + d) as s:
            with Raw(s) as raw:
                raw.structured().set_context('base:allocation', name='one')
                raw.go('two')
                assert raw.do(STATUS, 0, 512).error == EINVAL
            with Raw(s) as raw:
                raw.structured().set_context('base:allocation', name='one')
                raw.go('one')
                assert raw.do(STATUS, 0, 512).error == 0


def test_failed_set_replaces_the_earlier_one():
    with TempDir() as d:
        open(d + '/one', 'wb').write(bytes(4096))
        with Server('file', 'dir=' + d) as s, Raw(s) as raw:
            raw.structured().set_context('base:allocation', name='one')
            assert raw.answer(OPT_SET_META, raw.meta_data('two', ['base:allocation'])) == ERR_UNKNOWN
            raw.go('one')
            assert raw.do(STATUS, 0, 512).error == EINVAL


def test_a_set_without_queries_selects_nothing():
    with Server('memory', '1M') as s, Raw(s) as raw:
        raw.structured().set_context('base:allocation')
        raw.set_context()
        raw.go()
        assert raw.do(STATUS, 0, 512).error == EINVAL


def test_info_and_list_leave_what_was_set():
    with Server('memory', '1M') as s, Raw(s) as raw:
        raw.structured().set_context('base:allocation')
        raw.list_context('base:')
        raw.ask(OPT_LIST)
        raw.info(OPT_INFO)
        raw.go()
        assert raw.do(STATUS, 0, 512).error == 0


def test_set_holds_for_export_name_too():
    with Server('memory', '1M') as s, Raw(s) as raw:
        raw.structured().set_context('base:allocation', name='abc')
        raw.option(OPT_EXPORT_NAME, b'abc')
        raw.recv(10)
        assert raw.do(STATUS, 0, 512).error == 0


def test_malformed_queries_are_invalid():
    with Server('memory', '1M') as s, Raw(s) as raw:
        raw.structured()
        good = raw.meta_data('', ['base:allocation'])
        for data in (b'', good[:-1], good + b'x', good[:8], struct.pack('>II', 0, 1),
                     struct.pack('>III', 0, 1, 0xffffffff), struct.pack('>II', 0, 0xffffffff)):
            assert raw.answer(OPT_SET_META, data) == ERR_INVALID, data
            assert raw.answer(OPT_LIST_META, data) == ERR_INVALID, data
        assert raw.go().works()


def test_contexts_of_a_plugin():
    with Opener() as s, Raw(s) as raw:
        usable = ['base:allocation', 'x-a:one', 'x-a:two', 'x-b:one']
        assert raw.list_context(name='contexts') == usable
        assert raw.list_context('x-a:', name='contexts') == usable[1:3]
        assert raw.list_context('x-', 'x-b:on', 'X-A:', name='contexts') == []
        raw.structured()
        assert raw.set_context('x-a:', 'x-b:', ':', name='contexts') == {}
        assert raw.set_context('base:mine', 'nocolon', ':nameless', name='contexts') == {}
        ids = raw.set_context('x-b:one', 'x-a:two', 'x-b:one', name='contexts')
        assert set(ids) == {'x-b:one', 'x-a:two'} and len(set(ids.values())) == 2
        assert raw.go('contexts').do(STATUS, 0, 512).extents == {
            ids['x-a:two']: [(512, 2)], ids['x-b:one']: [(512, 3)]}


def test_a_set_replaces_the_earlier_one():
    with Opener() as s, Raw(s) as raw:
        raw.structured().set_context('base:allocation', 'x-a:one', name='contexts')
        ids = raw.set_context('x-a:two', name='contexts')
        assert raw.go('contexts').do(STATUS, 0, 512).extents == {ids['x-a:two']: [(512, 2)]}


def test_contexts_are_bounded_in_number():
    with Opener() as s, Raw(s) as raw:
        names = raw.structured().list_context(name='many')
        assert 10 < len(names) < 31
        ids = raw.set_context(*['x-a:%d' % i for i in range(30)], 'base:allocation', name='many')
        assert sorted(ids) == sorted(names)
        assert set(raw.go('many').do(STATUS, 0, 512).extents) == set(ids.values())


def test_info_about_another_export_in_between():
    with Opener() as s, Raw(s) as raw:
        raw.structured().set_context('x-a:one', name='contexts')
        raw.info(OPT_INFO, 'other')
        assert raw.list_context(name='other') == ['base:allocation']
        assert raw.go('contexts').do(STATUS, 0, 512).error == 0


def test_many_queries():
    with Server('memory', '1M') as s, Raw(s) as raw:
        raw.structured()
        assert list(raw.set_context(*['x:%d' % i for i in range(5000)], 'base:allocation')) == [
            'base:allocation']
        assert raw.go().do(STATUS, 0, 512).error == 0


main(globals())
