# SPDX-License-Identifier: BSD-3-Clause
"""Every plugin that Debian has for nbdkit, named by its path: nbdsrv serves what nbdkit
serves for the same command line, byte for byte and extent for extent."""
import hashlib
import http.server
import os
import re
import shutil
import threading

import nbd

from harness import *
from nbdkitlib import *

DATA = pattern(100000)


def write_some(h):
    h.pwrite(DATA[:70000], 4096)
    h.pwrite(DATA[:512], h.get_size() - 512)
    h.zero(8192, 16384)
    if h.can_flush():
        h.flush()


def make(path, content):
    with open(path, 'wb') as f:
        f.write(content)
    return path


def sparse(path, size=4 << 20):
    with open(path, 'wb') as f:
        f.truncate(size)
        f.seek(1 << 20)
        f.write(DATA)
        f.seek(3 << 20)
        f.write(DATA)
    return path


def dump(name, *words):
    """What --dump-plugin says, of both."""
    theirs = run([NBDKIT, '--dump-plugin', name, *words]).stdout
    ours = nbdsrv('--dump-plugin', name, *words, env=dict(os.environ, **FOREIGN)).stdout
    assert same_dump(ours, theirs), '%s\n%s' % (ours, theirs)
    assert 'struct_size=' in ours


def contains(what, *args):
    """For content that differs with each start: same facts, and this in it."""
    with Reference(*args) as r, Bridged(*args) as s:
        found = []
        for server in r, s:
            h = server.nbd(setup=asks_for_infos)
            found.append((facts(h), names(h)))
            content = b''.join(bytes(h.pread(min(1 << 20, h.get_size() - at), at))
                               for at in range(0, h.get_size(), 1 << 20))
            assert what in content
            h.shutdown()
        assert found[0] == found[1], found


# ------------------------------------------------------------- content of their own

def test_memory():
    compare(plugin('memory'), '4M', write=write_some)
    compare(plugin('memory'), 'size=1G', 'allocator=malloc')


def test_data():
    compare(plugin('data'), 'data=1 2 3 @0x1000 "hello"*100 @^8192 (0xaa 0x55)*50', 'size=1M', write=write_some)
    compare(plugin('data'), 'base64=MTIzNAo=')


def test_full():
    def write(h):
        expect_error(28, h.pwrite, b'x' * 512, 0)

    with Bridged(plugin('full'), '1M') as s:
        write(s.nbd())
    compare(plugin('full'), '1M')


def test_info():
    for mode, name in ('exportname', 'some/name'), ('base64exportname', 'AAEC'):
        compare(plugin('info'), 'mode=' + mode, export=name, listed=False)
    with Bridged(plugin('info'), 'mode=address', tcp=True) as s:
        assert bytes(s.nbd().pread(3, 0)) in (b'127', b'[::')


def test_null():
    compare(plugin('null'), '1G')


def test_pattern():
    compare(plugin('pattern'), '5M')


def test_random():
    compare(plugin('random'), '3M', 'seed=42')


def test_sparse_random():
    compare(plugin('sparse-random'), '64M', 'seed=42', 'percent=5')


def test_zero():
    with Bridged(plugin('zero')) as s, Reference(plugin('zero')) as r:
        assert facts(s.nbd()) == facts(r.nbd())


def test_example1():
    compare(plugin('example1'))


def test_example2():
    with TempDir() as d:
        compare(plugin('example2'), 'file=' + make(d + '/disk', DATA))


def test_example3():
    compare(plugin('example3'), 'size=1M')  # each client has a disk of its own


def test_example4():
    compare('example4', 'size=1M')  # a script in the plugin directory


# ------------------------------------------------------------------------- files

def test_file():
    with TempDir() as d:
        a, b = sparse(d + '/a'), sparse(d + '/b')
        compare(plugin('file'), ours=[a], theirs=[b], write=write_some)
        compare(plugin('file'), 'dir=' + d, export='b')
        compare('-r', plugin('file'), a)


def test_split():
    with TempDir() as d:
        for part in 'abc':
            sparse(d + '/ours-' + part)
            sparse(d + '/theirs-' + part)
        compare(plugin('split'), ours=['file=%s/ours-%s' % (d, p) for p in 'abc'],
                theirs=['file=%s/theirs-%s' % (d, p) for p in 'abc'], write=write_some)


