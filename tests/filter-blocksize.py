# SPDX-License-Identifier: BSD-3-Clause
# The blocksize filter.  blocksize-policy below it refuses whatever should not arrive.
import errno

from blockmodel import compare, extents, operate, operate_at_once
from harness import Server, TempDir, expect_error, main, pattern, refused

SIZE = 3 << 20
STRICT = ['blocksize-minimum=4k', 'blocksize-preferred=4k', 'blocksize-maximum=64k',
          'blocksize-error-policy=error']


def server(d, *args):
    return Server('--filter=blocksize', '--filter=blocksize-policy', '--filter=log', 'memory',
                  str(SIZE), 'logfile=' + d + '/log', *STRICT, *args)


def test_takes_sizes_from_below():
    with TempDir() as d, server(d) as s:
        h = s.nbd()
        assert h.get_block_size(0) == 1
        model = bytearray(SIZE)
        operate(h, model, 1, 400, fua=1)
        compare(h, model)


def test_connections_at_once():
    with TempDir() as d, server(d) as s:
        operate_at_once(s, bytearray(SIZE), 4, 150, fua=1)


def test_writes_into_one_block_at_once():
    import nbd
    with TempDir() as d, server(d, 'minblock=64k', 'maxdata=64k', 'maxlen=64k') as s:
        handles = [s.nbd() for _ in range(4)]
        cookies = []
        for i in range(128):
            part = nbd.Buffer.from_bytearray(bytearray([i]) * 512)
            h = handles[i % 4]
            cookies.append((h, h.aio_pwrite(part, 65536 + i * 512)))
        for h, cookie in cookies:
            while not h.aio_command_completed(cookie):
                h.poll(-1)
        assert s.nbd().pread(65536, 65536) == b''.join(bytes([i]) * 512 for i in range(128))


def test_a_part_and_the_whole_at_once():
    """The part is not read before what the whole write leaves."""
    import nbd
    with Server('--filter=blocksize', '--filter=delay', 'memory', '1M', 'minblock=64k',
                'wdelay=50ms') as s:
        h = s.nbd()
        whole = h.aio_pwrite(nbd.Buffer.from_bytearray(bytearray(b'w' * 65536)), 0)
        part = h.aio_pwrite(nbd.Buffer.from_bytearray(bytearray(b'p' * 100)), 1000)
        for cookie in part, whole:
            while not h.aio_command_completed(cookie):
                h.poll(-1)
        got = h.pread(65536, 0)
        assert got[:1000] == b'w' * 1000 and got[1100:] == b'w' * (65536 - 1100)
        assert got[1000:1100] in (b'w' * 100, b'p' * 100)


def arrived(d, action):
    """(offset, length) of what came below."""
    found = []
    for line in open(d + '/log'):
        if ' %s id=' % action in line and line.endswith(' ...\n'):
            words = dict(w.split('=') for w in line.split() if '=' in w)
            found.append((int(words['offset'], 16), int(words['count'], 16)))
    return found


def test_splitting():
    with TempDir() as d, Server('--filter=blocksize', '--filter=log', 'memory', '8M',
                                'logfile=' + d + '/log', 'minblock=1k', 'maxdata=4k',
                                'maxlen=1M') as s:
        h = s.nbd()
        h.pread(10000, 100)
        assert arrived(d, 'Read') == [(0, 1024), (1024, 4096), (5120, 4096), (9216, 1024)]
        h.pwrite(b'x' * 8192, 1024)
        assert arrived(d, 'Write') == [(1024, 4096), (5120, 4096)]
        h.zero(3 << 20, 0)
        assert arrived(d, 'Zero') == [(i << 20, 1 << 20) for i in range(3)]
        h.trim(4000, 100)
        assert arrived(d, 'Trim') == [(1024, 3072)]
        h.trim(100, 100)
        assert len(arrived(d, 'Trim')) == 1
        h.cache((2 << 20) + 10, 1000)
        assert arrived(d, 'Cache') == [(0, 1 << 20), (1 << 20, 1 << 20), (2 << 20, 1024)]
        assert extents(h) == [(8 << 20, 3)]
        assert extents(h, 5, 5) == [(5, 3)]
        assert all(o % 1024 == 0 and n % 1024 == 0 for o, n in arrived(d, 'Extents'))


def test_the_rest_of_a_block_is_cut_off():
    with TempDir() as d:
        with open(d + '/disk', 'wb') as f:
            f.write(pattern(10000))
        with Server('--filter=blocksize', 'file', d + '/disk', 'minblock=4k') as s:
            assert s.nbd().get_size() == 8192
        with Server('--filter=blocksize', '--filter=truncate', 'file', d + '/disk', 'minblock=4k',
                    'round-up=4k') as s:
            h = s.nbd()
            assert h.get_size() == 12288
            assert h.pread(12288, 0) == pattern(10000) + bytes(2288)
            h.pwrite(b'x', 9999)
        assert open(d + '/disk', 'rb').read() == pattern(10000)[:-1] + b'x'


def test_fua_and_fast_zero():
    import nbd
    with TempDir() as d, Server('--filter=blocksize', '--filter=log', 'memory', '1M',
                                'logfile=' + d + '/log', 'minblock=4k', 'maxdata=4k') as s:
        h = s.nbd()
        h.pwrite(b'x' * 10000, 1, nbd.CMD_FLAG_FUA)
        log = open(d + '/log').read()
        assert log.count('fua=1 ...') == 3 and 'fua=0' not in log
        h.zero(4096, 4096, nbd.CMD_FLAG_FAST_ZERO)
        expect_error(errno.ENOTSUP, h.zero, 4096, 1, nbd.CMD_FLAG_FAST_ZERO)


def test_extents_in_small_answers():
    """The layer below answers about 512 bytes at a time, whatever it is asked."""
    with Server('--filter=blocksize', 'eval', 'minblock=4k', 'maxlen=32k', 'get_size=echo 64k', 'pread=exit 1',
                'extents=case $4 in 1024|1536) type=hole,zero;; *) type=;; esac; echo $4 512 $type') as s:
        assert extents(s.nbd(), 65536) == [(1024, 0), (1024, 3), (63488, 0)]


def test_nonsense():
    for arg in 'minblock=3', 'minblock=128k':
        assert 'minblock' in refused('--filter=blocksize', 'memory', '1M', arg)
    for arg in 'maxdata=5000', 'maxlen=5000':
        assert 'minblock' in refused('--filter=blocksize', 'memory', '1M', 'minblock=4k', arg)


main(globals())
