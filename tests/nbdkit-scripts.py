# SPDX-License-Identifier: BSD-3-Clause
"""The plugins sh, eval, split, partitioning, ondemand and tmpdisk against nbdkit's:
the same command lines, the same clients."""
import os

import nbd

from harness import *
from nbdkitlib import *
from scriptlib import DISK, executable

SIZE = 'get_size=echo 1M'
PREAD = 'pread=head -c $3 /dev/zero'
PWRITE = 'pwrite=cat >/dev/null'


def write_some(h):
    h.pwrite(pattern(70000), 10000)
    h.zero(5000, 20000)
    h.trim(4096, 40960)
    h.flush()


def test_a_disk():
    with TempDir() as d:
        compare('sh', executable(d, DISK), write=write_some)
        compare('sh', executable(d, DISK), export='two')


def run_client(server, args):
    """What a client sees of every operation."""
    with server('eval', *args) as s:
        return client(s)


def test_abilities():
    for args in ([], [PWRITE], [PWRITE, 'zero= '], [PWRITE, 'zero= ', 'can_fast_zero=exit 0'],
                 [PWRITE, 'can_fast_zero=exit 3'], [PWRITE, 'flush= '], [PWRITE, 'flush= ', 'can_fua=echo none'],
                 [PWRITE, 'flush= ', 'can_fua=echo native'], [PWRITE, 'can_fua=echo emulate'],
                 [PWRITE, 'trim= ', 'cache= ', 'extents=echo 0 1M zero'], ['can_cache=echo emulate'],
                 ['can_write=exit 0'], [PWRITE, 'can_write=exit 3'], [PWRITE, 'can_zero=exit 3', 'zero= '],
                 [PWRITE, 'zero=echo ENOTSUP >&2; exit 1', 'can_fast_zero=exit 0'],
                 [PWRITE, 'block_size=echo 512 4096 1M'], ['is_rotational=exit 0', 'can_multi_conn=exit 0'],
                 [PWRITE, 'trim=echo EPERM no >&2; exit 1'], ['can_extents=exit 0'],
                 ['export_description=echo about "<$2>"', 'open=echo h', 'default_export=echo it']):
        ours, theirs = [run_client(server, [SIZE, PREAD] + args) for server in (Server, Reference)]
        assert ours == theirs, (args, differing(ours, theirs))


def test_errors():
    for action in ('echo ENOSPC no >&2; exit 1', 'echo no >&2; exit 1', 'echo ENOSPCx >&2; exit 1', 'exit 2', 'exit 3',
                   'echo EPERM >&2; exit 20', 'kill -9 $$', 'echo enospc >&2; exit 1', 'echo EDQUOT >&2; exit 1',
                   'echo EROFS >&2; exit 1', 'echo EFBIG >&2; exit 1', 'true',
                   'echo " EPERM" >&2; exit 1', 'echo EAGAIN >&2; exit 1', 'head -c 100000 /dev/zero'):
        found = []
        for server in Server, Reference:
            with server('eval', SIZE, 'pread=' + action, 'can_trim=exit 0', 'trim=' + action,
                        'pwrite=' + action, 'flush=' + action, 'cache=' + action, 'extents=' + action) as s:
                h = s.nbd()
                found.append([try_out(f, *args) for f, *args in (
                    (h.pread, 512, 0), (h.pwrite, bytes(512), 0), (h.trim, 512, 0), (h.flush,), (h.cache, 512, 0))])
                try_out(h.shutdown)
        assert found[0] == found[1], (action, found)


def test_lists():
    for text in ('NAMES\\na\\nb\\n', 'a\\nb\\n', 'INTERLEAVED\\na\\nb\\nc\\nd\\n', 'INTERLEAVED\\na\\nb\\nc\\n',
                 'NAMES+DESCRIPTIONS\\na\\nb\\nc\\nd\\n', 'NAMES+DESCRIPTIONS\\na\\nb\\nc\\nd\\ne\\n', '', 'NAMES\\n', '\\n',
                 'NAMES\\n\\na\\n', 'INTERLEAVED\\n\\nb\\n', 'INTERLEAVED\\na\\n\\nb\\nd\\n', 'NAMES+DESCRIPTIONS\\n'):
        for method in 'list_exports', 'default_export':
            found = []
            for server in Server, Reference:
                with server('eval', SIZE, PREAD, "%s=printf '%s'" % (method, text), 'open=echo "<$3>"',
                            'export_description=echo $2') as s:
                    h = s.nbd(setup=asks_for_infos)
                    found.append((exports(s), names(h)))
                    h.shutdown()
            assert found[0] == found[1], (method, text, found)


