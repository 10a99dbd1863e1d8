# SPDX-License-Identifier: BSD-3-Clause
"""Tests of filters that unpack a whole file to a temporary one: gzip, bzip2.

    main(Unpacking('gzip', gzip.compress).tests())
"""
import os
import threading

from harness import Server, TempDir, pattern, run, sanitized, wait_for

MiB = 1 << 20


class Packed(Server):
    """Serves content through a filter."""

    def __init__(self, filter, packed, *args, options=(), env=None):
        self.place = TempDir()
        self.dir_of_file = self.place.__enter__()
        self.path = self.dir_of_file + '/packed'
        with open(self.path, 'wb') as f:
            f.write(packed)
        super().__init__(*options, '--filter=' + filter, 'file', self.path, *args, env=env)

    def content(self, export=''):
        h = self.nbd(export)
        size, found = h.get_size(), b''
        while len(found) < size:
            found += h.pread(min(4 * MiB, size - len(found)), len(found))
        return found

    def refuses(self, why):
        assert run(['nbdinfo', self.uri], check=False).returncode != 0
        assert why in self.log(), self.log()

    def __exit__(self, *args):
        try:
            super().__exit__(*args)
        finally:
            self.place.__exit__()


def temporary_files(s):
    """Inodes of the files without a name that the server has open."""
    found = {}
    for fd in os.listdir('/proc/%d/fd' % s.pid):
        try:
            path = '/proc/%d/fd/%s' % (s.pid, fd)
            if '(deleted)' in os.readlink(path):
                found[os.stat(path).st_ino] = os.stat(path)
        except FileNotFoundError:
            pass
    return found


def sparse():
    data = bytearray(8 * MiB)
    data[5 * MiB:5 * MiB + 4096] = pattern(4096)
    data[6 * MiB - 100:6 * MiB + 100] = pattern(200)
    return bytes(data)


