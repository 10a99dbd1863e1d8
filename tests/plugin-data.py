# SPDX-License-Identifier: BSD-3-Clause
# The data plugin; tests/unit-data.c has its language in detail.
import base64
import os

import nbd

from dataexpr import Expressions
from harness import *
from nbdkitlib import extents

MIB = 1 << 20


def content(*args, **kw):
    with Server('data', *args, **kw) as s:
        h = s.nbd()
        return b''.join(bytes(h.pread(min(MIB, h.get_size() - at), at)) for at in range(0, h.get_size(), MIB))


def test_where_the_data_comes_from():
    for args in ['1 2 @4 "x"'], ['data=1 2 @4 "x"'], ['base64=AQIAAHg='], ['base64= AQ IA\nAHg =']:
        assert content(*args) == b'\1\2\0\0x'
    assert content('raw=some text') == b'some text'
    assert content('raw=\xe9=1') == '\xe9=1'.encode()
    data = pattern(50000)
    assert content('base64=' + base64.b64encode(data).decode()) == data
    for empty in 'data=', 'raw=', 'base64=', '# nothing':
        assert content(empty) == b''


def test_size():
    for args in ['"abcdef"'], ['raw=abcdef'], ['base64=YWJjZGVm']:
        assert content(*args, 'size=9') == b'abcdef\0\0\0'
        assert content(*args, 'size=2') == b'ab'
        assert content(*args, 'size=0') == b''
    assert content('(0*100000 1)*100', 'size=100002') == bytes(100000) + b'\1\0'
    with Server('data', '"end"', 'size=7E') as s:
        h = s.nbd()
        assert h.get_size() == 7 << 60 and h.pread(4, 0) == b'end\0'


def test_offsets_with_suffixes():
    assert content('1 @1k 2 @+1K 3 @-1k 4 @^2k 5') == b'\1' + bytes(1023) + b'\2' + bytes(1) + b'\4' + bytes(1021) + \
        b'\5\3'
    with Server('data', '1 @3M 2 @1G 3 @2t 4 @5p 5 @7E 6') as s:
        h = s.nbd()
        assert h.get_size() == (7 << 60) + 1
        for value, off in enumerate([0, 3 << 20, 1 << 30, 2 << 40, 5 << 50, 7 << 60], 1):
            assert h.pread(1, off) == bytes([value]), off
    for text in '@8E', '@0x1k', '@1kk', '@1 k', '1*2k', '@010k', '@9007199254740992k':
        assert 'line 1' in refused('data', text), text


def test_made_of_other_expressions():
    e = Expressions(1)
    for _ in range(6):
        text, data = e.several(40)
        assert content(text) == data, text


def test_variables():
    assert content('$v*2 $w', 'v=1 2', 'w=$v 3') == b'\1\2\1\2\1\2\3'
    assert content('$v', 'v=1', 'v=2') == b'\1'
    env = {'NBDSRV_TEST_V': '"env"'}
    assert content('$NBDSRV_TEST_V*2', env=env) == b'envenv'
    assert content('$NBDSRV_TEST_V', 'NBDSRV_TEST_V=1', env=env) == b'\1'


def test_files():
    with TempDir() as d:
        for name, data in ('a', b'hello'), ('b', pattern(100000)), ('c', b''):
            with open(os.path.join(d, name), 'wb') as f:
                f.write(data)
        f = '<' + d + '/'
        assert content(f + 'a ' + f + 'c ' + f + 'a[1:3] ' + f + 'a*2') == b'hello' + b'el' + b'hellohello'
        assert content(f + 'b*3 1 ' + f + 'b[99990:]') == pattern(100000) * 3 + b'\1' + pattern(100000)[99990:]
        assert nbdsrv('data', '<a', '--run', 'nbdcopy "$uri" - | cat', cwd=d).stdout == 'hello'
        assert content(f + 'a[:9]') == b'hello'
        assert len(content('</dev/urandom[:5000]*3')) == 15000
        assert content('</dev/zero[10:200000]') == bytes(199990)
        assert content('</dev/null') == b''
        assert b'VmRSS' in content('</proc/self/status')
        for name, text in ('x', 'No such file'), ('', 'directory'):
            line = refused('data', f + name)
            assert text in line and d in line, line


