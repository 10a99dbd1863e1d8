# SPDX-License-Identifier: BSD-3-Clause
# The cache filter.
import errno
import os
import re

from blockmodel import compare, extents, operate, operate_at_once
from harness import Server, TempDir, expect_error, main, pattern, refused

SIZE = (3 << 20) + 1234  # the last block is short
BLOCK = 65536
MODES = 'writeback', 'writethrough', 'unsafe'


class Disk(TempDir):
    """A directory with a disk, and how to serve it through the filter, with a log of
    what arrives below."""
    def __init__(self, size=SIZE):
        self.data = pattern(size)

    def __enter__(self):
        super().__enter__()
        self.path = self.name + '/disk'
        with open(self.path, 'wb') as f:
            f.write(self.data)
        return self

    def serve(self, *args):
        return Server('--filter=cache', '--filter=log', 'file', self.path,
                      'logfile=' + self.name + '/log', *args)

    def below(self):
        return open(self.path, 'rb').read()

    def count(self, action):
        return len(re.findall(r' %s id=' % action, open(self.name + '/log').read()))


def test_writeback_writes_at_a_flush():
    with Disk() as d, d.serve() as s:
        h = s.nbd()
        h.pwrite(b'changed', 100000)
        h.zero(BLOCK * 2, BLOCK * 4)
        assert d.below() == d.data
        other = s.nbd()
        assert other.pread(7, 100000) == b'changed'
        other.flush()
        expected = bytearray(d.data)
        expected[100000:100007] = b'changed'
        expected[BLOCK * 4:BLOCK * 6] = bytes(BLOCK * 2)
        assert d.below() == expected
        assert d.count('Flush') == 1
        writes = d.count('Write')
        h.flush()
        assert d.count('Write') == writes  # nothing was dirty any more


def test_writethrough_writes_at_once():
    with Disk() as d, d.serve('cache=writethrough') as s:
        h = s.nbd()
        h.pwrite(b'changed', 100000)
        assert d.below()[100000:100007] == b'changed'
        h.zero(BLOCK, BLOCK)
        assert d.below()[BLOCK:2 * BLOCK] == bytes(BLOCK)
        assert h.pread(7, 100000) == bytes(7)
        h.flush()
        assert d.count('Flush') == 1


def test_unsafe_writes_nothing():
    import nbd
    with Disk() as d:
        with d.serve('cache=unsafe') as s:
            h = s.nbd()
            h.pwrite(b'changed', 100000, nbd.CMD_FLAG_FUA)
            h.zero(BLOCK, BLOCK * 5, nbd.CMD_FLAG_FUA)
            h.trim(BLOCK, 0)
            h.flush()
            assert s.nbd().pread(7, 100000) == b'changed'
        assert d.below() == d.data


def test_fua_goes_below_and_nothing_else_does():
    import nbd
    with Disk() as d, d.serve() as s:
        h = s.nbd()
        h.pwrite(b'dirty', 10)
        h.pwrite(b'stable', 20, nbd.CMD_FLAG_FUA)
        h.zero(5, 30, nbd.CMD_FLAG_FUA)
        assert d.below()[:40] == d.data[:20] + b'stable' + d.data[26:30] + bytes(5) + d.data[35:40]
        log = open(d.name + '/log').read()
        assert re.search(r'Write id=\d+ offset=0x14 count=0x6 fua=1', log)
        now = d.data[:10] + b'dirty' + d.data[15:20] + b'stable' + d.data[26:30] + bytes(5)
        assert h.pread(35, 0) == now
        h.flush()
        assert d.below()[:35] == now


def test_fua_on_top_of_what_is_dirty():
    import nbd
    with Disk() as d, d.serve() as s:
        h = s.nbd()
        h.zero(BLOCK * 2, 0)
        h.pwrite(b'stable', 100, nbd.CMD_FLAG_FUA)
        assert h.pread(106, 0) == bytes(100) + b'stable'
        h.zero(3, 100, nbd.CMD_FLAG_FUA)
        now = bytes(103) + b'ble' + bytes(BLOCK * 2 - 106)
        assert h.pread(BLOCK * 2, 0) == now
        h.flush()
        assert d.below()[:BLOCK * 2] == now
        assert h.pread(BLOCK * 2, 0) == now


def test_what_was_written_is_not_read_again():
    for mode in MODES:
        with Disk() as d, d.serve('cache=' + mode) as s:
            h = s.nbd()
            h.pwrite(b'x' * BLOCK, BLOCK)
            before = d.count('Read')
            assert h.pread(BLOCK, BLOCK) == b'x' * BLOCK
            assert d.count('Read') == before


def test_on_read():
    with Disk() as d:
        flag = d.name + '/flag'
        for args, again in ([], 1), (['cache-on-read=true'], 0), (['cache-on-read=' + flag], 1):
            with d.serve(*args) as s:
                h = s.nbd()
                h.pread(512, 0)
                before = d.count('Read')
                assert h.pread(512, 1024) == d.data[1024:1536]
                assert d.count('Read') == before + again
                if flag in ''.join(args):
                    open(flag, 'w').close()
                    h.pread(512, 0)
                    h.pread(512, 512)
                    assert d.count('Read') == before + again + 1


def test_on_cache():
    with Disk() as d, d.serve() as s:
        h = s.nbd()
        assert h.can_cache()
        h.cache(SIZE, 0)
        before = d.count('Read')
        compare(h, d.data)
        assert d.count('Read') == before


