# SPDX-License-Identifier: BSD-3-Clause
"""A link with the name nbdkit, first in PATH: what people type, what programs start.
Scripts print the same with it and with nbdkit itself."""
import contextlib
import os
import shlex
import signal

import nbd

from harness import *
from compile import CC, PKG_CONFIG
from nbdkitlib import FOREIGN


@contextlib.contextmanager
def dropin():
    """A directory to be in, and the environment where nbdkit is nbdsrv."""
    with TempDir() as d:
        os.mkdir(d + '/bin')
        os.symlink(os.path.abspath(NBDSRV), d + '/bin/nbdkit')
        yield d, dict(os.environ, PATH=d + '/bin:' + os.environ['PATH'], **FOREIGN)


def make_files(d):
    for name, size in ('a.img', 1 << 20), ('b.img', 3 << 20):
        with open(os.path.join(d, name), 'wb') as f:
            f.write(pattern(70000))
            f.truncate(size)
    os.mkdir(d + '/dir')
    shutil.copy(d + '/a.img', d + '/dir/one')


SUM = 'nbdcopy "$uri" - | sha256sum'
FACTS = 'nbdinfo --json "$uri" | grep -v -e uri -e block_size_ -e can_cache -e can_fua'
# Without a way to listen old versions of nbdkit use the port of TCP, hence -U -.
SCRIPTS = [
    'nbdkit -U - file a.img --run %s' % shlex.quote(SUM),
    'nbdkit -U- -r file a.img --run %s' % shlex.quote(FACTS),
    'nbdkit --unix - --readonly --filter=cow file a.img --run %s' % shlex.quote(FACTS),
    'nbdkit -U - --filter=partition partitioning file=a.img file=b.img partition=2 --run %s' % shlex.quote(SUM),
    "nbdkit -U - data ' ( 0x55 0xAA )*2048 ' --run %s" % shlex.quote(SUM),
    "nbdkit -U - data '@0x1FE 0x55 0xAA' size=1M --run %s" % shlex.quote(SUM),
    'nbdkit -U - memory 1G --run %s' % shlex.quote(FACTS),
    'nbdkit -U - pattern 5M --run %s' % shlex.quote(SUM),
    'nbdkit -U - --filter=error --filter=delay memory 10M error-rate=0% rdelay=1ms --run ' + shlex.quote(
        'qemu-io -f raw -c "write -P 7 0 64k" -c "read -P 7 0 64k" -c "discard 0 4k" "$uri" | grep -c bytes'),
    "nbdkit -U - eval get_size='echo 1M' pread='dd if=/dev/zero count=$3 iflag=count_bytes status=none' --run "
    + shlex.quote(SUM),
    'nbdkit -U - sh - --run %s <<"EOF"\ncase "$1" in\n  get_size) echo 64K ;;\n'
    '  pread) head -c $3 /dev/zero | tr "\\\\0" x ;;\n  *) exit 2 ;;\nesac\nEOF\n' % shlex.quote(SUM),
    'nbdkit -U - split a.img b.img a.img --run %s' % shlex.quote(SUM),
    'nbdkit -U - file dir=dir -e one --run %s' % shlex.quote(SUM),
    'nbdkit -U - -e hello info exportname --run %s' % shlex.quote('nbdcopy "$uri" -'),
    'nbdkit -fU - null 1M --run "exit 7"; echo $?',
    'nbdkit -fU - null 1M --run "kill -9 \\$\\$"; echo $?',
    'nbdkit -U - memory 1M --run \'echo "$port" "$exportname" "${tls-none}"; test "$uri" = "$nbd"; echo $?\'',
    'nbdkit -p 0 memory 1M --run \'echo "$unixsocket"\'',
    'nbdkit -U $PWD/s -P $PWD/p memory 1M; nbdinfo --size "nbd+unix://?socket=$PWD/s"; kill $(cat p); rm -f s p',
    'nbdkit -U $PWD/s --pidfile=$PWD/p -e x file dir=dir & while ! test -s p; do sleep .05; done; '
    'nbdinfo --list --json "nbd+unix://?socket=$PWD/s" | grep export-name; kill $(cat p); wait; rm -f s p',
    'cp b.img c.img; nbdkit -U - file c.img --run \'qemu-img convert -n a.img "$uri"\' 2>&1; cmp a.img c.img; echo $?',
    'cp b.img c.img; nbdkit -U - file c.img --run \'nbdcopy a.img "$uri"\'; cmp -n 1048576 a.img c.img && echo same',
    'nbdcopy -- [ nbdkit --exit-with-parent -r file a.img ] - | sha256sum',
    'nbdcopy -- [ nbdkit --exit-with-parent pattern 2M ] [ nbdkit --exit-with-parent memory 2M ]; echo $?',
    'nbdcopy --synchronous -- [ nbdkit -r --filter=truncate file b.img truncate=2M ] - | sha256sum',
    'nbdinfo --size -- [ nbdkit memory 7M ]; nbdinfo --map --totals -- [ nbdkit -r file b.img ]',
    'nbdinfo --can multi-conn -- [ nbdkit memory 7M ] && echo yes',
    "nbdsh -c 'h.connect_command([\"nbdkit\", \"-s\", \"--exit-with-parent\", \"memory\", \"1M\"])' "
    "-c 'h.pwrite(b\"hello\", 100)' -c 'print(h.pread(5, 100), h.get_size())'",
    "nbdsh -c 'h.connect_systemd_socket_activation([\"nbdkit\", \"-r\", \"pattern\", \"1M\"])' "
    "-c 'print(h.is_read_only(), h.pread(8, 4096))'",
    'nbddump -n 64 -- [ nbdkit pattern 1M ]',
    'nbdkit file --version >/dev/null 2>&1; echo $?; nbdkit nosuch --version >/dev/null 2>&1; echo $?',
    'nbdkit null --filter=cow --version >/dev/null; echo $?; nbdkit null --filter=nosuch --version >/dev/null 2>&1; echo $?',
    'nbdkit --exit-with-parent --version >/dev/null && echo supported',
    'nbdkit --dump-config | grep -e ^version_major -e ^name -e ^exit_with -e ^selinux; '
    'nbdkit --dump-plugin memory | grep -e ^name -e ^has_pread -e ^magic -e ^thread_model',
    'nbdkit --help memory >/dev/null; echo $?; nbdkit --help >/dev/null; echo $?; nbdkit memory size=x; echo $?',
]


