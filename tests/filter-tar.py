# SPDX-License-Identifier: BSD-3-Clause
# The tar filter, on files of Python's tarfile, of tar, and made by hand.
import io
import os
import subprocess
import tarfile

from harness import Server, TempDir, main, pattern, refused, run, wait_for

LONG = 'a directory with a long name/' * 6 + 'disk.img'


def archive(path, members, format=tarfile.GNU_FORMAT):
    with tarfile.open(path, 'w', format=format) as t:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            t.addfile(info, io.BytesIO(content))


def header(name, size=0, kind=b'0', magic=b'ustar\x0000', size_field=None, prefix=b''):
    """A block with a right checksum around whatever is in it."""
    h = bytearray(512)
    h[0:len(name)] = name
    h[124:136] = size_field or b'%011o\0' % size
    h[148:156] = b' ' * 8
    h[156:157] = kind
    h[257:257 + len(magic)] = magic
    h[345:345 + len(prefix)] = prefix
    h[148:156] = b'%06o\0 ' % sum(h)
    return bytes(h)


def padded(data):
    return data + bytes(-len(data) % 512)


def pax(**records):
    data = b''
    for key, value in records.items():
        body = b' %s=%s\n' % (key.replace('_', '.').encode(), value.encode())
        n = len(body) + 1
        while len(str(n)) + len(body) != n:
            n += 1
        data += b'%d' % n + body
    return header(b'pax', len(data), b'x') + padded(data)


class Tar(Server):
    """Serves an entry of the file that make (path) makes, or that consists of these bytes."""

    def __init__(self, make, *args, entry='disk.img', options=()):
        self.place = TempDir()
        self.path = self.place.__enter__() + '/file.tar'
        if callable(make):
            make(self.path)
        else:
            with open(self.path, 'wb') as f:
                f.write(make)
        super().__init__(*options, '--filter=tar', 'file', self.path, 'tar-entry=' + entry, *args)

    def __exit__(self, *args):
        try:
            super().__exit__(*args)
        finally:
            self.place.__exit__()


def content(s):
    h = s.nbd()
    return h.pread(h.get_size(), 0) if h.get_size() else b''


def refuses(make, why, *args, **kw):
    with Tar(make, *args, **kw) as s:
        assert run(['nbdinfo', s.uri], check=False).returncode != 0
        assert why in s.log(), s.log()


def test_each_format():
    members = [('first', pattern(1000, 1)), (LONG, pattern(70001, 2)), ('a/disk.img', pattern(10, 3)),
               ('disk.img', pattern(5000, 4)), ('empty', b''), ('last', pattern(512, 5))]
    for format in tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT:
        for name, data in members:
            if name == LONG and format == tarfile.USTAR_FORMAT:
                data, name = pattern(7, 7), 'p' * 155 + '/' + 'n' * 100
            all_of_them = members if name != LONG and 'p/n' not in name else [('x', b'1'), (name, data)]
            if format == tarfile.USTAR_FORMAT:
                all_of_them = [m for m in all_of_them if m[0] != LONG]
            with Tar(lambda path: archive(path, all_of_them, format), entry=name) as s:
                assert content(s) == data, (format, name)


def test_files_of_tar():
    with TempDir() as d:
        os.makedirs(d + '/in/sub')
        for name, seed in ('in/one', 1), ('in/sub/two', 2), ('in/' + 'l' * 200, 3), ('in/\u00fcber', 4):
            with open(d + '/' + name, 'wb') as f:
                f.write(pattern(3000, seed))
        os.symlink('one', d + '/in/link')
        os.link(d + '/in/one', d + '/in/sub/zhard')
        for format in 'gnu', 'pax', 'oldgnu', 'v7', 'ustar':
            names = [('in/one', 1), ('in/sub/two', 2)]
            if format not in ('v7', 'ustar'):
                names += [('in/' + 'l' * 200, 3), ('in/\u00fcber', 4)]
            path = d + '/' + format + '.tar'
            subprocess.run(['tar', '-C', d, '--sort=name', '--format=' + format, '-cf', path] +
                           [n for n, _ in names] + ['in/link', 'in/sub'], check=True)
            for name, seed in names:
                with Server('--filter=tar', 'file', path, 'tar-entry=' + name) as s:
                    assert content(s) == pattern(3000, seed), (format, name)
            for name in 'in/link', 'in/sub/zhard', 'in/sub/':
                with Server('--filter=tar', 'file', path, 'tar-entry=' + name) as s:
                    assert run(['nbdinfo', s.uri], check=False).returncode != 0
                    assert name + ' is no regular file' in s.log()


