# SPDX-License-Identifier: BSD-3-Clause
# The cow filter.
import errno
import os

from blockmodel import compare, extents, operate, operate_at_once
from harness import Server, TempDir, expect_error, main, pattern, refused, run

SIZE = (3 << 20) + 1234  # the last block is short


def disk(d, size=SIZE):
    data = pattern(size)
    with open(d + '/disk', 'wb') as f:
        f.write(data)
    return data


def unchanged(d, data):
    return open(d + '/disk', 'rb').read() == data


def test_changes_are_seen_by_all_and_not_below():
    with TempDir() as d:
        data = disk(d)
        with Server('--filter=cow', 'file', d + '/disk') as s:
            h = s.nbd()
            assert h.can_multi_conn() and h.can_fua() and h.can_flush()
            h.pwrite(b'changed', 100000)
            h.flush()
            assert s.access_modes(d + '/disk') == {os.O_RDONLY}
            assert s.nbd().pread(9, 99999) == data[99999:100000] + b'changed' + data[100007:100008]
            h.shutdown()
            assert s.nbd().pread(7, 100000) == b'changed'
        assert unchanged(d, data)


def test_a_read_only_disk_is_writable():
    with Server('--filter=cow', '--filter=readonly', 'memory', '1M') as s:
        h = s.nbd()
        assert not h.is_read_only()
        h.pwrite(b'x', 0)
        assert h.pread(2, 0) == b'x\0'
    with Server('-r', '--filter=cow', 'memory', '1M') as s:
        assert s.nbd().is_read_only()


def test_model():
    for args in [], ['cow-block-size=4k'], ['cow-block-size=1M'], ['cow-on-read=true'], \
            ['cow-on-cache=true', 'cow-block-size=8k']:
        with TempDir() as d:
            data = disk(d)
            with Server('--filter=cow', 'file', d + '/disk', *args) as s:
                model = bytearray(data)
                operate(s.nbd(), model, 1, 400, fua=1)
                compare(s.nbd(), model)
            assert unchanged(d, data)


def test_connections_at_once():
    for args in ['cow-block-size=64k'], ['cow-block-size=4k', 'cow-on-read=true']:
        with TempDir() as d:
            data = disk(d)
            with Server('--filter=cow', 'file', d + '/disk', *args) as s:
                operate_at_once(s, bytearray(data), 4, 150, fua=1)
            assert unchanged(d, data)


def test_writes_into_one_block_at_once():
    import nbd
    with TempDir() as d:
        data = disk(d)
        with Server('--filter=cow', 'file', d + '/disk') as s:
            handles = [s.nbd() for _ in range(4)]
            cookies = []
            for i in range(256):
                part = nbd.Buffer.from_bytearray(bytearray([i]) * 256)
                h = handles[i % 4]
                cookies.append((h, h.aio_pwrite(part, 65536 + i * 256)))
            for h, cookie in cookies:
                while not h.aio_command_completed(cookie):
                    h.poll(-1)
            expected = b''.join(bytes([i]) * 256 for i in range(256))
            assert s.nbd().pread(65536, 65536) == expected
            assert s.nbd().pread(65536, 0) == data[:65536]
            assert s.nbd().pread(65536, 131072) == data[131072:196608]


def test_trim_and_zero_read_as_zeroes():
    with TempDir() as d:
        data = disk(d)
        with Server('--filter=cow', 'file', d + '/disk') as s:
            h = s.nbd()
            h.trim(65536 * 2, 65536)
            assert h.pread(65536 * 2, 65536) == bytes(65536 * 2)
            h.zero(70000, 65536 * 4 - 100)
            assert h.pread(70002, 65536 * 4 - 101) == (
                data[65536 * 4 - 101:65536 * 4 - 100] + bytes(70000) +
                data[65536 * 4 - 100 + 70000:65536 * 4 - 99 + 70000])
            h.trim(SIZE - 65536 * 8, 65536 * 8)
            assert h.pread(1234, SIZE - 1234) == bytes(1234)
            h.pwrite(b'x', 65536 + 5)
            assert h.pread(7, 65536 + 2) == b'\0\0\0x\0\0\0'
            h.trim(100, 0)  # less than a block: advice, not taken
            assert h.pread(100, 0) == data[:100]
        assert unchanged(d, data)


def test_extents():
    with Server('--filter=cow', 'memory', '4M') as s:
        h = s.nbd()
        assert extents(h) == [(4 << 20, 3)]
        h.pwrite(b'x', 65536 * 3 + 5)
        assert extents(h) == [(65536 * 3, 3), (65536, 0), (65536 * 60, 3)]
        h.zero(65536, 65536 * 3)
        assert extents(h) == [(4 << 20, 3)]
    with TempDir() as d:
        disk(d, 1 << 20)
        with Server('--filter=cow', 'file', d + '/disk') as s:
            h = s.nbd()
            assert extents(h) == [(1 << 20, 0)]
            h.trim(65536, 65536)
            assert extents(h) == [(65536, 0), (65536, 3), ((1 << 20) - 131072, 0)]


