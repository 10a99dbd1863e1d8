# SPDX-License-Identifier: BSD-3-Clause
# Plugins and filters built from the frozen headers load into this server and work.
import errno
import os

import nbd

from compile import build, source_file
from harness import *

FROZEN = os.path.join(SRCDIR, 'tests', 'abi', 'include')

SMALL = '''
#include <string.h>
#include <nbdsrv-plugin.h>
static int describe (void *h, struct nbdsrv_info *info) { info->export_size = 4096; return 0; }
static int read (void *h, void *buf, uint64_t len, uint64_t off, uint32_t flags)
{ memset (buf, 'r', len); return 0; }
static struct { struct nbdsrv_plugin p; void *later[8]; } plugin = {
  .p = { .name = "small", .describe = describe, .read = read, %s }, .later = { (void *)1, (void *)1 } };
NBDSRV_PUBLIC struct nbdsrv_plugin *nbdsrv_plugin_init (void);
struct nbdsrv_plugin *nbdsrv_plugin_init (void)
{ plugin.p.abi = %s; plugin.p.size = %s; return &plugin.p; }
'''


def frozen(name, d, **kw):
    return build(source_file('tests/abi/%s.c' % name), name + '.so', d, include=FROZEN, **kw)


def small(d, members='', abi='NBDSRV_ABI', size='sizeof (struct nbdsrv_plugin)', include=FROZEN):
    return build(SMALL % (members, abi, size), 'small.so', d, include=include)


def info_of(s, export):
    h = nbd.NBD()
    h.set_opt_mode(True)
    h.set_full_info(True)
    h.set_export_name(export)
    h.connect_unix(s.socket)
    h.opt_go()
    return h.get_canonical_export_name(), h.get_export_description()


def extents(h, length, offset, context='base:allocation'):
    found = []
    h.block_status(length, offset,
                   lambda ctx, off, e, err: found.extend(zip(e[::2], e[1::2])) if ctx == context else 0)
    return found


def test_parameters():
    with TempDir() as d:
        plugin = frozen('plugin', d)
        os.chdir(d)
        try:
            with Server(plugin, '1M', 'string=a b', 'path=f', 'boolean=no', 'choice=c', 'x-one=1',
                        'duration=1.5', 'x-two=2') as s:
                name, text = info_of(s, 'abi')
        finally:
            os.chdir('/')
        assert name == 'canonical'
        assert text == ('a b %s/f 0 2 18446744073709551615 -9223372036854775808 4294967295 '
                        '-2147483648 1500000000 0.25 x-one=1;x-two=2; 1 c1 r0 t0 u1' % os.path.realpath(d)), text
        with Server('-r', plugin, '1M') as s:
            assert info_of(s, 'abi')[1].startswith('none - 1 1 '), info_of(s, 'abi')
            assert ' r1 ' in info_of(s, 'abi')[1]
        assert "y-other" in refused(plugin, '1M', 'y-other=1')
        assert 'size' in refused(plugin)
        shown = nbdsrv(plugin, '--help').stdout
        assert 'text of its own' in shown and 'every member' in shown and 'lends' not in shown, shown
        assert 'abi_plugin=yes' in nbdsrv('--dump-plugin', plugin).stdout


def test_calls():
    with TempDir() as d, Server(frozen('plugin', d), '1M') as s:
        assert exports(s) == [('abi', 'the one export')], exports(s)
        h = s.nbd(export='abi', contexts=('base:allocation', 'abi:halves'))
        assert h.get_size() == 1 << 20
        assert h.is_rotational() and h.can_multi_conn() and h.can_fua() and h.can_fast_zero()
        assert [h.get_block_size(i) for i in range(3)] == [1, 8192, 1048576]
        data = pattern(100000)
        h.pwrite(data, 5000, nbd.CMD_FLAG_FUA)
        h.flush()
        h.cache(4096, 0)
        assert h.pread(100000, 5000) == data
        h.zero(1000, 6000)
        h.trim(1000, 8000)
        expect_error(errno.ENOTSUP, h.zero, 1000, 5000, nbd.CMD_FLAG_FAST_ZERO)
        assert h.pread(4000, 5000) == data[:1000] + bytes(1000) + data[2000:3000] + bytes(1000)
        assert extents(h, 1 << 20, 0) == [(1 << 19, 0), (1 << 19, 3)]
        assert extents(h, 1 << 20, 0, 'abi:halves') == [(1 << 19, 7), (1 << 19, 8)]
        assert extents(h, 4096, (1 << 19) - 4096)[0] == (4096, 0)
        h.pwrite(b'fail', 500000)
        expect_error(errno.ENOSPC, h.pread, 10, 500000)
        assert 'a read that fails at 500000' in s.log()
        try:
            s.nbd(export='other')
            raise AssertionError('there is no such export')
        except nbd.Error:
            pass
        assert 'only abi is here, not other' in s.log()


