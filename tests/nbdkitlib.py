# SPDX-License-Identifier: BSD-3-Clause
"""nbdkit itself, to compare with, and what clients can see of a server.

    with Reference(plugin('memory'), '1M') as r:    the same command line ...
    compare(plugin('data'), 'data=1 2 3')           ... or both, all of it compared
    recorder(d)                                     tests/nbdkit-plugins/recorder.c
    same('can_fua=1')                               the recorder under both, its calls compared
"""
import hashlib
import os
import shutil

import nbd

from compile import PKG_CONFIG, build, source_file
from harness import Server, TempDir, exports, pattern, run, wait_for

NBDKIT = shutil.which('nbdkit') or 'nbdkit'
# Foreign code leaks at its exit, and that is not ours to mend.
FOREIGN = {'ASAN_OPTIONS': os.environ.get('ASAN_OPTIONS', '') + ':detect_leaks=0'}


def plugin_dir():
    config = run([NBDKIT, '--dump-config']).stdout
    return next(line[10:] for line in config.splitlines() if line.startswith('plugindir='))


def plugin(name):
    path = os.path.join(plugin_dir(), 'nbdkit-%s-plugin.so' % name)
    assert os.path.exists(path), '%s is missing: install nbdkit-plugin-%s' % (path, name)
    return path


class Reference(Server):
    program = NBDKIT

    def __init__(self, *args, **kw):
        super().__init__(*args, clean=False, **kw)


class Bridged(Server):
    """Our server with somebody else's plugin in it."""

    def __init__(self, *args, env=None, **kw):
        super().__init__(*args, env=dict(FOREIGN, **(env or {})), **kw)


def facts(h):
    """What the handshake told a client."""
    names = ['is_read_only', 'is_rotational', 'can_flush', 'can_fua', 'can_trim', 'can_zero',
             'can_fast_zero', 'can_cache', 'can_multi_conn', 'can_df']
    found = {name: getattr(h, name)() for name in names}
    found['size'] = h.get_size()
    # What is not stated means what the protocol says.
    found['minimum'] = h.get_block_size(nbd.SIZE_MINIMUM) or 1
    found['preferred'] = h.get_block_size(nbd.SIZE_PREFERRED) or 4096
    return found


def asks_for_infos(h):
    h.set_full_info(True)


def names(h):
    """Canonical name and description; None where the server gives none."""
    found = []
    for question in h.get_canonical_export_name, h.get_export_description:
        try:
            found.append(question())
        except nbd.Error:
            found.append(None)
    return found


def extents(h, length=None, offset=0, flags=0):
    """[[length, type], ...] over the whole export, neighbours joined."""
    end = h.get_size() if length is None else offset + length
    found = []

    def add(context, at, entries, error):
        nonlocal offset
        for n, kind in zip(entries[::2], entries[1::2]):
            n = min(n, end - offset)
            if found and found[-1][1] == kind:
                found[-1][0] += n
            elif n:
                found.append([n, kind])
            offset += n
        return 0

    while offset < end:
        h.block_status(min(end - offset, 1 << 30), offset, add, flags)
    return found


def digest(h, most=64 << 20):
    """A hash of the content, from both ends where there is much of it."""
    size, sum = h.get_size(), hashlib.sha256()
    piece = min(1 << 20, h.get_block_size(nbd.SIZE_MAXIMUM) or 1 << 20)
    offsets = list(range(0, size, piece))
    if size > most:
        offsets = offsets[:8] + offsets[-8:]
    for offset in offsets:
        sum.update(h.pread(min(piece, size - offset), offset))
    return sum.hexdigest()


def seen(s, export=''):
    """All that a client can read."""
    h = s.nbd(export, setup=asks_for_infos)
    found = facts(h), names(h), digest(h), extents(h) if h.can_meta_context('base:allocation') else None
    h.shutdown()
    return found


