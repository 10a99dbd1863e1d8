# SPDX-License-Identifier: BSD-3-Clause
"""Names of exports, descriptions, clients turned away: nbdkit plugins with several."""
import nbd

from harness import *
from nbdkitlib import *
from rawnbd import Raw


def infos(s):
    h = try_out(lambda: s.nbd(setup=asks_for_infos))
    if not isinstance(h, nbd.NBD):
        return 'refused'
    found = names(h)
    h.shutdown()
    return found


def both(*params, without=''):
    """What nbdkit and we list, and what the default export is called."""
    with TempDir() as d:
        path, found = recorder(d), []
        for server in Reference, Bridged:
            with server(path, *params, env={'RECORDER_WITHOUT': without}) as s:
                found.append([try_out(exports, s), infos(s)])
        assert found[0] == found[1], found
        return found[1]


def test_list():
    listed, told = both('default=the-default')
    assert listed == [('one', 'the first'), ('two', ''), ('the-default', '')]
    assert told == ['the-default', 'described as the-default']


def test_list_without_list_exports():
    assert both('default=it', without='list_exports') == [[('it', '')], ['it', 'described as it']]
    assert both(without='list_exports default_export') == [[('', '')], ['', 'described as ']]
    assert both(without='list_exports default_export export_description')[1] == ['', None]


def test_no_default_export():
    listed, told = both('default=none')
    assert told == 'refused' and ('one', 'the first') in listed


def test_list_fails():
    assert both('fail=list_exports', 'default=x')[1] == ['x', 'described as x']


def calls_for(name, *params):
    with TempDir() as d:
        log = d + '/log'
        with Bridged(recorder(d), *params, env={'RECORDER_LOG': log}) as s:
            h = s.nbd(name)
            extents(h, 4096)
            h.shutdown()
            wait_for('close', lambda: 'close 1' in lines(log))
        return lines(log)


def test_name_in_open_and_later():
    for given, seen in ('a/b', 'a/b'), ('', 'dflt'):
        calls = calls_for(given, 'default=dflt')
        assert "open 0 '%s' 0" % seen in calls and "extents 4096 0 0 '%s'" % seen in calls, calls
        assert ('default_export 0 0' in calls) == (given == '')


def test_name_given_by_a_filter():
    with TempDir() as d:
        log = d + '/log'
        with Bridged('--filter=exportname', recorder(d), 'default=x', 'exportname=outside', 'default-export=inside',
                     env={'RECORDER_LOG': log}) as s:
            assert s.nbd().get_size() == 1 << 20
        assert [c for c in lines(log) if c.startswith('open ')] == ["open 0 'inside' 0"]


def test_turned_away_before_a_byte():
    with TempDir() as d:
        log = d + '/log'
        with Bridged(recorder(d), 'fail=preconnect', env={'RECORDER_LOG': log}) as s:
            assert Raw(s, greet=False).is_closed()
            assert 'preconnect was told to fail' in s.log()
        assert [c for c in lines(log) if c.startswith(('open', 'preconnect'))] == ['preconnect']


def test_default_export_is_asked_of_each_client():
    with TempDir() as d:
        log = d + '/log'
        with Bridged(recorder(d), 'default=x', env={'RECORDER_LOG': log}) as s:
            for _ in range(3):
                s.nbd().shutdown()
        assert lines(log).count('default_export 0 0') == 3


main(globals())