def test_model():
    for mode in MODES:
        for args in [], ['cache-min-block-size=4k', 'cache-on-read=true'], \
                ['cache-max-size=512k', 'cache-min-block-size=8k']:
            with Disk() as d:
                model = bytearray(d.data)
                with d.serve('cache=' + mode, *args) as s:
                    h = s.nbd()
                    operate(h, model, 1, 300, fua=1)
                    compare(s.nbd(), model)
                    h.flush()
                    if mode != 'unsafe':
                        assert d.below() == model


def test_connections_at_once():
    for args in [], ['cache-max-size=512k', 'cache-min-block-size=4k', 'cache-on-read=true'], \
            ['cache=writethrough']:
        with Disk() as d, d.serve(*args) as s:
            model = bytearray(d.data)
            operate_at_once(s, model, 4, 150, fua=1)
            s.nbd().flush()
            assert d.below() == model


def test_stays_within_its_size():
    for args in ['cache=unsafe'], ['cache-on-read=true'], ['cache=writethrough']:
        with Disk(16 << 20) as d, TempDir() as tmp:
            with Server('--filter=cache', 'file', d.path, 'cache-max-size=1M', *args,
                        env={'TMPDIR': tmp}) as s:
                h = s.nbd()
                for i in range(0, 16 << 20, BLOCK):
                    if 'on-read' in args[0]:
                        h.pread(BLOCK, i)
                    else:
                        h.pwrite(d.data[i:i + BLOCK], i)
                held = 0
                for fd in os.listdir('/proc/%d/fd' % s.pid):
                    path = '/proc/%d/fd/%s' % (s.pid, fd)
                    if os.readlink(path).startswith(tmp):
                        held += os.stat(path).st_blocks * 512
                assert BLOCK <= held <= 1 << 20, held
                compare(s.nbd(), d.data)


def test_recently_used_blocks_stay():
    with Disk() as d, d.serve('cache-max-size=1M', 'cache-on-read=true') as s:
        h = s.nbd()
        for i in range(400):
            h.pread(10, 0)
            h.pread(10, (1 + i % 24) * BLOCK)
        log = open(d.name + '/log').read()
        assert len(re.findall(r'Read id=\d+ offset=0x0 ', log)) <= 3
        assert d.count('Read') > 50


def test_what_is_dropped_is_stable():
    """Another connection's flush has to hold for it, also if the plugin's would not."""
    with TempDir() as d:
        for mode, fua in ('plugin', 0), ('disable', 1):
            with Server('--filter=cache', '--filter=log', '--filter=multi-conn', 'memory', '4M',
                        'multi-conn-mode=' + mode, 'cache-max-size=1M',
                        'logfile=' + d + '/log') as s:
                h = s.nbd()
                for i in range(40):
                    h.pwrite(b'x' * BLOCK, i * BLOCK)
                assert h.can_multi_conn()
            writes = re.findall(r'Write id=.* fua=(.)', open(d + '/log').read())
            assert writes and set(writes) == {str(fua)}


def test_extents_know_what_is_dirty():
    with Server('--filter=cache', 'memory', '1M') as s:
        h = s.nbd()
        assert extents(h) == [(1 << 20, 3)]
        h.pwrite(b'x', BLOCK * 3)
        assert extents(h) == [(BLOCK * 3, 3), (BLOCK, 0), (BLOCK * 12, 3)]
        h.zero(BLOCK, BLOCK * 3)
        assert extents(h) == [(1 << 20, 3)]


def test_errors_below():
    with TempDir() as d:
        with Server('--filter=cache', '--filter=error', 'memory', '1M', 'error-rate=1',
                    'error-file=' + d + '/bad') as s:
            h = s.nbd()
            h.pwrite(b'x' * BLOCK, 0)
            open(d + '/bad', 'w').close()
            expect_error(errno.EIO, h.flush)
            expect_error(errno.EIO, h.pread, 512, BLOCK)
            expect_error(errno.EIO, h.pwrite, b'x', BLOCK)  # the rest cannot be read
            assert h.pread(BLOCK, 0) == b'x' * BLOCK
            os.unlink(d + '/bad')
            h.flush()  # it stayed dirty
            h.pwrite(b'y', BLOCK)
            assert h.pread(2, BLOCK) == b'y\0'


def test_full_temporary_file():
    full = {'NBDSRV_WRAPPER': 'prlimit --fsize=1000000 ' + os.environ.get('NBDSRV_WRAPPER', '')}
    for mode in MODES:
        for more in [], ['cache-on-read=true']:
            with Server('--filter=cache', 'memory', str(SIZE), 'cache=' + mode, *more, env=full) as s:
                model = bytearray(SIZE)
                operate_at_once(s, model, 4, 60, fua=1)
                s.nbd().flush()
                compare(s.nbd(), model)
                assert s.log().count('the temporary file: File too large') == 1, s.log()


def test_trim_reaches_below():
    with Disk() as d, d.serve() as s:
        h = s.nbd()
        h.pwrite(b'x' * BLOCK * 4, 0)
        h.trim(BLOCK * 2, BLOCK - 100)
        assert 'Trim id=' in open(d.name + '/log').read()
        assert d.below()[BLOCK:2 * BLOCK] == bytes(BLOCK)
        assert h.pread(BLOCK, 0) == b'x' * BLOCK
        assert h.pread(BLOCK, BLOCK) == bytes(BLOCK)


def test_wrong_values():
    for arg in 'cache=never', 'cache-min-block-size=100', 'cache-max-size=1k', \
            'cache-low-threshold=0', 'cache-low-threshold=96', 'cache-on-read=maybe':
        assert arg.split('=')[0] in refused('--filter=cache', 'memory', '1M', arg)


main(globals())
