# SPDX-License-Identifier: BSD-3-Clause
# The eval plugin: what each parameter is for, which abilities follow from which methods,
# what takes the place of missing ones.
import errno
import os

import nbd

from harness import *
from nbdkitlib import asks_for_infos, exports, extents, facts, names

MIB = 1 << 20
SIZE = 'get_size=echo 1M'
PREAD = 'pread=head -c $3 /dev/zero'


def abilities(*args):
    with Server('eval', SIZE, PREAD, *args) as s:
        found = facts(s.nbd(setup=asks_for_infos))
    return sorted(name[4:] for name in found if name.startswith('can_') and found[name] and name != 'can_df')


def test_abilities_follow_from_methods():
    for args, expected in (
            ([], []),
            (['pwrite=cat >/dev/null'], ['fast_zero', 'zero']),
            (['pwrite=cat >/dev/null', 'zero= '], ['zero']),
            (['pwrite=cat >/dev/null', 'zero= ', 'can_fast_zero=exit 0'], ['fast_zero', 'zero']),
            (['pwrite=cat >/dev/null', 'can_fast_zero=exit 3'], ['zero']),
            (['pwrite=cat >/dev/null', 'flush= '], ['fast_zero', 'flush', 'fua', 'zero']),
            (['pwrite=cat >/dev/null', 'flush= ', 'can_fua=echo none'], ['fast_zero', 'flush', 'zero']),
            (['pwrite=cat >/dev/null', 'flush= ', 'can_flush=exit 3'], ['fast_zero', 'zero']),
            (['pwrite=cat >/dev/null', 'can_fua=echo emulate'], ['fast_zero', 'fua', 'zero']),
            (['pwrite=cat >/dev/null', 'can_write=exit 3', 'trim= '], []),
            (['pwrite=cat >/dev/null', 'trim= ', 'cache= '], ['cache', 'fast_zero', 'trim', 'zero']),
            (['can_cache=echo emulate'], ['cache']),
            (['cache= ', 'can_cache=echo none'], []),
            (['can_write=exit 0', 'can_multi_conn=exit 0'], ['fast_zero', 'multi_conn', 'zero'])):
        assert abilities(*args) == expected, (args, abilities(*args))


def test_a_file():
    """The plugin's best known use, and what it is for."""
    data = pattern(100000)
    with TempDir() as d:
        path = d + '/disk'
        with open(path, 'wb') as f:
            f.truncate(MIB)
        with Server('eval', 'config=ln -sf "$(realpath "$3")" $tmpdir/file', 'get_size=stat -Lc %s $tmpdir/file',
                    'pread=dd if=$tmpdir/file skip=$4 count=$3 iflag=count_bytes,skip_bytes status=none',
                    'pwrite=dd of=$tmpdir/file seek=$4 conv=notrunc oflag=seek_bytes status=none',
                    'file=' + path) as s:
            h = s.nbd()
            h.pwrite(data, 12345)
            assert h.pread(len(data) + 2, 12344) == b'\0' + data + b'\0'
            h.zero(5000, 20000)
            assert h.pread(5000, 20000) == bytes(5000)
        assert open(path, 'rb').read(20000)[12345:] == data[:20000 - 12345]