def compare(*args, ours=None, theirs=None, export='', write=None, env=None, listed=True):
    """That nbdsrv serves what nbdkit serves for a command line, write (h) included.
    ours, theirs: words of one side only."""
    with Reference(*args, *(theirs or []), env=env) as r, Bridged(*args, *(ours or []), env=env) as s:
        before = seen(r, export)
        assert seen(s, export) == before, '%s\n%s' % (seen(s, export), before)
        assert before[0]['size'] > 0
        if listed:
            assert exports(s) == exports(r)
        if write:
            for server in r, s:
                h = server.nbd(export)
                write(h)
                h.shutdown()
            after = seen(r, export)
            assert after != before, 'nothing was written'
            assert seen(s, export) == after, '%s\n%s' % (seen(s, export), after)


def build_plugin(name, d, options=()):
    """tests/nbdkit-plugins/NAME.c as an nbdkit plugin in directory d."""
    include = run([PKG_CONFIG, '--variable=includedir', 'nbdkit'], check=False).stdout.strip()
    return build(source_file('tests/nbdkit-plugins/%s.c' % name), name + '.so', d,
                 include=include or '/usr/include', options=options)


def recorder(d, api=2):
    return build_plugin('recorder', d, options=['-DAPI=%d' % api, '-Wno-unused-function'])


def lines(path):
    with open(path) as f:
        return f.read().splitlines()


def try_out(function, *args):
    """The result, or the name of the error."""
    try:
        return function(*args)
    except nbd.Error as e:
        return e.errno


def client(s):
    """Every operation that libnbd lets through; what came of each."""
    h = try_out(lambda: s.nbd(setup=asks_for_infos))
    if not isinstance(h, nbd.NBD):
        return h
    found = [facts(h), names(h)]
    data = pattern(1024)
    for step in [
            lambda: h.pwrite(data, 4096), lambda: h.pwrite(data, 8192, nbd.CMD_FLAG_FUA),
            lambda: h.pread(1024, 4096) == data, lambda: h.pread(2048, 7680)[512:1536] == data,
            lambda: h.flush(),
            lambda: h.zero(512, 4096), lambda: h.zero(512, 4608, nbd.CMD_FLAG_NO_HOLE),
            lambda: h.zero(512, 8192, nbd.CMD_FLAG_FUA), lambda: h.zero(256, 8704, nbd.CMD_FLAG_FAST_ZERO),
            lambda: h.trim(4096, 16384), lambda: h.trim(4096, 20480, nbd.CMD_FLAG_FUA),
            lambda: h.cache(4096, 12288),
            lambda: extents(h, 65536, 4096), lambda: extents(h, 65536, 4096, nbd.CMD_FLAG_REQ_ONE),
            lambda: h.pread(1024, 4096).hex(), lambda: h.pread(1024, 8192).hex(),
            lambda: h.zero(100, 1 << 20), lambda: h.pread(100, (1 << 20) - 50)]:
        found.append(try_out(step))
    h.shutdown()
    return found


def trial(server, options, path, params, log, env):
    with server(*options, path, *params, env=dict(env, RECORDER_LOG=log)) as s:
        found = client(s)
        if isinstance(found, list) and 'close' not in env['RECORDER_WITHOUT']:
            wait_for('close', lambda: 'close 1' in lines(log))  # nbdkit at its end may forget it
        return found


def same_dump(ours, theirs):
    """Two answers to --dump-plugin, but for what nbdkit has said since 1.38 only."""
    theirs = theirs.splitlines()
    later = [line for line in ['soext=so', 'max_api_version=2'] if line not in theirs]
    return sorted(ours.splitlines()) == sorted(theirs + later)


def differing(ours, theirs):
    return '\n'.join('%s\n%s' % pair for pair in zip(ours, theirs) if pair[0] != pair[1])


def same(*params, api=2, options=(), without='', with_='', until=''):
    """One client against both servers: it sees the same, and the plugin writes down the
    same calls, which are returned."""
    env = {'RECORDER_WITHOUT': without, 'RECORDER_WITH': with_, 'RECORDER_UNTIL': until}
    with TempDir() as d:
        path = recorder(d, api)
        theirs = trial(Reference, options, path, params, d + '/theirs', env)
        ours = trial(Bridged, options, path, params, d + '/ours', env)
        assert ours == theirs, differing(ours, theirs)
        # A description is asked for at once, not only when the client wants it.
        theirs, ours = [[line for line in lines(d + '/' + name) if line != 'export_description']
                        for name in ('theirs', 'ours')]
        assert ours == theirs, '\n%s\n%s' % (ours, theirs)
    return ours