def test_files_keep_their_holes():
    with TempDir() as d:
        path = d + '/sparse'
        with open(path, 'wb') as f:
            f.truncate(1 << 40)
            f.seek(1 << 39)
            f.write(b'x')
        with Server('data', '<%s 1' % path) as s:
            h = s.nbd()
            assert h.get_size() == (1 << 40) + 1
            assert extents(h) == [[1 << 39, 3], [4096, 0], [(1 << 39) - 4096, 3], [1, 0]]
            assert h.pread(2, 1 << 39) == b'x\0'


def test_scripts():
    assert content('<(echo hello) <(printf "(%s)" a)*2') == b'hello\n(a)(a)'
    assert content('<(yes)[1:6]') == b'\ny\ny\n'
    assert content('(<(yes))[:6] -> \\y \\y \\y[2:4]') == b'y\ny\ny\ny\n'
    assert content('<(cat)') == b'', 'stdin is not empty'
    assert content('<(echo $NBDSRV_TEST_V)', env={'NBDSRV_TEST_V': 'x'}) == b'x\n'
    data = content('<(seq 300000)')
    assert data == b''.join(b'%d\n' % i for i in range(1, 300001))
    for script, text in ('exit 3', '3'), ('echo no luck >&2; exit 1', 'no luck'), ('kill -9 $$', 'signal 9'):
        line = refused('data', '1 <(%s)' % script)
        assert text in line and script[:20] in line, line


def test_writable():
    with Server('data', '1*10000', 'size=1G') as s:
        h, other = s.nbd(), s.nbd()
        assert all([h.can_multi_conn(), h.can_fua(), h.can_fast_zero(), h.can_trim(), not h.is_read_only()])
        h.pwrite(b'x' * 5000, 500000000, nbd.CMD_FLAG_FUA)
        assert other.pread(5000, 500000000) == b'x' * 5000
        other.zero(4096, 4096)
        h.trim(4096, 0)
        assert h.pread(10000, 0) == bytes(8192) + b'\1' * 1808
        assert extents(h)[:2] == [[8192, 3], [4096, 0]]
        h.flush()


def test_extents_are_exact():
    with Server('data', '0*1099511627776 1 @2199023255552 2*4097 0*8192 @8192 5 @8192 0') as s:
        h = s.nbd()
        assert extents(h) == [[1 << 40, 3], [4096, 0], [(1 << 40) - 4096, 3], [8192, 0], [4097, 3]]


def test_allocator_malloc():
    with Server('data', '"abc" @100000 1', 'allocator=malloc', 'size=1M') as s:
        h = s.nbd()
        assert h.pread(100001, 0) == b'abc' + bytes(99997) + b'\1'
        assert extents(h) == [[MIB, 0]]
        h.pwrite(b'x', 5)
        assert h.pread(2, 5) == b'x\0'


def test_refused():
    for args, text in (([], 'data='), (['1', 'raw=1'], 'data='), (['base64=AQ'], 'base64'), (['base64=*'], 'base64'),
                       (['1', 'size=x'], 'size'), (['1', 'allocator=other'], 'allocator'),
                       (['1\n2 (3'], 'line 2, column 3'), (['$v', 'v=1 256'], '$v, line 1, column 3'),
                       (['1*1000000000000000'], 'memory'), (['(0*5000 1)*1000000000000'], 'memory'),
                       (['((0*100000 1)*1000)*1000000000'], 'memory'), (['1', 'size=8000P', 'allocator=malloc'], 'memory')):
        line = refused('data', *args)
        assert text in line, line


def test_dump_plugin():
    lines = nbdsrv('--dump-plugin', 'data').stdout.splitlines()
    assert 'data_base64=yes' in lines and 'mlock=yes' in lines


main(globals())