def reads_below(d):
    return open(d + '/log').read().count(' Read id=')


def test_on_read_and_on_cache():
    with TempDir() as d:
        for args, again in ([], 1), (['cow-on-read=true'], 0), \
                (['cow-on-read=' + d + '/flag'], 1):
            with Server('--filter=cow', '--filter=log', 'memory', '1M', 'logfile=' + d + '/log',
                        *args) as s:
                h = s.nbd()
                h.pread(512, 0)
                before = reads_below(d)
                h.pread(512, 1024)
                assert reads_below(d) - before == again, args
        with Server('--filter=cow', '--filter=log', 'memory', '1M', 'logfile=' + d + '/log',
                    'cow-on-read=' + d + '/flag', 'cow-on-cache=true') as s:
            h = s.nbd()
            h.cache(1000, 200000)
            before = reads_below(d)
            h.pread(500, 200000)
            assert reads_below(d) == before
            open(d + '/flag', 'w').close()
            h.pread(512, 0)
            h.pread(512, 1024)
            assert reads_below(d) == before + 1


def test_exports_are_disks_of_their_own():
    with TempDir() as d:
        os.mkdir(d + '/disks')
        for name in 'a', 'b':
            with open(d + '/disks/' + name, 'wb') as f:
                f.write(name.encode() * 65536)
        with Server('--filter=cow', 'file', 'dir=' + d + '/disks') as s:
            a, b = s.nbd('a'), s.nbd('b')
            a.pwrite(b'changed', 0)
            assert b.pread(7, 0) == b'bbbbbbb'
            b.zero(65536, 0)
            assert a.pread(8, 0) == b'changeda'
            assert s.nbd('a').pread(8, 0) == b'changeda'


def test_huge_disk():
    with Server('--filter=cow', 'memory', '1E') as s:
        h = s.nbd()
        h.pwrite(b'x', 1 << 40)
        assert h.pread(3, (1 << 40) - 1) == b'\0x\0'
        h.trim(1 << 31, 1 << 40)
        assert h.pread(1, 1 << 40) == b'\0'
        assert s.rss() < 64 << 20


def test_temporary_file():
    with TempDir() as d:
        with Server('--filter=cow', 'memory', '1M', env={'TMPDIR': d}) as s:
            s.nbd().pwrite(b'x' * 65536, 0)
            assert os.listdir(d) == []
        line = refused('--filter=cow', 'memory', '1M', env=dict(os.environ, TMPDIR=d + '/no'))
        assert d + '/no' in line


def test_wrong_block_sizes():
    for size in '0', '512', '5000', '2G':
        assert 'cow-block-size' in refused('--filter=cow', 'memory', '1M',
                                           'cow-block-size=' + size)
    assert 'cow-on-read' in refused('--filter=cow', 'memory', '1M', 'cow-on-read=maybe')


def test_a_diff_as_qcow2():
    with TempDir() as d:
        data = disk(d, 4 << 20)
        with Server('--filter=cow', 'file', d + '/disk') as s:
            s.nbd().pwrite(b'changed', 1 << 20)
            run(['qemu-img', 'create', '-q', '-F', 'raw', '-b', s.uri, '-f', 'qcow2', d + '/diff'])
            run(['qemu-img', 'rebase', '-F', 'raw', '-b', d + '/disk', '-f', 'qcow2', d + '/diff'])
        run(['qemu-img', 'convert', '-O', 'raw', d + '/diff', d + '/new'])
        new = open(d + '/new', 'rb').read()
        assert new == data[:1 << 20] + b'changed' + data[(1 << 20) + 7:]


def test_full_temporary_file():
    full = {'NBDSRV_WRAPPER': 'prlimit --fsize=1000000 ' + os.environ.get('NBDSRV_WRAPPER', '')}
    with Server('--filter=cow', 'memory', '3M', 'cow-on-read=true', env=full) as s:
        h = s.nbd()
        h.pwrite(b'x' * 65536, 0)
        for _ in range(3):
            expect_error(errno.ENOSPC, h.pwrite, b'x' * 65536, 2 << 20)
            assert h.pread(65536, 2 << 20) == bytes(65536)
        assert h.pread(65536, 0) == b'x' * 65536
        assert s.log().count('the temporary file: File too large') == 1, s.log()


main(globals())
