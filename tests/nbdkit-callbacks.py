# SPDX-License-Identifier: BSD-3-Clause
"""Which callbacks of a plugin are made, with what, and what clients see of it: each
time the same as under nbdkit, for the same client and the same plugin."""
import nbd

from harness import *
from nbdkitlib import *
from rawnbd import CACHE, STATUS, TRIM, ZERO, Raw

LACKING = 'can_write can_flush is_rotational can_trim can_zero can_fua can_multi_conn can_extents can_cache can_fast_zero'


def test_all_callbacks():
    calls = same('word', 'errno=5')
    assert calls[:8] == ['load', 'config bare=word', 'config errno=5', 'config_complete',
                         'thread_model', 'get_ready', 'after_fork', 'preconnect']
    assert calls[-3:] == ['close 1', 'cleanup', 'unload']
    assert len([c for c in calls if c.startswith('can_')]) == 9


def test_all_callbacks_of_api_1():
    calls = same(api=1)
    assert 'zero 512 4096 may_trim=1' in calls and 'zero 512 4608 may_trim=0' in calls
    assert 'pwrite 1024 8192' in calls and 'flush' in calls


def test_no_answers():
    for api in 1, 2:
        same(api=api, without=LACKING)


def test_minimal_plugin():
    for api in 1, 2:
        same(api=api, without=LACKING + ' config config_complete thread_model get_ready after_fork '
             'cleanup preconnect list_exports default_export close export_description block_size '
             'pwrite flush trim zero extents cache dump_plugin magic_config_key')


def test_read_only():
    assert 'can_write' not in same(options=['-r'])
    assert not [c for c in same('can_write=0') if c.startswith('pwrite')]


def test_zeroes_by_writing():
    for lack in ['zero', 'zero can_fast_zero', 'zero can_zero can_fast_zero']:
        assert 'pwrite 512 4096 0' in same(without=lack)
    assert 'pwrite 512 4096' in same(api=1, without='zero')


def test_zero_gives_up():
    assert 'pwrite 512 4096 0' in same('fail=zero', 'error=95')
    assert 'pwrite 512 4096 0' not in same('fail=zero', 'errno=95')  # it may be anything
    assert 'pwrite 512 4096 0' in same('fail=zero', 'errno=95', with_='errno_is_preserved')
    assert 'pwrite 512 4096' in same('fail=zero', 'error=95', api=1)


def test_zero_fails_for_good():
    for how in [['error=28'], ['errno=28'], []]:
        assert 'pwrite 512 4096 0' not in same('fail=zero', *how)


def test_zero_as_the_plugin_likes_it():
    for params in [['can_zero=0'], ['can_fast_zero=0'], ['can_zero=0', 'can_fast_zero=0']]:
        same(*params)
    for lack in 'can_zero', 'can_fast_zero':
        same(without=lack)
    same('can_fast_zero=0', without='zero')


def test_fua():
    assert 'pwrite 1024 8192 2' in same('can_fua=2')
    for emulated in ['can_fua=1'], ['can_fua=1', 'can_flush=0']:
        calls = same(*emulated)
        at = calls.index('pwrite 1024 8192 0')
        assert calls[at + 1] == 'flush 0', calls
    for params in [['can_fua=0'], ['can_fua=0', 'can_flush=0'], ['can_flush=0']]:
        same(*params)
    for lack in 'can_fua', 'can_fua flush can_flush', 'can_fua can_flush':
        same(without=lack)
    same('can_flush=0', without='can_fua')


def test_fua_where_flush_fails():
    same('can_fua=1', 'fail=flush', 'error=5')


def test_trim_and_the_rest():
    for params in [['can_trim=0'], ['can_multi_conn=0'], ['is_rotational=0'], ['thread_model=0'],
                   ['thread_model=1'], ['thread_model=2']]:
        same(*params)
    same(without='trim can_trim')


def test_cache():
    assert 'cache 4096 12288 0' in same('can_cache=2')
    assert 'pread 4096 12288 0' in same('can_cache=1')
    for lack in '', 'can_cache':
        same('can_cache=0', without='cache ' + lack)
    same('can_cache=2', without='cache')


def test_extents():
    for params in [['can_extents=0'], ['fail=extents', 'error=5'],
                   # what is before the question does not matter, nor what comes after it
                   ['extent=0:8192:0,8192:57344:3,65536:983040:0'],
                   # neighbours of one type
                   ['extent=4096:4096:3,8192:4096:3,12288:100000:0'],
                   # an allocated zero, a hole that is no zero
                   ['extent=4096:4096:2,8192:4096:1,12288:100000:0']]:
        same(*params)
    same(without='extents can_extents')