def test_scripts_print_what_they_print_with_nbdkit():
    with dropin() as (d, env):
        for script in SCRIPTS:
            found = []
            for who in os.environ, env:
                with TempDir() as cwd:
                    make_files(cwd)
                    r = run(['sh', '-c', script], env=dict(who), cwd=cwd, check=False)
                    found.append((r.returncode, r.stdout))
            assert found[1] == found[0], '%s\n%s\n%s\n%s' % (script, found[1], found[0], r.stderr)
            assert found[0][1], script


PROGRAM = r'''
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <libnbd.h>

static void
use (struct nbd_handle *nbd, int r)
{
  static char out[512] = "written", in[512];

  if (r == -1 || nbd_pwrite (nbd, out, sizeof out, 4096, 0) == -1 ||
      nbd_pread (nbd, in, sizeof in, 4096, 0) == -1) {
    fprintf (stderr, "%s\n", nbd_get_error ());
    exit (EXIT_FAILURE);
  }
  assert (memcmp (out, in, sizeof in) == 0);
  printf ("%s of %lld\n", in, (long long) nbd_get_size (nbd));
  nbd_shutdown (nbd, 0);
  nbd_close (nbd);
}

int
main (void)
{
  char *single[] = {"nbdkit", "-s", "--exit-with-parent", "memory", "size=1M", NULL};
  char *activated[] = {"nbdkit", "--filter=cow", "pattern", "2M", NULL};
  struct nbd_handle *nbd = nbd_create ();

  use (nbd, nbd_connect_command (nbd, single));
  nbd = nbd_create ();
  use (nbd, nbd_connect_systemd_socket_activation (nbd, activated));
  return 0;
}
'''


