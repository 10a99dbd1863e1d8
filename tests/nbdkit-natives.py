# SPDX-License-Identifier: BSD-3-Clause
"""Plugins of ours that stand in for nbdkit's, by their bare names: both serve the same
for the same command line."""
import os

import nbd

from harness import *
from dataexpr import Expressions
from nbdkitlib import *

PAGE = 32768  # nbdkit's


def own_plugin_dir():
    lines = nbdsrv('--dump-config').stdout.splitlines()
    return next(line[10:] for line in lines if line.startswith('plugindir='))


def data_pages(h):
    """Runs [first, last] of pages of nbdkit's that do not read as zeroes.  Its own may be
    allocated and hold zeroes; ours never are, and are smaller."""
    runs, at = [], 0
    for n, kind in extents(h):
        if not kind & 2:
            first, last = at // PAGE, (at + n - 1) // PAGE
            if runs and first <= runs[-1][1] + 1:
                runs[-1][1] = last
            else:
                runs.append([first, last])
        at += n
    return runs


def same_data(*args):
    found = []
    for server in Reference, Bridged:
        with server('data', *args) as s:
            h = s.nbd(setup=asks_for_infos)
            size = h.get_size()
            if size < 1 << 43:
                found.append((facts(h), digest(h), data_pages(h)))
            else:  # of which only the ends can be looked at
                found.append((facts(h), h.pread(1 << 20, 0), h.pread(1 << 20, size - (1 << 20))))
            h.shutdown()
    assert found[0] == found[1], '%s\n%s' % tuple(found)


# All in one disk, each on a page of nbdkit's of its own.
EXPRESSIONS = r'''
0 1 255 0xff 0377 007 0X1f
le16:0x1234 be16:0x1234 le32:7 be32:7 le64:7 be64:0xffffffffffffffff
"text" "" "a b" "\"\\\n\t\r\a\b\f\v\x00\xfF\q"
1 # a comment
1"a"2(3)4
1 2*3 1 2 *3 1 2 * 3
(1 2)*3 (1 2)*0 1*2*3 ((1 2)*2 3)*3
(1 2 3)[1:2] (1 2 3)[1:] (1 2 3)[:1] (1 2 3)[:] (1 2 3)[3:] (1 2 3)[3:3] (1 2 3)[0x1:02]
(1 2 3)*4[2:9][1:3]*2
1 2 3 @1 4
1 2 3 @0 (@1 5)
1 2 3 @0 (@1 5)*2
1 2 3 @0 (4 @2 5)[0:3]
1 2 3 @0 @1 5 @4
5 @-1 6 @+3 7 @^8 8 @^1 9
(@^4 1 @^4)*2 1 (@^4 1 @^4)*2
1 @0 0
(@5)*3 1 @100 @7
1*40000 @0 0*32768
0*100000 1 0*100000
(0*100000 1 0*50000)*3
1 -> \a \a (\a 2 -> \a \a) \a
(1 2)->\a-b_C9 \a-b_C9*2 \a-b_C9[1:]
1 -> \1 \1 2 -> \1 \1
$one $two*2 $one[:1]
7 -> \n $named
("a" 0 "b" 0*3)*4 @^8 "end"
</dev/zero[:5000] 1
<(printf abc) <(printf "(%s)" d)*2 <(yes)[:6] <(printf abc)[:9] (<(yes))[:5]
'''.strip().split('\n')


def test_data():
    for expression in EXPRESSIONS:
        variables = ['one=1 "x"', 'two=$one 2', 'named=\\n \\n']
        same_data('(%s\n)' % expression, *variables)
    same_data('\n'.join('(%s\n) @^%d' % (e, PAGE) for e in EXPRESSIONS), *variables)