def test_partitioning():
    with TempDir() as d:
        parts = [make(d + '/a', DATA[:51200]), sparse(d + '/b')]
        compare(plugin('partitioning'), *['file=' + p for p in parts], 'partition-type=mbr')
        contains(b'EFI PART', plugin('partitioning'), *['file=' + p for p in parts], 'partition-type=gpt')


def directory(d):
    os.mkdir(d + '/dir')
    make(d + '/dir/hello.txt', b'hello from a file ' * 100)
    make(d + '/dir/other.txt', DATA)
    return 'dir=' + d + '/dir'


def test_floppy():
    with TempDir() as d:
        contains(b'hello from a file ' * 100, plugin('floppy'), directory(d))


def test_linuxdisk():
    with TempDir() as d:
        contains(b'hello from a file ' * 100, plugin('linuxdisk'), directory(d), 'size=+1M')


def test_iso():
    with TempDir() as d:
        contains(b'hello from a file ' * 100, plugin('iso'), directory(d))


# -------------------------------------------------------------------- with programs

def test_cc():
    with TempDir() as d:
        source = d + '/plugin.c'
        with open(os.path.join(SRCDIR, 'tests/nbdkit-plugins/recorder.c')) as f:
            make(source, b'#define API 2\n' + f.read().encode())
        compare(plugin('cc'), source, 'default=it', 'can_multi_conn=0', write=write_some)


DISK = ('if ! [ -f $tmpdir/d ]; then truncate -s 1M $tmpdir/d; fi; ')


def test_eval():
    compare(plugin('eval'), 'get_size=%s echo 1M' % DISK,
            'pread=dd if=$tmpdir/d skip=$4 count=$3 iflag=count_bytes,skip_bytes status=none',
            'pwrite=dd of=$tmpdir/d seek=$4 conv=notrunc oflag=seek_bytes status=none',
            'can_write=exit 0', 'can_flush=exit 0', 'flush=exit 0', 'can_extents=exit 0',
            'extents=echo 0 64K hole,zero; echo 64K 960K', 'export_description=echo described',
            'list_exports=echo INTERLEAVED; echo a; echo b; echo c', 'config=exit 0',
            'block_size=echo 1 8K 1M', 'a=b', write=write_some)


def test_eval_errors():
    with Bridged(plugin('eval'), 'get_size=echo 1M', 'pread=echo ENOSPC no space here >&2; exit 1') as s:
        expect_error(28, s.nbd().pread, 512, 0)
        assert 'no space here' in s.log()


SCRIPT = '''#!/bin/sh
case "$1" in
  get_size) truncate -s 1M $tmpdir/d; echo 1M ;;
  pread) dd if=$tmpdir/d skip=$4 count=$3 iflag=count_bytes,skip_bytes status=none ;;
  pwrite) dd of=$tmpdir/d seek=$4 conv=notrunc oflag=seek_bytes status=none ;;
  can_write|can_zero) exit 0 ;;
  zero) exit 2 ;;
  open) echo "$3" ;;
  *) exit 2 ;;
esac
'''


def test_sh():
    with TempDir() as d:
        make(d + '/script', SCRIPT.encode())
        os.chmod(d + '/script', 0o755)
        compare(plugin('sh'), d + '/script', write=write_some)


def test_ondemand():
    with TempDir() as d:
        for who in 'ours', 'theirs':
            os.mkdir(d + '/' + who)
        compare(plugin('ondemand'), 'size=1M', 'command=truncate -s $size "$disk"', export='one', listed=False,
                ours=['dir=%s/ours' % d], theirs=['dir=%s/theirs' % d], write=write_some)
        assert os.listdir(d + '/ours') == os.listdir(d + '/theirs') == ['one']


def test_tmpdisk():
    compare(plugin('tmpdisk'), 'size=1M', 'command=truncate -s $size "$disk"; printf "%s" $label > "$disk.x"; '
            'dd if="$disk.x" of="$disk" conv=notrunc status=none; rm "$disk.x"', 'label=LABEL')


# ------------------------------------------------------------------------ servers