def test_program_that_starts_nbdkit():
    with dropin() as (d, env):
        with open(d + '/program.c', 'w') as f:
            f.write(PROGRAM)
        libs = shlex.split(run([PKG_CONFIG, '--cflags', '--libs', 'libnbd']).stdout)
        run([*CC, '-Wall', d + '/program.c', '-o', d + '/program', *libs])
        for who in os.environ, env:
            out = run([d + '/program'], env=dict(who), cwd=d).stdout
            assert out == 'written of 1048576\nwritten of 2097152\n', out


V2V = '''nbdkit --exit-with-parent --foreground --pidfile D/p --unix D/s --threads 16
 --selinux-label system_u:object_r:svirt_socket_t:s0 -D nbdkit.backend.datapath=0 --verbose'''


def test_lines_of_virt_v2v():
    with dropin() as (d, env):
        make_files(d)
        lines = {
            '--filter cow --filter retry file file=D/b.img': 3 << 20,
            '--filter=cow --filter=cacheextents --filter=retry file D/b.img retry-delay=2 retry-exponential=no': 3 << 20,
            '--filter=rate --filter=offset file D/b.img rate=800M offset=1M range=1M': 1 << 20,
            '--filter=blocksize-policy nbd uri=nbd+unix://?socket=D/far blocksize-minimum=512 '
            'blocksize-error-policy=error shared=true': 1 << 20,
            'null size=5M': 5 << 20,
        }
        with Server('memory', '1M') as far:
            os.symlink(far.socket, d + '/far')
            for line, size in lines.items():
                args = (V2V + ' ' + line).replace('D/', d + '/').split()
                p = subprocess.Popen(args, env=env, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
                try:
                    wait_for('the pid file', lambda: os.path.exists(d + '/p') or p.poll() is not None)
                    assert p.poll() is None, p.stderr.read().decode()
                    assert int(open(d + '/p').read()) == p.pid
                    h = nbd.NBD()
                    h.connect_unix(d + '/s')
                    assert h.get_size() == size, line
                    assert h.can_multi_conn() or 'rate' in line or 'retry' in line or 'nbd' in line
                    h.pwrite(b'x' * 65536, 65536)
                    assert h.pread(65536, 65536) == (b'x' * 65536 if 'null' not in line else bytes(65536))
                    h.flush()
                    h.shutdown()
                finally:
                    p.terminate()
                    log = p.communicate()[1].decode()
                assert p.returncode == 0, log
                assert 'nbdkit: debug: ' in log and 'pread' not in log, log
                os.unlink(d + '/p')
                assert not os.path.exists(d + '/s')
        assert os.stat(d + '/b.img').st_size == 3 << 20


def test_unknown_filter_is_an_error_in_one_line():
    with dropin() as (d, env):
        args = (V2V + ' --filter=cow --filter=nonesuch null 1M').replace('D/', d + '/').replace('--verbose', '').split()
        r = run(args, env=env, check=False)
        assert r.returncode == 1 and r.stdout == '' and r.stderr.count('\n') == 1, r.stderr
        assert r.stderr.startswith('nbdkit: error: ') and "filter 'nonesuch'" in r.stderr, r.stderr
        assert not os.path.exists(d + '/s')


def test_it_ends_with_the_program_that_started_it():
    with dropin() as (d, env):
        make_files(d)
        script = 'nbdkit --exit-with-parent -P p -U s file a.img & while ! test -s p; do sleep .05; done; kill -9 $$'
        p = subprocess.Popen(['sh', '-c', script], env=env, cwd=d)
        assert p.wait() == -signal.SIGKILL
        # nbdkit leaves its pid file
        wait_for('the end of the server', lambda: not os.path.exists(d + '/s'))
        assert int(open(d + '/p').read()) > 1


def test_versions():
    with dropin() as (d, env):
        out = run(['nbdkit', '--version', '--filter=cow', '--filter=offset', 'file'], env=env).stdout.splitlines()
        version = out[0].split()[1]
        assert out == ['%s %s' % (name, version) for name in ('nbdkit', 'cow', 'offset', 'file')], out


main(globals())