def test_random_data():
    e = Expressions(2)
    for _ in range(8):
        text, data = e.several(30)
        same_data(text)
    same_data(text, 'size=%d' % (len(data) // 2))
    same_data(text, 'size=1G')


def test_data_of_other_parameters():
    for args in (['raw=abc', 'size=10'], ['raw=abc', 'size=2'], ['base64=AAEC/w=='], ['base64=AA EC\n/w==', 'size=1M'],
                 ['data=', 'size=10'], ['1', 'unused=2'], ['$v', 'v=1', 'v=2'], ['1*5000', 'allocator=sparse'],
                 ['@9223372036854775807'], ['@0x7ffffffffffffff8 "the end"'], ['(0*1000000000 1)*3']):
        same_data(*args)


def test_files_as_data():
    with TempDir() as d:
        for name, content in ('a', b'hello'), ('b', pattern(100000)), ('c', b''):
            with open(d + '/' + name, 'wb') as f:
                f.write(content)
        f = '<' + d + '/'
        for data in 'a', 'a*3', 'a[:2]', 'a[:9]', 'a[2:9]', 'b ' + f + 'b', 'b[99990:]', 'c', 'b @^512':
            same_data(f + data, 'size=1M')


def test_full():
    for size in '1', '513', 'size=10M':
        compare('full', size)
    with Reference('full', '1M') as r, Server('full', '1M') as s:
        theirs, ours = r.nbd(), s.nbd()
        for step in (lambda h: h.pwrite(bytes(512), 0), lambda h: h.pwrite(b'x', 1), lambda h: h.trim(4096, 0),
                     lambda h: h.zero(4096, 0), lambda h: h.zero(4096, 0, nbd.CMD_FLAG_NO_HOLE),
                     lambda h: h.zero(4096, 0, nbd.CMD_FLAG_FAST_ZERO), lambda h: h.cache(4096, 0),
                     lambda h: h.pread(4096, 0)):
            assert try_out(step, ours) == try_out(step, theirs)
        theirs.shutdown()


def test_info():
    for mode, name in (('exportname', 'a name'), ('base64exportname', 'QUJD REVG\nR0g='), ('address', ''),
                       ('EXPORTNAME', 'x')):
        compare('info', mode, export=name)
    for mode in 'time', 'mode=uptime', 'conntime':
        with Reference('info', mode) as r, Server('info', mode) as s:
            assert facts(s.nbd(setup=asks_for_infos)) == facts(r.nbd(setup=asks_for_infos))


def test_pattern():
    for size in '1', '7', '8', '511', '1M', 'size=1000001':
        compare('pattern', size)


def test_random():
    for size, seed in ('1', '0'), ('1000', '1'), ('65537', str(2**32 - 1)), ('3M', '0x1234'):
        compare('random', size, 'seed=' + seed)


def test_sparse_random():
    # Some of nbdkit's take runlength in bytes only.
    for args in (['1'], ['12345', 'percent=100'], ['4M', 'percent=50', 'runlength=16384'], ['1M', 'percent=0'],
                 ['4M', 'percent=50', 'runlength=16384', 'random-content=true'],
                 ['5M', 'percent=100', 'random-content=true'], ['4M', 'percent=90', 'runlength=8192'],
                 ['3000001', 'percent=33.3', 'runlength=1'],
                 ['3M', 'percent=20', 'runlength=3000'], ['3M', 'percent=95', 'runlength=5000'], ['20G']):
        for seed in '1', str(2**32 - 1):
            compare('sparse-random', *args, 'seed=' + seed)


def test_zero():
    with Reference('zero') as r, Server('zero') as s:
        assert facts(s.nbd(setup=asks_for_infos)) == facts(r.nbd(setup=asks_for_infos))
        assert exports(s) == exports(r)


def test_ours_come_first():
    own = [name[7:-10] for name in os.listdir(own_plugin_dir()) if name.endswith('-plugin.so')]
    both = [name for name in own if os.path.exists(os.path.join(plugin_dir(), 'nbdkit-%s-plugin.so' % name))]
    assert len(both) >= 15, both
    for name in both:
        lines = nbdsrv('--dump-plugin', name).stdout.splitlines()
        path = next(line[5:] for line in lines if line.startswith('path='))
        assert os.path.dirname(path) == own_plugin_dir() and 'name=' + name in lines, lines


main(globals())
