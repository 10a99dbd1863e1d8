# SPDX-License-Identifier: BSD-3-Clause
"""Scripts in the languages that nbdkit has plugins for: the same content, errors and
life as under nbdkit."""
import nbd

from harness import *
from nbdkitlib import *

PYTHON = '''
import builtins, ctypes, decimal, json, lzma, nbdkit, sqlite3, threading   # modules in C among them
API_VERSION = 2
disk = bytearray(1024 * 1024)
def log(what):
    with builtins.open(path, 'a') as f: f.write(what + '\\n')
def config(key, value):
    global path
    if key == 'log': path = value
def config_complete(): log('config_complete')
def get_ready(): log('get_ready')
def after_fork(): log('after_fork')
def cleanup(): log('cleanup')
def thread_model(): return nbdkit.THREAD_MODEL_SERIALIZE_REQUESTS
def list_exports(readonly, is_tls): return ['a', ('b', 'with a description')]
def default_export(readonly, is_tls): return 'a'
def open(readonly): return {'name': nbdkit.export_name()}
def close(h): log('close ' + h['name'])
def get_size(h): return len(disk)
def export_description(h): return 'described'
def block_size(h): return (1, 8192, 1 << 20)
def can_multi_conn(h): return True
def can_fua(h): return nbdkit.FUA_NATIVE
def can_cache(h): return nbdkit.CACHE_EMULATE
def pread(h, buf, offset, flags):
    if offset == 65536:
        nbdkit.set_error(28)
        raise RuntimeError('no space in this script')
    buf[:] = disk[offset:offset + len(buf)]
def pwrite(h, buf, offset, flags): disk[offset:offset + len(buf)] = buf
def flush(h, flags): pass
def trim(h, count, offset, flags): pass
def zero(h, count, offset, flags):
    if flags & nbdkit.FLAG_FAST_ZERO: nbdkit.set_error(95); raise Exception('slow')
    disk[offset:offset + count] = bytes(count)
def can_extents(h): return True
def extents(h, count, offset, flags):
    return [(0, 65536, 0), (65536, len(disk) - 65536, nbdkit.EXTENT_HOLE | nbdkit.EXTENT_ZERO)]
'''

PERL = '''
use strict; use POSIX; use List::Util;   # modules in C among them
my $disk = "\\0" x (1024 * 1024);
sub config { }
sub open { my $readonly = shift; return { readonly => $readonly }; }
sub can_write { return 1; }
sub can_flush { return 1; }
sub can_trim { return 1; }
sub can_zero { return 1; }
sub get_size { return length ($disk); }
sub pread {
  my ($h, $count, $offset, $flags) = @_;
  if ($offset == 65536) { Nbdkit::set_error (28); die "no space in this script"; }
  return substr ($disk, $offset, $count);
}
sub pwrite { my ($h, $buf, $offset) = @_; substr ($disk, $offset, length $buf) = $buf; }
sub zero { my ($h, $count, $offset) = @_; substr ($disk, $offset, $count) = "\\0" x $count; }
sub trim { }
sub flush { }
1;
'''

RUBY = '''
include Nbdkit
require 'date'
$disk = "\\0" * (1024 * 1024)
def config(key, value) end
def open(readonly) return {} end
def get_size(h) return $disk.bytesize end
def pread(h, count, offset) return $disk.byteslice(offset, count) end
def pwrite(h, buf, offset) $disk[offset, buf.length] = buf end
'''

LUA = '''
local disk = {}
local size = 1024 * 1024
function config(key, value) end
function open(readonly) return { ro = readonly } end
function can_write(h) return true end
function get_size(h) return size end
function pread(h, count, offset)
  if offset == 65536 then error("no space in this script") end
  local t = {}
  for i = offset, offset + count - 1 do t[#t + 1] = string.char(disk[i] or 0) end
  return table.concat(t)
end
function pwrite(h, buf, offset)
  for i = 1, #buf do disk[offset + i - 1] = buf:byte(i) end
end
'''

TCL = '''
set disk [binary format x[expr {1024 * 1024}]]
proc config {key value} { }
proc plugin_open {readonly} { return 1 }
proc get_size {h} { global disk; return [string length $disk] }
proc can_write {h} { return 1 }
proc pread {h count offset} {
  global disk
  if {$offset == 65536} { error "no space in this script" }
  return [string range $disk $offset [expr {$offset + $count - 1}]]
}
proc pwrite {h buf offset} {
  global disk
  set last [expr {$offset + [string length $buf] - 1}]
  set disk [string replace $disk $offset $last $buf]
}
'''


def script(d, text, name='script'):
    with open(os.path.join(d, name), 'w') as f:
        f.write(text)
    os.chmod(os.path.join(d, name), 0o755)
    return os.path.join(d, name)


def in_pieces(h):
    """All of a small disk but the block that fails."""
    return [bytes(h.pread(4096, at)) for at in range(0, h.get_size(), 4096) if at != 65536]


def session(s):
    """What a client finds and leaves; a second client sees it."""
    h = s.nbd(setup=asks_for_infos)
    found = [facts(h), names(h), try_out(h.pread, 512, 65536)]
    if h.can_meta_context('base:allocation'):
        found.append(extents(h))
    for step in (lambda: h.pwrite(b'abc' * 1000, 5000), lambda: h.zero(1000, 6000),
                 lambda: h.zero(1000, 9000, nbd.CMD_FLAG_FAST_ZERO), lambda: h.trim(1000, 20000),
                 lambda: h.pwrite(b'x', 100, nbd.CMD_FLAG_FUA), lambda: h.flush(), lambda: h.cache(4096, 0)):
        found.append(try_out(step))
    other = s.nbd()
    found.append(in_pieces(other))
    assert b'abcabc' in b''.join(found[-1])
    h.shutdown()
    other.shutdown()
    found.append(try_out(exports, s))
    return found


