# SPDX-License-Identifier: BSD-3-Clause
# The sh plugin: methods and their arguments, exit codes, pipes, what a script inherits and
# leaves, and the end of scripts that do not want to.
import errno
import os
import re
import signal
import subprocess
import threading

import nbd

from blockmodel import operate_at_once
from harness import *
from nbdkitlib import asks_for_infos, exports, extents, facts, names, try_out
from scriptlib import DISK, executable

MIB = 1 << 20

# Methods of scripts that matter little to a test.
PLAIN = r'''#!/bin/sh
case $1 in
  get_size) echo 1M ;;
  %s
  pread) head -c $3 /dev/zero ;;
  *) exit 2 ;;
esac
'''


def plain(d, *methods):
    return executable(d, PLAIN % '\n  '.join(methods))


def calls(path):
    with open(path) as f:
        return f.read().splitlines()


def test_every_method_and_its_arguments():
    with TempDir() as d:
        log = d + '/log'
        env = {'LOG': log}
        with Server('sh', executable(d, DISK), 'disk.img', 'size=7', env=env) as s:
            assert exports(s) == [('one', 'the first'), ('two', '')]
            h = s.nbd(setup=asks_for_infos)
            found = facts(h)
            assert found == {
                'is_read_only': False, 'is_rotational': True, 'can_flush': True, 'can_fua': True, 'can_trim': True,
                'can_zero': True, 'can_fast_zero': False, 'can_cache': True, 'can_multi_conn': True, 'can_df': True,
                'size': MIB, 'minimum': 1, 'preferred': 4096}, found
            assert h.get_block_size(nbd.SIZE_MAXIMUM) == MIB
            assert names(h) == ['one', 'about one']
            h.pwrite(b'abc', 100)
            h.pwrite(b'def', 103, nbd.CMD_FLAG_FUA)
            assert h.pread(8, 99) == b'\0abcdef\0'
            h.flush()
            h.zero(2, 101, nbd.CMD_FLAG_FUA)
            h.zero(512, 4096, nbd.CMD_FLAG_NO_HOLE)
            h.trim(1, 105)
            h.cache(512, 1024)
            assert h.pread(8, 99) == b'\0a\0\0de\0\0'
            assert extents(h) == [[4096, 0], [61440, 3], [MIB - 65536, 0]]
            h.shutdown()
            wait_for('close', lambda: 'close handle-of-one' in calls(log))
        found = calls(log)
        handle = 'handle-of-one'
        expected = [
            'load', 'magic_config_key', 'config file disk.img', 'config size 7', 'config_complete', 'thread_model',
            'get_ready', 'after_fork', 'preconnect false', 'list_exports false false', 'preconnect false',
            'default_export false false', 'open false one false', 'get_size ' + handle]
        assert found[:len(expected)] == expected, found
        for method in ('can_write', 'can_flush', 'can_trim', 'can_zero', 'can_fast_zero', 'can_extents', 'can_fua',
                       'can_cache', 'can_multi_conn', 'is_rotational', 'block_size', 'export_description'):
            assert found.count(method + ' ' + handle) == 1, (method, found)
        expected = [
            'pwrite %s 3 100 ' % handle, 'pwrite %s 3 103 fua' % handle, 'pread %s 8 99' % handle, 'flush ' + handle,
            'zero %s 2 101 fua,may_trim' % handle, 'zero %s 512 4096 ' % handle, 'trim %s 1 105 ' % handle,
            'cache %s 512 1024' % handle, 'pread %s 8 99' % handle]
        data = [line for line in found if re.match('pwrite|pread|flush|zero|trim|cache ', line)]
        assert data == expected, data
        asked = [line for line in found if line.startswith('extents')]
        assert asked[0].split() == ['extents', handle, str(MIB), '0'], asked
        assert found[-3:] == ['close ' + handle, 'cleanup', 'unload'], found[-3:]


def test_readonly_and_export_names():
    with TempDir() as d:
        script = plain(d, 'open) echo "$2,$3,$4" ;;', 'preconnect) [ $2 = true ] ;;', 'export_description) echo "$2" ;;',
                       'can_write) exit 0 ;;')
        with Server('-r', 'sh', script) as s:
            h = s.nbd('some name with "quotes" and *', setup=asks_for_infos)
            assert h.get_export_description() == 'true,some name with "quotes" and *,false'
            assert h.is_read_only()
            assert exports(s) == [('', '')]
            assert s.nbd(setup=asks_for_infos).get_export_description() == 'true,,false'