def test_writing():
    def make(path):
        archive(path, [('before', b'b' * 600), ('disk.img', b'd' * 3000), ('after', b'a' * 600)])

    with Tar(make) as s:
        before = open(s.path, 'rb').read()
        h = s.nbd()
        h.pwrite(b'xyz', 0)
        h.pwrite(b'xyz', 2997)
        h.zero(100, 1000)
        h.trim(100, 2000)
        h.shutdown()
        with tarfile.open(s.path) as t:
            found = {m.name: t.extractfile(m).read() for m in t.getmembers()}
        want = bytearray(b'xyz' + b'd' * 2994 + b'xyz')
        want[1000:1100] = bytes(100)
        want[2000:2100] = found['disk.img'][2000:2100]
        assert found == {'before': b'b' * 600, 'disk.img': want, 'after': b'a' * 600}
        at = before.index(b'd' * 3000)
        assert open(s.path, 'rb').read()[:at] == before[:at]
    with Tar(make, options=['-r']) as s:
        assert s.nbd().is_read_only()


def test_the_first_of_several():
    with Tar(lambda path: archive(path, [('disk.img', b'one'), ('disk.img', b'two')])) as s:
        assert content(s) == b'one'


def test_the_file_moves():
    with Tar(lambda path: archive(path, [('disk.img', b'one')])) as s:
        assert content(s) == b'one' and content(s) == b'one'
        archive(s.path, [('other', b'x' * 5000), ('disk.img', b'second')])
        assert content(s) == b'second'
        archive(s.path, [('disk.img', b'3')])
        assert content(s) == b'3'


def test_large_sizes():
    def make(size_field=None, records=b''):
        def write(path):
            with open(path, 'wb') as f:
                f.write(header(b'big', size_field=b'\x80' + (9 << 30).to_bytes(11, 'big'), magic=b'ustar  \0'))
                f.seek(9 << 30, 1)
                f.write(records + header(b'disk.img', size_field=size_field or b'%011o\0' % 0, magic=b'ustar  \0'))
                f.seek((9 << 30) - 4, 1)
                f.write(b'last')
                f.write(header(b'end', 3) + padded(b'end') + bytes(1024))
        return write

    for args in [dict(size_field=b'\x80' + (9 << 30).to_bytes(11, 'big'))], [dict(records=pax(size=str(9 << 30)))]:
        with Tar(make(**args[0])) as s:
            h = s.nbd()
            assert h.get_size() == 9 << 30
            assert h.pread(4, (9 << 30) - 4) == b'last'
        with Tar(make(**args[0]), entry='end') as s:
            assert content(s) == b'end'


def test_extents():
    def make(path):
        with open(path, 'wb') as f:
            f.write(header(b'x', 3584) + bytes(3584) + header(b'disk.img', 1 << 20))  # ends at 4608
            f.seek(4608 + 65536)
            f.write(pattern(4096))
            f.truncate(4608 + (1 << 20) + 1024)

    with Tar(make) as s:
        h, found = s.nbd(), []
        h.block_status(1 << 20, 0, lambda c, o, e, err: found.extend(e))
        assert sum(found[::2]) == 1 << 20
        assert found[1::2] == [0, 3, 0, 3] and found[0] == 3584, found  # what is left of the header's block
        assert h.pread(4096, 65536) == pattern(4096)


def test_pax_records():
    data = padded(b'content')
    with Tar(pax(path='disk.img', comment='=\n 12 x=y\n') + header(b'short', 7) + data) as s:
        assert content(s) == b'content'
    # Records are about one entry.
    with Tar(pax(size='512') + header(b'one', 7) + data + header(b'disk.img', 3) + padded(b'abc')) as s:
        assert content(s) == b'abc'
    with Tar(header(b'g', 14, b'g') + padded(b'14 path=other\n') + header(b'disk.img', 3) + padded(b'abc')) as s:
        assert content(s) == b'abc'


def test_sparse_entries():
    with TempDir() as d:
        with open(d + '/disk.img', 'wb') as f:
            for i in range(100):  # more than have room in one header
                f.seek(i << 16)
                f.write(b'data')
            f.truncate(100 << 16)
        for args in (['--format=gnu'], ['--format=pax'], ['--format=pax', '--sparse-version=0.0'],
                     ['--format=pax', '--sparse-version=0.1']):
            def make(path):
                with open(d + '/other', 'wb') as f:
                    f.write(b'other')
                subprocess.run(['tar', '-C', d, '-S', *args, '-cf', path, 'disk.img', 'other'], check=True)

            refuses(make, 'disk.img is a sparse file')
            with Tar(make, entry='other') as s:
                assert content(s) == b'other'


