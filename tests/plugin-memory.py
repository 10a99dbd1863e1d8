# SPDX-License-Identifier: BSD-3-Clause
# The memory plugin: sizes, allocators, sparseness, memory given back.
import os
import threading

import nbd

from harness import *

MIB = 1 << 20


def extents(h, length, offset=0):
    found = []
    h.block_status(length, offset, lambda ctx, off, e, err: found.extend(zip(e[::2], e[1::2])))
    return found


def test_sizes():
    for text, size in (('0', 0), ('1', 1), ('513', 513), ('1k', 1024), ('size=1.5M', 1536 * 1024),
                       ('7E', 7 << 60), (str(2**63 - 1), 2**63 - 1)):
        with Server('memory', text) as s:
            assert s.nbd().get_size() == size


def test_refused():
    for args, text in (([], 'size'), (['1X'], '1X'), (['-1'], '-1'), ([str(2**63)], str(2**63)),
                       (['1M', 'allocator=other'], 'allocator'),
                       (['1M', 'allocator=malloc,mlock=perhaps'], 'allocator'),
                       (['size=8000P', 'allocator=malloc'], 'memory')):
        with TempDir() as d:
            line = refused('-U', d + '/s', 'memory', *args)
            assert text in line, line


def test_both_ends_of_the_largest_disk():
    size = 2**63 - 1
    with Server('memory', str(size)) as s:
        h, other = s.nbd(), s.nbd()
        data = pattern(100000)
        for offset in (0, size - 100000, 1 << 62, (1 << 40) - 50000):
            h.pwrite(data, offset)
            assert other.pread(100000, offset) == data
        assert h.pread(4096, 1 << 50) == bytes(4096)
        h.zero(MIB, size - MIB)
        assert other.pread(100000, size - 100000) == bytes(100000)


def test_extents_are_exact():
    with Server('memory', '1G') as s:
        h = s.nbd()
        assert extents(h, 1 << 30) == [(1 << 30, 3)]
        h.pwrite(b'x', 5 * MIB)
        h.pwrite(b'x' * 8192, 300 * MIB)
        assert extents(h, 1 << 30) == [(5 * MIB, 3), (4096, 0), (295 * MIB - 4096, 3), (8192, 0),
                                       ((1 << 30) - 300 * MIB - 8192, 3)]
        h.trim(4096, 300 * MIB)
        h.zero(1, 5 * MIB)
        assert extents(h, 4096, 5 * MIB)[0][1] == 0
        h.zero(4096, 5 * MIB)
        assert extents(h, 4096, 5 * MIB)[0][1] == 3
        h.zero(MIB, 5 * MIB, nbd.CMD_FLAG_NO_HOLE)
        assert extents(h, MIB, 5 * MIB)[0] == (MIB, 0)
        assert h.pread(MIB, 5 * MIB) == bytes(MIB)


def test_sparse_disk_takes_little_memory():
    """A thousand pages far from each other, whatever the system says of huge pages."""
    with Server('memory', '1P') as s:
        h = s.nbd()
        before = s.rss()
        for i in range(1000):
            h.pwrite(b'x' * 4096, i << 32)
        if s.rss() - before > 64 * MIB and not sanitized():
            raise AssertionError('%d MiB' % ((s.rss() - before) // MIB))
        assert h.pread(4096, 999 << 32) == b'x' * 4096


def test_memory_comes_back():
    data = pattern(MIB)
    with Server('memory', '1G') as s:
        h = s.nbd()
        before = s.rss()
        for i in range(128):
            h.pwrite(data, i * MIB)
        assert s.rss() - before > 120 * MIB
        for i in range(128 * 16):
            h.trim(65536, i * 65536)
        if not sanitized():
            wait_for('memory to come back', lambda: s.rss() - before < 16 * MIB)
        for i in range(128):
            h.pwrite(data, i * MIB)
        for i in range(64 * 256):
            h.zero(4096, i * 4096)
        h.trim(64 * MIB, 64 * MIB)
        if not sanitized():
            wait_for('memory to come back', lambda: s.rss() - before < 16 * MIB)
        assert extents(h, 1 << 30) == [(1 << 30, 3)]


def test_allocator_malloc():
    data = pattern(3 * MIB)
    for allocator in ('malloc', 'malloc,mlock=false'):
        with Server('memory', '16M', 'allocator=' + allocator) as s:
            h = s.nbd()
            h.pwrite(data, 12345)
            assert h.pread(3 * MIB, 12345) == data
            assert extents(h, 16 * MIB) == [(16 * MIB, 0)]
            h.trim(2 * MIB, 12345 + 100)
            h.zero(100, 12345 + 50)
            assert h.pread(3 * MIB, 12345) == data[:50] + bytes(2 * MIB + 50) + data[2 * MIB + 100:]


def locked(pid):
    return int(open('/proc/%d/status' % pid).read().split('VmLck:')[1].split()[0]) * 1024


def test_locked_memory():
    with Server('memory', '32k', 'allocator=malloc,mlock=true') as s:
        assert sanitized() or locked(s.pid) == 32768
        h = s.nbd()
        h.pwrite(b'x' * 32768, 0)
        h.zero(32767, 0)
        assert h.pread(32768, 0) == bytes(32767) + b'x'


def test_memory_that_cannot_be_locked():
    if sanitized():  # mlock () does nothing there
        with Server('memory', '16M', 'allocator=malloc,mlock=true') as s:
            assert s.nbd().pread(512, 0) == bytes(512)
        return
    wrapper = 'prlimit --memlock=4096 ' + os.environ.get('NBDSRV_WRAPPER', '')
    if os.geteuid() == 0:  # who may lock what he likes
        wrapper = 'setpriv --bounding-set -ipc_lock ' + wrapper
    line = refused('-p', '0', 'memory', '16M', 'allocator=malloc,mlock=true',
                   env=dict(os.environ, NBDSRV_WRAPPER=wrapper))
    assert 'ulimit -l' in line, line


def test_connections_see_the_same_disk():
    errors = []

    def work(n):
        """Pages n, n + 8, n + 16 ... are this one's; the neighbours are not."""
        try:
            h = s.nbd()
            for turn in range(3):
                for page in range(n, 2048, 8):
                    h.pwrite(bytes([turn * 8 + n + 1]) * 4096, page * 4096)
                for page in range(n, 2048, 16):
                    (h.trim if turn % 2 else h.zero)(4096, page * 4096)
                for page in range(n, 2048, 8):
                    wanted = turn * 8 + n + 1 if (page - n) % 16 else 0
                    assert h.pread(4096, page * 4096) == bytes([wanted]) * 4096, (n, page, turn)
        except BaseException as e:
            errors.append(e)

    with Server('memory', '8M') as s:
        threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert not errors, errors
        assert sum(n for n, kind in extents(s.nbd(), 8 * MIB) if kind == 0) == 4 * MIB


def test_dump_plugin():
    assert 'mlock=yes' in nbdsrv('--dump-plugin', 'memory').stdout.splitlines()


main(globals())