def test_bare_minimum():
    with TempDir() as d, Server('sh', plain(d)) as s:
        h = s.nbd()
        assert h.is_read_only() and not h.can_flush() and not h.can_cache() and not h.can_multi_conn()
        assert h.pread(512, 0) == bytes(512)
        assert extents(h) == [[MIB, 0]]


def test_inline_script():
    for first in '', '#!/usr/bin/env python3\n':
        text = PLAIN.partition('\n')[2] % '' if not first else first + (
            'import sys\n'
            'if sys.argv[1] == "get_size": print("1M")\n'
            'elif sys.argv[1] == "pread": sys.stdout.write("\\0" * int(sys.argv[3]))\n'
            'else: sys.exit(2)\n')
        r = subprocess.run([NBDSRV, '-U', '-', 'sh', '-', '--run', 'nbdinfo --size "$uri"'], input=text, text=True,
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
        assert r.returncode == 0 and r.stdout == '1048576\n', r


def test_script_without_interpreter_line():
    with TempDir() as d:
        script = executable(d, (PLAIN % '').partition('\n')[2])
        with Server('sh', script) as s:
            assert s.nbd().get_size() == MIB


def test_refused():
    with TempDir() as d:
        script = plain(d, 'config) [ $2 = a ] || { echo "EINVAL no $2 here" >&2; exit 1; } ;;')
        plain_file = d + '/plain'
        with open(plain_file, 'w') as f:
            f.write('true\n')
        for args, text in (
                ([], 'which script?'),
                ([d + '/none'], 'No such file'),
                ([d], 'Invalid argument'),
                ([plain_file], 'has to be executable'),
                (['a=1', script], 'has to be given before'),
                ([script, 'b=1'], 'no b here'),
                ([script, 'bare'], 'takes no bare argument'),
                ([plain(d), 'key=1'], "unknown parameter 'key'")):
            line = refused('-U', d + '/s', 'sh', *args)
            assert text in line, line
        for method in 'load', 'magic_config_key', 'config_complete', 'thread_model', 'get_ready', 'after_fork':
            line = refused('-f', '-U', d + '/s', 'sh', plain(d, '%s) echo "it does not like $1" >&2; exit 1 ;;' % method))
            assert 'it does not like ' + method in line, line
        assert 'cannot be read from stdin' in run([NBDSRV, '-s', 'sh', '-'], check=False).stderr


def test_thread_models():
    with TempDir() as d:
        for words, model in (('parallel', 'parallel'), ('" parallel "', 'parallel'),
                             ('serialize_connections', 'serialize_connections'),
                             ('serialize_requests', 'serialize_requests'), ('something', 'serialize_all_requests'),
                             ('parallel x', 'serialize_all_requests')):
            script = plain(d, 'thread_model) echo %s ;;' % words, 'dump_plugin) echo hello=1 ;;')
            out = nbdsrv('--dump-plugin', 'sh', script).stdout.splitlines()
            assert 'thread_model=' + model in out and 'hello=1' in out and 'max_known_status=8' in out, out
        assert 'thread_model=parallel' in nbdsrv('--dump-plugin', 'sh').stdout


def test_scripts_run_at_once():
    """Each waits until the other runs as well."""
    with TempDir() as d:
        script = plain(d, 'thread_model) echo parallel ;;', 'can_multi_conn) ;;',
                       'pread) touch $tmpdir/$4; while [ ! -e $tmpdir/0 ] || [ ! -e $tmpdir/512 ]; do sleep 0.01; done;'
                       ' head -c $3 /dev/zero ;;')
        with Server('sh', script) as s:
            h = s.nbd()
            buffers = [nbd.Buffer(512), nbd.Buffer(512)]
            cookies = [h.aio_pread(b, i * 512) for i, b in enumerate(buffers)]
            for c in cookies:
                while not h.aio_command_completed(c):
                    assert h.poll(30000) == 1


def test_large_requests():
    """Nobody waits for a pipe that the other does not empty."""
    data = pattern(32 * MIB)
    with TempDir() as d:
        script = plain(d, 'can_write) exit 0 ;;', 'thread_model) echo parallel ;;',
                       'pwrite) cat >$tmpdir/data-$4; head -c 200000 /dev/zero; head -c 200000 /dev/zero >&2 ;;',
                       'pread) head -c 200000 /dev/zero >&2; cat $tmpdir/data-$4 ;;')
        with open(script) as f:
            text = f.read().replace('echo 1M', 'echo 64M')
        with Server('sh', executable(d, text)) as s:
            h = s.nbd()
            h.pwrite(data, 0)
            assert h.pread(32 * MIB, 0) == data


def test_many_clients_and_copies():
    with TempDir() as d:
        model = bytearray(MIB)
        with Server('sh', executable(d, DISK)) as s:
            operate_at_once(s, model, 3, 25, fua=nbd.CMD_FLAG_FUA)
            run(['nbdcopy', s.uri, d + '/copy'])
            assert open(d + '/copy', 'rb').read() == model
            with open(d + '/other', 'wb') as f:
                f.write(pattern(MIB))
            run(['nbdcopy', '--flush', d + '/other', s.uri])
            run(['qemu-img', 'compare', '-f', 'raw', '-F', 'raw', d + '/other', s.uri])


def test_script_need_not_read_its_input():
    with TempDir() as d:
        script = plain(d, 'can_write) exit 0 ;;', 'pwrite) [ $4 = 0 ] || { echo EPERM not there >&2; exit 1; } ;;')
        with Server('sh', script) as s:
            h = s.nbd()
            h.pwrite(bytes(MIB), 0)
            expect_error(errno.EPERM, h.pwrite, bytes(512 * 1024), 512)
            h.pwrite(bytes(MIB), 0)


def test_input_outlives_output():
    """A script that closes stdout and stderr first gets all of its input even so."""
    data = pattern(MIB)
    with TempDir() as d:
        script = plain(d, 'can_write) exit 0 ;;', 'pwrite) exec >/dev/null 2>&1; sleep 0.1; cat >$tmpdir/data ;;',
                       'pread) cat $tmpdir/data ;;')
        with Server('sh', script) as s:
            h = s.nbd()
            h.pwrite(data, 0)
            assert h.pread(MIB, 0) == data


def test_errors():
    with TempDir() as d:
        for action, number, text in (
                ('echo ENOSPC no room >&2; echo more >&2; exit 1', errno.ENOSPC, 'pread: no room\n'),
                ('echo nothing special >&2; exit 1', errno.EIO, 'pread: nothing special\n'),
                ('echo ENOSPCx foo >&2; exit 1', errno.EIO, 'ENOSPCx foo'),
                ('echo EPERM: foo >&2; exit 1', errno.EIO, 'EPERM: foo'),
                ('echo EPERM >&2; exit 20', errno.EPERM, 'Operation not permitted'),
                ('printf ENOMEM >&2; exit 127', errno.ENOMEM, 'Cannot allocate memory'),
                ('echo "  ENOSPC foo" >&2; exit 1', errno.EIO, 'ENOSPC foo'),
                ('echo enospc foo >&2; exit 1', errno.ENOSPC, 'pread: foo'),
                ('echo ESHUTDOWN >&2; exit 255', errno.ESHUTDOWN, ''),
                ('echo EPIPE >&2; exit 1', errno.EIO, 'Broken pipe'),
                ('echo EACCES go away >&2; exit 1', errno.EIO, 'pread: go away'),
                ('exit 1', errno.EIO, 'exit code 1, and nothing on stderr'),
                ('exit 9', errno.EIO, 'exit code 9'),
                ('exit 2', errno.EIO, 'pread is missing'),
                ('exit 3', errno.EIO, '(false)'),
                ('kill -9 $$', errno.EIO, 'ended by signal 9'),
                ('head -c 100 /dev/zero', errno.EIO, '100 bytes of output, 512 are wanted'),
                ('head -c 1000 /dev/zero', errno.EIO, 'more than 512 bytes of output'),
                ('cat /dev/zero', errno.EIO, 'more than 512 bytes of output'),
                ('true', errno.EIO, '0 bytes of output')):
            with Server('sh', plain(d, 'pread) %s ;;' % action)) as s:
                h = s.nbd()
                expect_error(number, h.pread, 512, 0)
                expect_error(number, h.pread, 512, 0)
                assert text in s.log(), s.log()


def test_success_says_nothing():
    with TempDir() as d:
        script = plain(d, 'pread) echo ENOSPC chatter >&2; head -c $3 /dev/zero ;;')
        with Server('sh', script) as s:
            assert s.nbd().pread(512, 0) == bytes(512)
            assert 'chatter' not in s.log()
        with Server('-v', 'sh', script) as s:
            s.nbd().pread(512, 0)
            assert 'pread: stderr: ENOSPC chatter' in s.log()


def test_exit_codes_that_end_things():
    with TempDir() as d:
        def serve(code, message=''):
            return Server('sh', plain(d, 'pread) [ $4 = 0 ] && { head -c $3 /dev/zero; exit 0; }; '
                                      'head -c $3 /dev/zero; echo "%s" >&2; exit %d ;;' % (message, code)), clean=False)

        for code, message, error in (4, '', None), (5, '', errno.ESHUTDOWN), (5, 'EPERM no', errno.EPERM):
            with serve(code, message) as s:
                h = s.nbd()
                try:
                    assert h.pread(512, 512) == bytes(512) and error is None
                except nbd.Error as e:
                    # The answer may be overtaken by the end of the server.
                    assert e.errnum in (error, errno.ENOTCONN), e
                assert s.process.wait(timeout=30 * SLOW) == 0
        with serve(6) as s:
            other, h = s.nbd(), s.nbd()
            expect_error(errno.ENOTCONN, h.pread, 512, 512)
            assert other.pread(512, 0) == bytes(512)
        for code, message, error in (7, '', None), (8, '', errno.ESHUTDOWN), (8, 'ENOSPC full', errno.ENOSPC):
            with serve(code, message) as s:
                other, h = s.nbd(), s.nbd()
                if error:
                    expect_error(error, h.pread, 512, 512)
                else:
                    assert h.pread(512, 512) == bytes(512)
                try:
                    h.pread(512, 0)
                    raise AssertionError('it went on')
                except nbd.Error as e:
                    assert e.errnum == errno.ESHUTDOWN, e
                # And it ends, whether or not it goes by itself.
                wait_for('the end', lambda: try_out(h.pread, 512, 0) != 'ESHUTDOWN')
                assert other.pread(512, 0) == bytes(512)


def test_zero_falls_back_to_writing():
    with TempDir() as d:
        script = plain(d, 'can_write|can_zero|can_fast_zero) exit 0 ;;', 'pwrite) cat >>$tmpdir/written ;;',
                       'zero) echo EOPNOTSUPP not so >&2; exit 1 ;;', 'pread) cat $tmpdir/written ;;')
        with Server('sh', script) as s:
            h = s.nbd()
            expect_error(errno.ENOTSUP, h.zero, 1000, 0, nbd.CMD_FLAG_FAST_ZERO)
            h.zero(1000, 0)
            assert h.pread(1000, 0) == bytes(1000)


def test_fua():
    with TempDir() as d:
        for methods, flag, fua, seen in (
                ('can_fua) echo native ;; can_flush) exit 0 ;;', True, 'fua', ['pwrite']),
                ('can_fua) echo emulate ;; can_flush) exit 0 ;;', True, '', ['pwrite', 'flush']),
                ('can_fua) echo emulate ;;', True, '', ['pwrite', 'flush']),
                ('can_flush) exit 0 ;;', True, '', ['pwrite', 'flush']),
                ('can_fua) echo none ;; can_flush) exit 0 ;;', False, None, None)):
            log = d + '/log'
            script = plain(d, methods, 'can_write) exit 0 ;;', 'flush) echo flush >>%s ;;' % log,
                           'pwrite) cat >/dev/null; echo pwrite >>%s; echo "$5" >%s/flags ;;' % (log, d))
            with Server('sh', script) as s:
                h = s.nbd()
                assert h.can_fua() == flag, methods
                if flag:
                    h.pwrite(bytes(512), 0, nbd.CMD_FLAG_FUA)
                    assert calls(log) == seen and calls(d + '/flags') == [fua], methods
                    os.unlink(log)


def test_bad_descriptions():
    with TempDir() as d:
        for method, text in (
                ('get_size) echo nonsense ;;', 'get_size'), ('get_size) exit 2 ;;', 'get_size is missing'),
                ('get_size) exit 1 ;;', 'get_size'), ('can_fua) echo perhaps ;; can_write) exit 0 ;;', 'perhaps'),
                ('can_write) exit 1 ;;', 'can_write'), ('block_size) echo 1 2 ;;', 'three sizes'),
                ('block_size) echo 3 4k 1M ;;', 'block size'), ('block_size) echo 1 4k 8G ;;', 'too large'),
                ('open) exit 1 ;;', 'open'), ('open) exit 3 ;;', 'open'),
                ('default_export) echo ENOENT nobody >&2; exit 1 ;;', 'nobody')):
            with Server('sh', executable(d, (PLAIN % method).replace('get_size) echo 1M ;;', '') if 'get_size' in method
                                         else PLAIN % method)) as s:
                try:
                    s.nbd()
                    raise AssertionError('it was opened: ' + method)
                except nbd.Error:
                    assert text in s.log(), s.log()
        with Server('sh', plain(d, 'preconnect) exit 1 ;;')) as s:
            try:
                s.nbd()
                raise AssertionError('it was let in')
            except nbd.Error:
                pass


def test_extents():
    with TempDir() as d:
        for text, expected in (
                ('0 1M', [[MIB, 0]]), ('0 1M zero', [[MIB, 2]]), ('0 4k 3\\n4k 1M 0x0', [[4096, 3], [MIB - 4096, 0]]),
                ('0 512 hole\\n512 512\\n1024 1M zero,hole', [[512, 1], [512, 0], [MIB - 1024, 3]]),
                ('0 0 hole\\n0 1G 1', [[MIB, 1]]), ('0 1M unheard-of', [[MIB, 0]]),
                ('', None), ('512 1M', None), ('0 4k\\n8k 1M', None), ('0', None), ('0 1M\\n\\n', [[MIB, 0]]),
                ('x y', None)):
            with Server('sh', plain(d, 'can_extents) exit 0 ;;', "extents) printf '%s\\n' ;;" % text)) as s:
                h = s.nbd()
                if expected:
                    assert extents(h) == expected, (text, extents(h))
                else:
                    try:
                        extents(h)
                        raise AssertionError('these were extents: ' + text)
                    except nbd.Error:
                        assert h.pread(512, 0) == bytes(512)


def test_lists():
    with TempDir() as d:
        for text, expected in (
                ('a\\nb\\n', [('a', ''), ('b', '')]), ('NAMES\\na\\n', [('a', '')]), ('a', [('a', '')]),
                ('INTERLEAVED\\na\\nb\\nc\\n', [('a', 'b'), ('c', '')]),
                ('NAMES+DESCRIPTIONS\\na\\nb\\nc\\nd\\ne\\n', [('a', 'd'), ('b', 'e'), ('c', '')]),
                ('NAMES+DESCRIPTIONS\\n', []), ('NAMES\\n\\na\\n', [('', ''), ('a', '')]), ('', []),
                ('\\n', [('', '')])):
            with Server('sh', plain(d, "list_exports) printf '%s' ;;" % text)) as s:
                assert exports(s) == expected, (text, exports(s))
        with Server('sh', plain(d, 'default_export) echo ENOENT none >&2; exit 1 ;;')) as s:
            assert exports(s) == []
        with Server('sh', plain(d, "default_export) printf 'INTERLEAVED\\nthis\\nthat\\n' ;;")) as s:
            assert exports(s) == [('this', '')]
            assert s.nbd(setup=asks_for_infos).get_canonical_export_name() == 'this'


def test_what_a_script_inherits():
    """Signals as those of the one who started the server, a group and a directory of its own."""
    with TempDir() as d:
        script = plain(d, 'thread_model) echo parallel ;;',
                       'pread) { ps -o pgid= $$; echo $$; echo "$tmpdir"; %s; } >%s/seen; head -c $3 /dev/zero ;;' %
                       (SHOW_SIGNALS, d))
        with Server('sh', script, env={'tmpdir': 'not this'}) as s:
            s.nbd().pread(512, 0)
            group, pid, tmpdir, *found = calls(d + '/seen')
        assert signals_shown('\n'.join(found)) == signals_for_children(), found
        assert group.strip() == pid, (group, pid)
        assert tmpdir.startswith('/') and not os.path.exists(tmpdir), tmpdir


def test_descriptors():
    """No descriptor of the server: an interpreter that opens nothing shows what it was given."""
    with TempDir() as d:
        script = executable(d, '#!/usr/bin/python3\nimport os, sys\n'
                            'if sys.argv[1] == "get_size": print("1M")\n'
                            'elif sys.argv[1] == "pread":\n'
                            '    found = " ".join(sorted(os.listdir("/proc/self/fd")))\n'
                            '    open("%s/seen", "w").write(found)\n'
                            '    sys.stdout.write("\\0" * int(sys.argv[3]))\n'
                            'else: sys.exit(2)\n' % d)
        with Server('sh', script) as s:
            others = [s.nbd() for _ in range(3)]
            others[0].pread(512, 0)
            assert calls(d + '/seen') == ['0 1 2 3'], calls(d + '/seen')  # 3 is the list itself


def test_no_zombies():
    with TempDir() as d, Server('sh', plain(d)) as s:
        h = s.nbd()
        for _ in range(20):
            h.pread(512, 0)
        children = run(['ps', '-o', 'stat=', '--ppid', str(s.pid)], check=False).stdout.split()
        assert children == [], children


def test_whoever_starts_the_server_may_ignore_its_children():
    wrapper = 'env --ignore-signal=CHLD ' + os.environ.get('NBDSRV_WRAPPER', '')
    with TempDir() as d, Server('sh', plain(d), env={'NBDSRV_WRAPPER': wrapper}) as s:
        assert s.nbd().pread(512, 0) == bytes(512)


def test_temporary_directory_goes():
    with TempDir() as d:
        script = plain(d, 'open) mkdir -p $tmpdir/a/b; touch $tmpdir/a/b/c; ln -s / $tmpdir/link ;;')
        tmp = d + '/tmp'
        os.mkdir(tmp)
        with Server('sh', script, env={'TMPDIR': tmp}) as s:
            s.nbd()
            assert len(os.listdir(tmp)) == 1
        assert os.listdir(tmp) == []
        assert os.path.exists('/etc')
        env = dict(os.environ, TMPDIR=tmp)
        nbdsrv('--dump-plugin', 'sh', script, env=env)
        assert os.listdir(tmp) == []
        script = plain(d, 'config) exit 1 ;;', 'unload) touch %s/unloaded ;;' % d)
        refused('-U', d + '/s', 'sh', script, 'a=1', env=env)
        assert os.listdir(tmp) == [] and os.path.exists(d + '/unloaded')


def hanging_server(d, action):
    s = Server('sh', plain(d, 'pread) echo $$ >%s/pid; %s ;;' % (d, action)))
    h = s.nbd()
    h.aio_pread(nbd.Buffer(512), 0)
    pid = wait_for('the script', lambda: os.path.exists(d + '/pid') and open(d + '/pid').read().strip())
    return s, h, int(pid)


def test_script_that_hangs_at_the_end():
    """The server ends in time, and nothing of the script is left."""
    for action in ('sleep 1000', 'exec >/dev/null 2>&1; sleep 1000', 'trap "" TERM; sleep 1000 & wait; sleep 1000'):
        with TempDir() as d:
            tmp = d + '/tmp'
            os.mkdir(tmp)
            s, h, pid = hanging_server(d, action)
            with s:
                pass
            wait_for('the end of the script', lambda: is_gone(pid))
            left = run(['pgrep', '-g', str(pid)], check=False).stdout.split()
            assert all(is_gone(int(p)) for p in left), left


def test_slow_script_is_waited_for():
    """A request in flight when the server is told to end gets its answer."""
    with TempDir() as d:
        script = plain(d, 'pread) touch %s/running; sleep 1; head -c $3 /dev/zero ;;' % d,
                       'unload) sleep 0.5; touch %s/unloaded ;;' % d)
        with Server('sh', script) as s:
            h = s.nbd()
            result = []
            t = threading.Thread(target=lambda: result.append(h.pread(512, 0)))
            t.start()
            wait_for('the script', lambda: os.path.exists(d + '/running'))
            s.signal(signal.SIGTERM)
            t.join()
            assert result == [bytes(512)]
        assert os.path.exists(d + '/unloaded')


def test_clients_that_leave():
    with TempDir() as d:
        log = d + '/log'
        script = plain(d, 'open) mktemp -d $tmpdir/handle-XXXXXX ;;', 'close) rmdir "$2"; echo "$2" >>%s ;;' % log)
        with Server('sh', script) as s:
            for _ in range(3):
                h = s.nbd()
                assert h.pread(512, 0) == bytes(512)
                del h
            wait_for('close', lambda: os.path.exists(log) and len(set(calls(log))) == 3)


main(globals())