def test_nbd():
    with Server('memory', '4M') as far:
        h = far.nbd()
        write_some(h)
        h.shutdown()
        compare(plugin('nbd'), 'uri=' + far.uri)
        with Bridged(plugin('nbd'), 'uri=' + far.uri) as s:
            s.nbd().pwrite(DATA[:512], 0)
        assert far.nbd().pread(512, 0) == DATA[:512]


BOTO3 = '''
import io, os
from botocore.exceptions import ClientError


class Client:
    """A directory as a bucket."""

    def path(self, key):
        return os.path.join(os.environ['BUCKET'], key.replace('/', '_'))

    def head_object(self, Bucket, Key):
        return {'ResponseMetadata': {'HTTPHeaders': {'content-length': str(os.path.getsize(self.path(Key)))}}}

    def get_object(self, Bucket, Key, Range=None):
        if not os.path.exists(self.path(Key)):
            raise ClientError({'Error': {'Code': 'NoSuchKey'}}, 'GetObject')
        with open(self.path(Key), 'rb') as f:
            data = f.read()
        if Range:
            first, last = Range.split('=')[1].split('-')
            data = data[int(first):int(last) + 1]
        return {'Body': io.BytesIO(data)}

    def put_object(self, Bucket, Key, Body, **kw):
        with open(self.path(Key), 'wb') as f:
            f.write(bytes(Body) if hasattr(Body, '__len__') else Body.read())


def client(*args, **kw):
    return Client()
'''
EXCEPTIONS = '''
class ClientError(Exception):
    def __init__(self, response, operation):
        self.response = response


class ReadTimeoutError(Exception): pass
class ConnectTimeoutError(Exception): pass
class ConnectionClosedError(Exception): pass
'''


def test_S3():
    """With a library that stands for the one of Amazon's customers."""
    with TempDir() as d:
        for name in 'boto3', 'botocore', 'ours', 'theirs':
            os.mkdir(d + '/' + name)
        make(d + '/boto3/__init__.py', BOTO3.encode())
        make(d + '/botocore/exceptions.py', EXCEPTIONS.encode())
        make(d + '/ours/key', DATA)
        env = {'PYTHONPATH': d, 'BUCKET': d + '/ours'}
        compare('S3', 'bucket=ours', 'key=key', env=env)
        whole = {'bucket=b', 'key=new', 'size=1M', 'object-size=64K'}

        def write(h):
            h.pwrite(DATA[:65536], 65536)
            h.pwrite(DATA[:65536], 131072)

        found = []
        for who, server in ('theirs', Reference), ('ours', Bridged):
            with server('S3', *whole, env=dict(env, BUCKET=d + '/' + who)) as s:
                h = s.nbd(setup=asks_for_infos)
                write(h)
                h.shutdown()
                found.append(seen(s))
        assert found[0] == found[1], found
        theirs = sorted(os.listdir(d + '/theirs'))
        assert theirs and sorted(name for name in os.listdir(d + '/ours') if name != 'key') == theirs


def bencoded(x):
    if isinstance(x, int):
        return b'i%de' % x
    if isinstance(x, bytes):
        return b'%d:%s' % (len(x), x)
    return b'd' + b''.join(bencoded(key) + bencoded(x[key]) for key in sorted(x)) + b'e'


def test_torrent():
    """All of it is there already: there are no peers to be asked."""
    with TempDir() as d:
        piece = 32768
        sums = b''.join(hashlib.sha1(DATA[i:i + piece]).digest() for i in range(0, len(DATA), piece))
        info = {b'name': b'disk', b'length': len(DATA), b'piece length': piece, b'pieces': sums}
        torrent = make(d + '/disk.torrent', bencoded({b'info': info, b'announce': b'http://127.0.0.1:9/'}))
        for who in 'ours', 'theirs':
            os.mkdir(d + '/' + who)
            make(d + '/' + who + '/disk', DATA)
        compare(plugin('torrent'), torrent, 'listen-interfaces=127.0.0.1:0', 'outgoing-interfaces=127.0.0.1',
                ours=['cache=%s/ours' % d], theirs=['cache=%s/theirs' % d])