def test_all_methods_are_parameters():
    with TempDir() as d:
        log = d + '/log'
        silent = ['config', 'config_complete', 'get_ready', 'after_fork', 'preconnect', 'close', 'cleanup', 'unload',
                  'can_extents', 'can_fast_zero', 'can_flush', 'can_multi_conn', 'can_trim', 'can_write', 'can_zero',
                  'is_rotational', 'flush', 'trim', 'zero', 'cache']
        printing = {'thread_model': 'echo parallel', 'list_exports': 'echo a; echo b', 'default_export': 'echo a',
                    'open': 'echo H', 'get_size': 'echo 1M', 'block_size': 'echo 512 4k 1M',
                    'export_description': 'echo about it', 'can_cache': 'echo native', 'can_fua': 'echo native',
                    'pread': 'head -c $3 /dev/zero', 'pwrite': 'cat >/dev/null', 'extents': 'echo 0 1M zero'}
        params = ['%s=echo "$0" "$@" >>%s' % (m, log) for m in silent]
        params += ['%s=echo "$0" "$@" >>%s; %s' % (m, log, text) for m, text in printing.items()]
        with Server('eval', *params, 'key=value with  blanks') as s:
            assert exports(s) == [('a', ''), ('b', '')]
            h = s.nbd(setup=asks_for_infos)
            assert names(h) == ['a', 'about it']
            assert h.get_block_size(nbd.SIZE_MINIMUM) == 512 and h.is_rotational()
            h.pwrite(bytes(512), 0, nbd.CMD_FLAG_FUA)
            h.flush()
            h.trim(512, 512)
            h.zero(512, 1024, nbd.CMD_FLAG_FAST_ZERO)
            h.cache(512, 512)
            assert h.pread(512, 0) == bytes(512)
            assert extents(h) == [[MIB, 2]]
            h.shutdown()
        found = [line.split(' ', 1)[1] for line in open(log).read().splitlines()]
        seen = {line.split()[0] for line in found}
        assert seen == set(silent) | set(printing), seen ^ (set(silent) | set(printing))
        for line in ('config key value with  blanks', 'preconnect false', 'open false a false', 'get_size H',
                     'pwrite H 512 0 fua', 'flush H', 'trim H 512 512 ', 'zero H 512 1024 may_trim,fast',
                     'cache H 512 512', 'pread H 512 0', 'close H'):
            assert line in found, (line, found)


def test_missing():
    with TempDir() as d:
        log = d + '/log'
        with Server('eval', SIZE, PREAD, 'pwrite=cat >/dev/null', 'missing=echo "$@" >>%s; exit 2' % log) as s:
            h = s.nbd()
            assert not h.can_flush() and not h.is_read_only()
            h.shutdown()
        found = [line.split()[0] for line in open(log).read().splitlines()]
        assert 'can_flush' in found and 'open' in found and 'unload' in found, found
        assert 'can_write' not in found and 'get_size' not in found, found
        line = refused('-U', d + '/s', 'eval', SIZE, PREAD, 'missing=[ $1 != get_ready ] || { echo "$1 failed" >&2; exit 1; }')
        assert 'get_ready failed' in line, line


def test_refused():
    with TempDir() as d:
        for args, text in (
                (['foo=bar'], "unknown parameter 'foo'"),
                (['get_sise=echo 1M'], "did you mean 'get_size'?"),
                (['bare'], 'takes no bare argument'),
                ([SIZE, SIZE], 'more than once'),
                (['config=echo "no $2" >&2; exit 1', 'foo=bar'], 'no foo'),
                (['foo=bar', 'config=true'], "unknown parameter 'foo'"),
                (['thread_model=exit 1'], 'thread_model')):
            line = refused('-U', d + '/s', 'eval', *args)
            assert text in line, line


def test_dump_plugin():
    out = nbdsrv('--dump-plugin', 'eval').stdout.splitlines()
    assert 'thread_model=serialize_all_requests' in out and 'max_thread_model=parallel' in out, out
    out = nbdsrv('--dump-plugin', 'eval', 'dump_plugin=echo hello=1', 'thread_model=echo parallel').stdout.splitlines()
    assert 'hello=1' in out and 'thread_model=parallel' in out and 'max_known_status=8' in out, out


def test_errors():
    with Server('eval', SIZE, 'pread=echo ENOSPC no space here >&2; exit 1') as s:
        expect_error(errno.ENOSPC, s.nbd().pread, 512, 0)
        assert 'pread: no space here' in s.log()
    with Server('eval', SIZE) as s:
        expect_error(errno.EIO, s.nbd().pread, 512, 0)
    with Server('eval', SIZE, 'pread=syntax error (') as s:
        expect_error(errno.EIO, s.nbd().pread, 512, 0)


def test_help():
    out = nbdsrv('eval', '--help').stdout
    for word in 'pread=', 'can_fua=', 'missing=':
        assert word in out, out


main(globals())