def test_names_that_are_not_there():
    def make(path):
        archive(path, [('disk.img', b'one'), ('b', b'two')])

    for name in './disk.img', 'disk.im', 'disk.img/', 'DISK.IMG':
        refuses(make, 'there is no %s in the tar file' % name, entry=name)
    refuses(b'', 'there is no disk.img')
    refuses(bytes(10240), 'there is no disk.img')
    refuses(bytes(100), 'there is no disk.img')
    refuses(bytes(1024) + header(b'disk.img', 3) + padded(b'abc'), 'there is no disk.img')  # behind the end


def test_the_limit():
    def make(path):
        archive(path, [('one', bytes(100000)), ('disk.img', b'content')])

    start = 512 + 100352
    for limit in 0, start + 512, 1 << 20:
        with Tar(make, 'tar-limit=%d' % limit) as s:
            assert content(s) == b'content'
    for limit in 1, 511, 512, start, start + 511:
        refuses(make, 'tar-limit', 'tar-limit=%d' % limit)


def test_hostile_files():
    data = padded(b'abc')
    refuses(pattern(10240), 'no header at offset 0')
    refuses(header(b'one', 3) + data + pattern(512), 'no header at offset 1024')
    good = header(b'disk.img', 3)
    refuses(good[:20] + b'x' + good[21:] + data, 'no header at offset 0')
    refuses(header(b'disk.img', 4096) + data, 'goes on behind the end')
    refuses(header(b'disk.img', size_field=b'\x80' + b'\0' * 3 + b'\x7f' + b'\xff' * 7), 'goes on behind the end')
    refuses(header(b'disk.img', size_field=b'\xff' * 12), 'no header')
    refuses(header(b'disk.img', size_field=b'\x80\x01' + bytes(10)), 'no header')
    refuses(header(b'disk.img', size_field=b'9' * 12), 'no header')
    refuses(header(b'one', size_field=b'\x80' + b'\0' * 3 + b'\x7f' + b'\xff' * 7), 'impossible size')
    refuses(header(b'one', size_field=b'\x80' + b'\0' * 3 + b'\x0f' + b'\xff' * 7) + data, 'there is no disk.img')
    for kind in b'L', b'x':
        refuses(header(b'x', 1 << 40, kind), 'a name or records of')
        refuses(header(b'x', 2 << 20, kind) + bytes(2 << 20), 'a name or records of')
        refuses(header(b'x', 1000, kind) + bytes(512), 'a name or records of')
        refuses(header(b'x', 0, kind) * 5000, 'there is no')
    for records in (b'x', b'5', b'999 path=x\n', b'11 path=x\n', b'0 path=x\n', b'9 path x\n', b'2 ', b'3 \n',
                    b'99999999999999999999 a=b\n', b'-9 path=x\n', b'9 path=xx', b'10 size=x\n', b'8 size=\n',
                    b'29 size=99999999999999999999\n'):
        refuses(header(b'x', len(records), b'x') + padded(records) + good + data, 'broken pax records')
    refuses(header(b'x', 8, b'L') + padded(b'disk.imh') + good + data, 'there is no')
    with Tar(header(b'x', 9, b'L') + padded(b'disk.img\0') + header(b'other', 3) + data) as s:
        assert content(s) == b'abc'
    with Tar(header(b'img', 3, prefix=b'disk') + data, entry='disk/img') as s:
        assert content(s) == b'abc'
    with Tar(header(b'n' * 100, 3, prefix=b'p' * 155) + data, entry='p' * 155 + '/' + 'n' * 100) as s:
        assert content(s) == b'abc'


def test_an_endless_row_of_headers():
    # The search ends when the client goes, and the server does not wait for it.
    with TempDir() as d:
        with open(d + '/script', 'w') as f:
            f.write('''case $1 in
                get_size) echo 1E ;;
                pread) : >%s/begun; head -c $3 %s/blocks ;;
                *) exit 2 ;;
                esac''' % (d, d))
        with open(d + '/blocks', 'wb') as f:
            f.write(header(b'one') * 1024)
        os.chmod(d + '/script', 0o755)
        with Server('-v', '--filter=tar', 'sh', d + '/script', 'tar-entry=disk.img') as s:
            for i in 1, 2:
                client = s.connect()
                client.recv(18)
                client.sendall(b'\0\0\0\3' + b'IHAVEOPT' + b'\0\0\0\1' + b'\0\0\0\0')
                wait_for('the search', lambda: os.path.exists(d + '/begun'))
                os.unlink(d + '/begun')
                if i == 1:
                    client.close()
                    wait_for('the end of it', lambda: '1: debug: closed' in s.log())


def test_no_entry():
    assert 'tar-entry' in refused('--filter=tar', 'memory', '1M')


main(globals())