def same_script(language, text, *words):
    with TempDir() as d:
        path, found = script(d, text), []
        for server in Reference, Bridged:
            with server(plugin(language), path, *words) as s:
                found.append(session(s))
                said = s.log()
        assert found[0] == found[1], '\n%s\n%s' % (found[1][:-2], found[0][:-2])
        return said


def test_python():
    with TempDir() as d:
        said = same_script('python', PYTHON, 'log=' + d + '/log')
        assert 'no space in this script' in said
        calls = lines(d + '/log')
        assert calls[-6:] == ['config_complete', 'get_ready', 'after_fork', 'close a', 'close a', 'cleanup'], calls


def test_perl():
    assert 'no space in this script' in same_script('perl', PERL)


def test_lua():
    assert 'no space in this script' in same_script('lua', LUA)


def test_tcl():
    assert 'no space in this script' in same_script('tcl', TCL)


def test_ruby_which_runs_on_the_main_thread_alone():
    """nbdkit's plugin crashes on other threads, under nbdkit too: that leaves -s."""
    with TempDir() as d:
        path, found = script(d, RUBY), []
        for program in NBDKIT, NBDSRV:
            h = nbd.NBD()
            h.connect_command([program, '-s', '--exit-with-parent', plugin('ruby'), path])
            h.pwrite(b'abc' * 1000, 5000)
            found.append((facts(h), digest(h)))
            h.shutdown()
        assert found[0] == found[1], found


def test_a_language_called_in_parallel():
    """Calls come from many threads, one after the other."""
    with TempDir() as d:
        for language, text in ('python', PYTHON), ('perl', PERL), ('lua', LUA), ('tcl', TCL):
            path = script(d, text)
            with Bridged(plugin(language), path, 'log=' + d + '/log') as s:
                hs = [s.nbd() for _ in range(4)]
                bufs = [nbd.Buffer.from_bytearray(bytearray([i + 1] * 512)) for i in range(32)]
                cookies = [(hs[i % 4], hs[i % 4].aio_pwrite(buf, 512 * i)) for i, buf in enumerate(bufs)]
                for h, cookie in cookies:
                    while not h.aio_command_completed(cookie):
                        h.poll(-1)
                content = hs[0].pread(512 * 32, 0)
                assert content == b''.join(bytes([i + 1] * 512) for i in range(32)), language


def test_broken_scripts():
    with TempDir() as d:
        for language, text in [('python', 'this is no python('), ('perl', 'this is no perl('),
                               ('lua', 'this is no lua('), ('tcl', 'this is no tcl')]:
            r = nbdsrv('-f', '-U', d + '/s', plugin(language), script(d, text), check=False,
                       env=dict(os.environ, **FOREIGN))
            assert r.returncode == 1 and 'error' in r.stderr, r.stderr


DESCRIPTORS = '''#!/bin/sh
case "$1" in
  get_size) echo 4096 ;;
  pread) ls -l /proc/self/fd | sed 's/.*-> //' >$tmpdir/fds; head -c 4096 /dev/zero | cat $tmpdir/fds - | head -c $3 ;;
  *) exit 2 ;;
esac
'''


def test_children_inherit_nothing():
    """Not the listening socket, not other clients, nothing that the server keeps open."""
    with TempDir() as d:
        with Bridged(plugin('sh'), script(d, DESCRIPTORS)) as s:
            others = [s.nbd() for _ in range(3)]
            h = s.nbd()
            found = bytes(h.pread(4096, 0)).rstrip(b'\0').decode().strip('\0').split()
            found = [f for f in found if not f.startswith('/proc/')]
            # stdin, stdout, stderr as nbdkit's plugin arranges them
            assert not [f for f in found if f.startswith('socket:') or f.startswith('anon_inode')], found
            for o in others:
                assert o.get_size() == 4096


def test_signals_of_children():
    """Scripts find signals as the one who started the server has them, but for those
    that the server handles: they have their default."""
    masks = '''#!/bin/sh
case "$1" in
  get_size) echo 4096 ;;
  pread) %s >$tmpdir/s; head -c 4096 /dev/zero | cat $tmpdir/s - | head -c $3 ;;
  *) exit 2 ;;
esac
''' % SHOW_SIGNALS
    with TempDir() as d:
        with Bridged(plugin('sh'), script(d, masks)) as s:
            found = bytes(s.nbd().pread(4096, 0)).rstrip(b'\0').decode()
    assert signals_shown(found) == signals_for_children(), found


def test_script_as_a_program():
    """#!nbdkit in the first line, with nbdsrv under that name."""
    with TempDir() as d:
        os.mkdir(d + '/bin')
        with open(d + '/bin/nbdkit', 'w') as f:
            f.write('#!/bin/sh\nexec %s "$@"\n' % os.path.abspath(NBDSRV))
        os.chmod(d + '/bin/nbdkit', 0o755)
        path = script(d, '#!/usr/bin/env -S nbdkit perl\n' + PERL)
        env = dict(os.environ, PATH=d + '/bin:' + os.environ['PATH'], **FOREIGN)
        assert run([path, '--run', 'nbdinfo --size "$uri"'], env=env).stdout == '1048576\n'


main(globals())