class Ranges(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def log_message(self, *args):
        pass

    def do_HEAD(self):
        self.send_response(200)
        self.send_header('Accept-Ranges', 'bytes')
        self.send_header('Content-Length', str(len(DATA)))
        self.end_headers()

    def do_GET(self):
        first, last = map(int, re.match(r'bytes=(\d+)-(\d+)$', self.headers['Range']).groups())
        body = DATA[first:last + 1]
        self.send_response(206)
        self.send_header('Content-Length', str(len(body)))
        self.send_header('Content-Range', 'bytes %d-%d/%d' % (first, first + len(body) - 1, len(DATA)))
        self.end_headers()
        self.wfile.write(body)


def test_curl():
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), Ranges) as web:
        thread = threading.Thread(target=web.serve_forever)
        thread.start()
        try:
            compare(plugin('curl'), 'url=http://127.0.0.1:%d/disk' % web.server_port)
        finally:
            web.shutdown()
            thread.join()


SSHD = '''
ListenAddress 127.0.0.1
HostKey %(d)s/host
AuthorizedKeysFile %(d)s/key.pub
PidFile %(d)s/sshd.pid
StrictModes no
UsePAM no
Subsystem sftp internal-sftp
'''


def test_ssh():
    sshd = shutil.which('sshd', path=os.environ['PATH'] + ':/usr/sbin:/sbin')
    assert sshd, 'sshd is missing: install openssh-server'
    with TempDir() as d:
        for key in 'host', 'key':
            run(['ssh-keygen', '-q', '-t', 'ecdsa', '-m', 'PEM', '-N', '', '-f', d + '/' + key])
        if os.getuid() == 0:
            os.makedirs('/run/sshd', mode=0o755, exist_ok=True)
        make(d + '/config', (SSHD % {'d': d}).encode())
        make(d + '/empty', b'')
        port = free_port()
        daemon = subprocess.Popen([sshd, '-D', '-e', '-f', d + '/config', '-p', str(port)],
                                  stdin=subprocess.DEVNULL, stderr=open(d + '/sshd.log', 'w'))
        try:
            wait_for('sshd', lambda: os.path.exists(d + '/sshd.pid'))
            words = [plugin('ssh'), 'host=127.0.0.1', 'port=%d' % port, 'identity=' + d + '/key', 'config=' + d + '/empty',
                     'verify-remote-host=false']
            compare(*words, 'path=' + make(d + '/disk', DATA * 5))
            compare(*words, ours=['path=' + make(d + '/a', DATA * 5)], theirs=['path=' + make(d + '/b', DATA * 5)],
                    write=write_some)
        finally:
            daemon.terminate()
            daemon.wait()


# ------------------------------------- no content without a network or a hypervisor

def test_dump_only_cdi_wants_a_registry():
    dump(plugin('cdi'))


def test_dump_only_guestfs_wants_a_virtual_machine():
    dump(plugin('guestfs'))


LIBVIRT = ['connect=test:///default', 'domain=test']


def test_libvirt_of_a_guest_that_is_none():
    """libvirt's own stand-in tells the size of a disk and reads nothing."""
    for disk in 'vda', 'no-such':
        found = []
        for server in Reference, Bridged:
            with server(plugin('libvirt'), *LIBVIRT, 'disk=' + disk) as s:
                h = try_out(lambda: s.nbd(setup=asks_for_infos))
                found.append((facts(h), try_out(h.pread, 512, 0)) if isinstance(h, nbd.NBD) else h)
                if isinstance(h, nbd.NBD):
                    h.shutdown()
        assert found[0] == found[1], found
        assert isinstance(found[0], tuple) == (disk == 'vda'), found


def test_dump_of_all():
    """And that no plugin of the directory is forgotten here or in nbdkit-languages.py."""
    tested = {name[5:].replace('_', '-').replace('dump-only-', '').split('-wants')[0].split('-of-a-guest')[0]
              for name in globals() if name.startswith('test_')}
    tested |= {'lua', 'perl', 'python', 'ruby', 'tcl'}
    for name in os.listdir(plugin_dir()):
        short = re.match(r'nbdkit-(.*)-plugin(\.so)?$', name).group(1)
        assert short in tested, short
        dump(os.path.join(plugin_dir(), name) if name.endswith('.so') else short)


main(globals())