def broken(extent):
    """What is refused, to the plugin and to the client."""
    with TempDir() as d:
        path = recorder(d)
        with Bridged(path, 'extent=' + extent, env={'RECORDER_LOG': d + '/log'}) as s:
            found = try_out(extents, s.nbd(), 65536, 4096)
        return found, [line for line in lines(d + '/log') if line.startswith('nbdkit_add')]


def test_broken_extents():
    assert broken('8192:4096:0') == ('EIO', ['nbdkit_add_extent failed with 22'])  # begins too late
    assert broken('4096:4096:0,16384:4096:0') == ('EIO', ['nbdkit_add_extent failed with 22'])
    assert broken('4096:65536:7') == ('EIO', ['nbdkit_add_extent failed with 22'])
    assert broken('0:4096:0') == ('EIO', [])  # none that overlaps the question


def test_errors_of_data_calls():
    for call in 'pread', 'pwrite', 'flush', 'trim', 'cache':
        for how in [['error=28'], ['errno=28'], []]:
            same('fail=' + call, *how)
    same('fail=pread', 'errno=28', with_='errno_is_preserved')
    same('fail=pread', 'errno=28', 'error=22', with_='errno_is_preserved')
    same('fail=pread', 'errno=28', api=1)


def handshake_fails(callback):
    with TempDir() as d:
        path = recorder(d)
        with Bridged(path, 'fail=' + callback) as s:
            assert not isinstance(try_out(s.nbd), nbd.NBD), callback
            assert callback + ' was told to fail' in s.log()


def test_errors_of_the_handshake():
    for callback in ['open', 'get_size', 'can_write', 'can_flush', 'is_rotational', 'can_trim',
                     'can_zero', 'can_fua', 'can_multi_conn', 'can_extents', 'can_cache',
                     'can_fast_zero', 'block_size']:
        handshake_fails(callback)


def test_error_text_reaches_the_client():
    with TempDir() as d:
        with Bridged(recorder(d), 'fail=pread', 'error=28') as s:
            try:
                s.nbd().pread(512, 0)
            except nbd.Error as e:
                assert e.errno == 'ENOSPC', e
            else:
                raise AssertionError('no error')
            assert 'pread was told to fail' in s.log()
        with Bridged(recorder(d), 'fail=open') as s:
            h = nbd.NBD()
            h.set_opt_mode(True)
            h.connect_unix(s.socket)
            try:
                h.opt_go()
            except nbd.Error:
                assert 'open was told to fail' in s.log()


def test_refusals_at_the_start():
    with TempDir() as d:
        path = recorder(d)
        for callback in 'config_complete', 'thread_model', 'get_ready', 'after_fork':
            line = refused('-f', '-U', d + '/s', path, 'fail=' + callback)
            assert 'recorder' in line and callback + ' was told to fail' in line, line
        assert 'no such parameter: x' in refused(path, 'x=1')
        assert refused(path, 'fail=config')


def test_dump_plugin_calls():
    with TempDir() as d:
        path, env = recorder(d), dict(os.environ, RECORDER_LOG=d + '/log')
        theirs = run([NBDKIT, '--dump-plugin', path, 'errno=1'], env=env).stdout
        theirs_log = lines(d + '/log')
        os.unlink(d + '/log')
        ours = nbdsrv('--dump-plugin', path, 'errno=1', env=env).stdout
        # nbdkit's own lines wait in its buffer while the plugin's go ahead
        assert same_dump(ours, theirs), '%s\n%s' % (ours, theirs)
        assert lines(d + '/log') == theirs_log == ['load', 'config errno=1', 'thread_model',
                                                   'dump_plugin', 'unload']


def test_lengths_beyond_32_bits():
    half, size = 1 << 31, 1 << 33
    with TempDir() as d:
        path = recorder(d)
        with Bridged(path, 'size=8G', env={'RECORDER_LOG': d + '/log'}) as s, Raw(s) as raw:
            raw.extended()
            context = raw.set_context('base:allocation')['base:allocation']
            raw.go()
            for command in ZERO, TRIM, CACHE:
                assert raw.do(command, 4096, size - 4096).error == 0
            # the plugin answers for more than it was asked about
            assert raw.do(STATUS, 4096, size - 4096).extents[context] == [(size - 4096, 3)]
        calls = lines(d + '/log')
        for name, flags in ('zero', 1), ('trim', 0), ('cache', 0):
            assert [c for c in calls if c.startswith(name)] == [
                '%s %d %d %d' % (name, min(half, size - at), at, flags)
                for at in range(4096, size, half)], calls
        assert "extents %d 4096 0 ''" % half in calls, calls


main(globals())