def test_lending():
    with TempDir() as d, Server(frozen('plugin', d), '1M', 'lends=1') as s:
        h = s.nbd(export='abi')
        data = pattern(4096)
        h.pwrite(data + bytes(4096), 8192)
        for i in range(50):
            assert h.pread(8192, 8192) == data + bytes(4096)
        assert h.pread(512, 8192) == data[:512]


def test_admitting():
    with TempDir() as d, Server(frozen('plugin', d), '1M', 'closed=1') as s:
        with s.connect() as sock:
            assert sock.recv(100) == b''


def test_asynchronous():
    with TempDir() as d, Server(frozen('async', d, options=['-pthread'])) as s:
        h = s.nbd()
        data = pattern(65536)
        buffers = []
        for i in range(8):
            h.aio_pwrite(nbd.Buffer.from_bytearray(bytearray(data.replace(b'!', b'.'))), i * 65536)
        while h.aio_in_flight():
            h.poll(-1)
        for i in range(8):
            buffers.append(nbd.Buffer(65536))
            h.aio_pread(buffers[-1], i * 65536)
        while h.aio_in_flight():
            h.poll(-1)
        assert all(b.to_bytearray() == data.replace(b'!', b'.') for b in buffers)
        h.pwrite(b'!', 1000)
        expect_error(errno.EIO, h.pread, 512, 800)
        assert 'there is a mark in it' in s.log()
        assert h.pread(512, 5000) == data[5000:5512].replace(b'!', b'.')


def test_filter():
    with TempDir() as d, Server('-v', '--filter=' + frozen('filter', d), frozen('plugin', d), '1M') as s:
        assert exports(s) == [('new-abi', 'the one export')], exports(s)
        h = s.nbd(export='new-abi')
        assert h.get_size() == (1 << 20) - 4096
        assert not h.can_fast_zero()
        assert h.pread(100, 0) == b'\xff' * 100
        data = pattern(10000)
        h.pwrite(data, 100)
        h.flush()
        h.cache(4096, 0)
        assert h.pread(10000, 100) == data
        h.zero(50, 200)
        assert h.pread(200, 100) == data[:100] + bytes(50) + data[150:200]
        h.pwrite(data, 0)
        h.trim(4096, 0)
        assert h.pread(10000, 0) == data[:4096] + b'\xff' * 4096 + data[8192:]
        expect_error(errno.ENOSPC, h.trim, 65537, 0)
        (length, kind), (_, after) = extents(h, 1 << 19, 1 << 18)
        assert (length, kind, after) == (1 << 18, 0, 1)
        h.shutdown()
        wait_for('close', lambda: '2 trims, 1 failures' in s.log())


def test_older_plugin():
    """Its struct ends earlier; what lies behind it is not looked at."""
    with TempDir() as d:
        plugin = small(d, '.threads = (void *)1, .dump = (void *)1, .submit = (void *)1',
                       size='offsetof (struct nbdsrv_plugin, submit)')
        with Server(plugin) as s:
            assert s.nbd().pread(5, 0) == b'rrrrr'
        nbdsrv('--dump-plugin', plugin)


def test_newer_plugin():
    """Its struct is longer than the server's of today."""
    today = os.path.join(SRCDIR, 'include')
    with TempDir() as d, Server(small(d, size='sizeof plugin', include=today)) as s:
        assert s.nbd().pread(5, 0) == b'rrrrr'


def test_other_abi():
    with TempDir() as d:
        for kw in ({'abi': 'NBDSRV_ABI + 1'}, {'abi': '0'}, {'size': '8'}):
            line = refused(small(d, **kw))
            assert 'ABI' in line and 'small.so' in line, line


main(globals())