class Unpacking:
    def __init__(self, filter, compress):
        self.filter, self.compress = filter, compress

    def tests(self):
        return {name: getattr(self, name) for name in dir(self) if name.startswith('test_')}

    def serve(self, packed, *args, **kw):
        return Packed(self.filter, packed, *args, **kw)

    def test_content(self):
        for data in b'x', pattern(1000), pattern(3 * MiB + 17), bytes(5000), sparse(), b'':
            with self.serve(self.compress(data)) as s:
                assert s.content() == data
                h = s.nbd()
                assert h.is_read_only() and h.get_size() == len(data) and h.can_multi_conn()
                if data:
                    h.cache(len(data), 0)
                for offset in range(0, len(data), 999983):
                    assert h.pread(1, offset) == data[offset:offset + 1]

    def test_unpacked_once(self):
        with self.serve(self.compress(pattern(MiB)), options=['-v']) as s:
            for _ in range(3):
                assert s.content() == pattern(MiB)
            assert s.log().count('unpacking') == 1
            assert len(temporary_files(s)) == 1

    def test_clients_at_the_same_time(self):
        with self.serve(self.compress(pattern(MiB) * 16), options=['-v']) as s:
            found = []
            threads = [threading.Thread(target=lambda: found.append(s.content())) for _ in range(8)]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            assert found == [pattern(MiB) * 16] * 8
            assert s.log().count('unpacking') == 1

    def test_the_file_changes(self):
        with self.serve(self.compress(b'one' * 1000)) as s:
            for i in range(30):
                data = pattern(10000, i)
                with open(s.path + '.new', 'wb') as f:
                    f.write(self.compress(data))
                os.rename(s.path + '.new', s.path)
                assert s.content() in (data, b'one' * 1000)
                s.nbd().shutdown()
            # The file plugin opens it for each client, and few files that nobody uses are kept.
            assert s.content() == data
            wait_for('files to go', lambda: len(temporary_files(s)) <= 9)

    def test_exports_are_files(self):
        with TempDir() as d:
            for name in 'a', 'b':
                with open(d + '/' + name, 'wb') as f:
                    f.write(self.compress(name.encode() * 5000))
            with Server('--filter=' + self.filter, 'file', 'dir=' + d) as s:
                for name in 'a', 'b', 'a':
                    h = s.nbd(name)
                    assert h.pread(5000, 0) == name.encode() * 5000

    def test_several_in_one(self):
        parts = [pattern(100000, 1), b'', bytes(70000), pattern(5, 2)]
        packed = b''.join(self.compress(p) for p in parts)
        with self.serve(packed) as s:
            assert s.content() == b''.join(parts)
        for behind in bytes(512), bytes(300000), b'garbage', bytes(10) + b'x':
            with self.serve(packed + behind) as s:
                assert s.content() == b''.join(parts), behind

    def test_holes(self):
        data = sparse()
        with self.serve(self.compress(data)) as s:
            h, found = s.nbd(), []
            h.block_status(len(data), 0, lambda c, o, e, err: found.extend(e))
            parts, offset = [], 0
            for length, kind in zip(found[::2], found[1::2]):
                if kind:
                    assert kind == 3 and data[offset:offset + length] == bytes(length)
                parts.append(kind)
                offset += length
            assert offset == len(data) and parts == [3, 0, 3, 0, 3], found
            assert sum(st.st_blocks for st in temporary_files(s).values()) * 512 < 256 * 1024
            assert s.content() == data
        with self.serve(self.compress(bytes(70000))) as s:
            found = []
            h = s.nbd()
            h.block_status(70000, 0, lambda c, o, e, err: found.extend(e))
            assert found == [70000, 3]

    def test_much_from_little(self):
        # Zeroes cost neither memory nor disk.
        with self.serve(self.compress(bytes(512 * MiB)), options=['-v']) as s:
            before = s.rss()
            h = s.nbd()
            assert h.get_size() == 512 * MiB
            assert h.pread(MiB, 511 * MiB) == bytes(MiB)
            assert sanitized() or s.rss() - before < 64 * MiB
            assert sum(st.st_blocks for st in temporary_files(s).values()) == 0

    def test_truncated(self):
        packed = self.compress(pattern(300000))
        for n in len(packed) - 1, len(packed) // 2, 12:
            with self.serve(packed[:n]) as s:
                s.refuses('ends too early')
                assert temporary_files(s) == {}

    def test_broken(self):
        packed = self.compress(pattern(300000))
        for at in 40, len(packed) // 2, len(packed) - 6:
            broken = bytearray(packed)
            broken[at:at + 4] = bytes(255 - b for b in broken[at:at + 4])
            with self.serve(broken) as s:
                s.refuses('is broken')
        with self.serve(packed + broken) as s:  # what was whole before it does not help
            s.refuses('is broken')

    def test_something_else(self):
        for data in b'', b'x', bytes(1000), pattern(100000), bytes(1000) + self.compress(b'x'):
            with self.serve(data) as s:
                s.refuses('this is no %s file' % self.filter)

    def test_errors_below(self):
        with TempDir() as d:
            with open(d + '/packed', 'wb') as f:
                f.write(self.compress(pattern(300000)))
            with Server('--filter=' + self.filter, '--filter=error', 'file', d + '/packed',
                        'error-pread-rate=1', 'error-file=' + d + '/fail') as s:
                open(d + '/fail', 'w').close()
                assert run(['nbdinfo', s.uri], check=False).returncode != 0
                os.unlink(d + '/fail')
                assert s.nbd().pread(300000, 0) == pattern(300000)

    def test_no_place_for_it(self):
        with self.serve(self.compress(b'x'), env={'TMPDIR': '/nowhere'}) as s:
            s.refuses('no temporary file in /nowhere')

    def test_the_client_leaves_meanwhile(self):
        # A layer below that takes its time; the next client begins again.
        with TempDir() as d:
            with open(d + '/packed', 'wb') as f:
                f.write(self.compress(pattern(2 * MiB)))
            with Server('-v', '--filter=' + self.filter, '--filter=delay', 'file', d + '/packed', 'rdelay=100ms') as s:
                client = s.connect()
                client.recv(18)
                client.sendall(b'\0\0\0\3' + b'IHAVEOPT' + b'\0\0\0\1' + b'\0\0\0\0')
                wait_for('the beginning', lambda: 'unpacking' in s.log())
                client.close()
                wait_for('the end', lambda: '1: debug: closed' in s.log())
                assert temporary_files(s) == {}
                h = s.nbd()
                assert h.pread(MiB, MiB) == pattern(2 * MiB)[MiB:]
                assert s.log().count('unpacking') == 2