def test_extents():
    for lines in ('0 1M', '0 4k\\n4k 1M hole,zero', '0 512 3\\n512 1M 0', '0 512 zero,hole,\\n512 1M foo', '',
                  '0 0', '512 1M', '0 1M extra extra', '0 4k 2\\n4k 1M 1', '0 1M hole zero', '0 1G zero', '0 4k'):
        found = []
        for server in Server, Reference:
            with server('eval', SIZE, PREAD, "extents=printf '%s\\n'" % lines if lines else 'extents=true') as s:
                h = s.nbd()
                found.append([isinstance(e, list) and e for e in (try_out(extents, h), try_out(extents, h, 4096, 512))])
                h.shutdown()
        assert found[0] == found[1], (lines, found)


def make_files(d, count):
    paths = []
    for i in range(count):
        paths.append('%s/file%d' % (d, i))
        with open(paths[-1], 'wb') as f:
            f.write(pattern(70000 + 600 * i, i))
    with open(paths[0], 'r+b') as f:
        f.truncate(1 << 20)
    return paths


def same_content(*args):
    """Abilities and extents are more here."""
    with Reference(*args) as r, Server(*args) as s:
        theirs, ours = r.nbd(), s.nbd()
        for step in (lambda h: h.pread(h.get_size(), 0), lambda h: h.pwrite(pattern(3000, 9), (1 << 20) - 1000),
                     lambda h: h.zero(500, (1 << 20) + 100), lambda h: h.pread(h.get_size(), 0)):
            assert try_out(step, ours) == try_out(step, theirs)
        theirs.shutdown()


def test_split():
    with TempDir() as d:
        same_content('split', *make_files(d, 5))


def test_mbr():
    with TempDir() as d:
        a, b, c, e, f, g = make_files(d, 6)
        for args in ([a], [a, b, c, e], ['alignment=512', a, b, 'alignment=1M', 'mbr-id=0x82', c, 'mbr-id=default', e],
                     [a, b, c, e, f, g, 'partition-type=mbr'],
                     ['alignment=512', a, b, 'alignment=64K', c, e, 'mbr-id=7', f, g, 'partition-type=mbr']):
            same_content('partitioning', *args)


def is_free(server, export):
    h = try_out(lambda: server.nbd(export))
    if isinstance(h, nbd.NBD):
        h.shutdown()
    return isinstance(h, nbd.NBD)


def test_disks_made_by_commands():
    with TempDir() as d:
        base = make_files(d, 1)[0]
        with open(base, 'ab') as f:
            f.write(pattern(70000))
        command = ['size=0', 'base=' + base, 'command=cp "$base" "$disk"']
        same_content('tmpdisk', *command)
        for name in 'theirs', 'ours':
            os.mkdir(d + '/' + name)
        with Reference('ondemand', 'dir=%s/theirs' % d, *command) as r, Server('ondemand', 'dir=%s/ours' % d, *command) as s:
            for export in '', 'a b', '.ab', 'a~b', 'x' * 255, 'x' * 256, "it's", 'default':
                found = []
                for server in s, r:
                    h = try_out(lambda: server.nbd(export, setup=asks_for_infos))
                    if isinstance(h, nbd.NBD):
                        found.append((h.get_size(), names(h), h.pread(h.get_size(), 0)))
                        h.shutdown()
                        wait_for('the lock', lambda: is_free(server, export))
                    else:
                        found.append(h)
                assert found[0] == found[1], (export, found)
            assert sorted(exports(s)) == sorted(exports(r)), (exports(s), exports(r))
        assert sorted(os.listdir(d + '/ours')) == sorted(os.listdir(d + '/theirs'))


def without_identifiers(disk):
    """A GPT's identifiers are anybody's choice, and so is its header's size."""
    disk = bytearray(disk)
    last = len(disk) // 512 - 1
    for header in 1, last:
        at = header * 512
        for start, end in (12, 20), (56, 72), (88, 92):
            disk[at + start:at + end] = bytes(end - start)
    for table in 2, last - 32:
        for i in range(128):
            at = table * 512 + i * 128
            disk[at + 16:at + 32] = bytes(16)
    return disk


def test_gpt():
    with TempDir() as d:
        paths = [os.path.basename(path) for path in make_files(d, 6)]  # nbdkit's name a partition
        os.chdir(d)
        for args in paths, [paths[0], 'partition-type=gpt'], ['alignment=512', *paths]:
            found = []
            for server in Server, Reference:
                with server('partitioning', *args) as s:
                    h = s.nbd()
                    found.append(without_identifiers(h.pread(h.get_size(), 0)))
                    h.shutdown()
            assert found[0] == found[1], args
        os.chdir('/')


main(globals())
