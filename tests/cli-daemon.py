# SPDX-License-Identifier: BSD-3-Clause
"""The process: background, pid file, user, log, signals."""
import os
import pwd
import re
import signal
import socket
import subprocess

from harness import BUILDDIR, NBDSRV, Server, Skip, TempDir, is_gone, main, nbdsrv, refused, run, sanitized, wait_for


class Background:
    """A server in the background, started in directory d."""

    def __init__(self, d, *args, **kw):
        self.d = d
        kw.setdefault('stdin', subprocess.DEVNULL)
        kw.setdefault('stderr', subprocess.PIPE)
        r = subprocess.run([os.path.abspath(NBDSRV), '-U', 'sock', '-P', 'pid', *args], cwd=d, timeout=60, **kw)
        assert r.returncode == 0, r.stderr
        self.pid = int(open(d + '/pid').read())

    def size(self):
        return run(['nbdinfo', '--size', 'nbd+unix:///?socket=%s/sock' % self.d]).stdout

    def status(self, key):
        return re.search(r'^%s:\s*(.*)$' % key, open('/proc/%d/status' % self.pid).read(), re.M).group(1).split()

    def end(self):
        os.kill(self.pid, signal.SIGTERM)
        wait_for('the end', lambda: is_gone(self.pid), 20)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, tb):
        self.end() if kind is None else os.kill(self.pid, signal.SIGKILL)


def test_relative_paths_hold_in_the_background():
    with TempDir() as d:
        open(d + '/disk', 'wb').write(b'x' * 4096)
        with Background(d, 'file', 'disk') as s:
            assert s.size() == '4096\n'
            assert os.readlink('/proc/%d/cwd' % s.pid) == '/'
        assert os.listdir(d) == ['disk']


def test_standard_files_in_the_background():
    with TempDir() as d:
        with Background(d, 'memory', '1M') as s:
            assert {os.readlink('/proc/%d/fd/%d' % (s.pid, fd)) for fd in range(3)} == {'/dev/null'}
            assert os.getsid(s.pid) == s.pid


def test_stdin_and_stdout_in_the_foreground():
    """Layers that print while they serve, or read, find nobody there, as in the background."""
    with Server('memory', '1M') as s:
        assert [os.readlink('/proc/%d/fd/%d' % (s.process.pid, fd)) for fd in range(2)] == ['/dev/null'] * 2


def test_service_manager_learns_who_serves():
    with TempDir() as d, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(d + '/notify')
        s.settimeout(20)
        with Background(d, 'memory', '1M', env=dict(os.environ, NOTIFY_SOCKET=d + '/notify')) as server:
            assert s.recv(100) == b'READY=1\nMAINPID=%d\n' % server.pid
        assert s.recv(100) == b'STOPPING=1\n'


def test_started_without_standard_files():
    with TempDir() as d:
        command = 'exec "$0" -U "$1/sock" -P "$1/pid" memory 1M <&- >&- 2>&-'
        subprocess.run(['sh', '-c', command, NBDSRV, d], check=True, timeout=60)
        pid = int(open(d + '/pid').read())
        assert run(['nbdinfo', '--size', 'nbd+unix:///?socket=%s/sock' % d]).stdout == '1048576\n'
        os.kill(pid, signal.SIGTERM)
        wait_for('the end', lambda: is_gone(pid), 20)


def test_refused_before_the_background():
    with TempDir() as d:
        refused('-P', d + '/no/pid', '-U', d + '/sock', 'memory', '1M')
        assert os.listdir(d) == []
        assert 'a path is missing' in refused('-P', '', 'memory', '1M')


def test_pid_file_of_another_server_stays():
    with TempDir() as d:
        with Background(d, 'memory', '1M'):
            open(d + '/pid', 'w').write('1\n')
        assert open(d + '/pid').read() == '1\n'


def test_pid_file_is_overwritten():
    with TempDir() as d:
        open(d + '/pid', 'w').write('123456789 and more\n')
        with Background(d, 'memory', '1M') as s:
            assert open(d + '/pid').read() == '%d\n' % s.pid


def test_debug_lines_go_to_stderr_from_the_background_too():
    with TempDir() as d:
        with open(d + '/log', 'w') as log:
            with Background(d, '-v', 'memory', '1M', stderr=log) as s:
                s.size()
        text = open(d + '/log').read()
        assert re.search(r'^nbdsrv: memory\.1: debug: open', text, re.M), text


def test_log_targets():
    with TempDir() as d:
        r = nbdsrv('--log=null', 'memory', '1X', check=False)
        assert r.returncode == 1 and r.stderr == ''
        assert 'not one of' in refused('--log=file', 'memory', '1M')
        with open(d + '/log', 'w') as log:
            with Background(d, '--log=stderr', 'memory', '1M', stderr=log) as s:
                assert os.readlink('/proc/%d/fd/2' % s.pid) == d + '/log'


def test_debug_switches():
    quiet = nbdsrv('-v', '-D', 'nbdkit.backend.controlpath=0', 'memory', '1M', '--run', 'nbdinfo --size "$uri"')
    assert 'debug: connected' in quiet.stderr and 'open: export' not in quiet.stderr
    assert 'PATH=' in nbdsrv('-v', '-D', 'nbdsrv.environ=1', 'memory', '1M', '--run', 'true').stderr
    for flag, text in {'memory.foo=1': 'memory_debug_foo', 'nosuch.foo=1': 'no plugin or filter',
                       'nbdsrv.foo=1': 'no such switch'}.items():
        r = nbdsrv('-D', flag, 'memory', '1M', '--run', 'true')
        assert 'warning: ' in r.stderr and text in r.stderr, r.stderr
    for flag in 'memory', 'memory.foo=x', '.foo=1', 'memory.foo=9999999999':
        refused('-D', flag, 'memory', '1M')


def test_user_and_group():
    user = pwd.getpwnam('nobody')
    if os.geteuid() != 0:
        assert 'Operation not permitted' in refused('-u', 'nobody', '-U', '/nowhere/sock', 'memory', '1M')
        return
    for args, uid, gid in ((['-u', 'nobody'], user.pw_uid, user.pw_gid),
                           (['--user=%d' % user.pw_uid], user.pw_uid, user.pw_gid),
                           (['-u', '54321'], 54321, os.getgid()),
                           (['-u', 'nobody', '-g', '54321'], user.pw_uid, 54321),
                           (['--group', '54321'], 0, 54321)):
        with TempDir() as d:
            with Background(d, *args, 'memory', '1M') as s:
                assert s.status('Uid') == [str(uid)] * 4
                assert s.status('Gid') == [str(gid)] * 4
                assert s.status('Groups') == [str(gid)]
                assert s.size() == '1048576\n'
                os.chmod(d, 0o777)  # or it could not remove its files


def test_users_that_are_none():
    for args in (['-u', ''], ['-u', 'no-such-user'], ['-g', '-1'], ['-g', 'no-such-group'], ['-u', '99999999999'],
                 ['-u', '4294967296']):
        with TempDir() as d:
            line = refused(*args, '-U', d + '/sock', '-P', d + '/pid', 'memory', '1M')
            assert 'there is no' in line, line
            assert os.listdir(d) == []


def test_memory_is_locked_in_the_background():
    if os.geteuid() != 0:
        return
    with TempDir() as d:
        with Background(d, '--swap', 'null', '1M') as s:
            # Sanitizers make mlockall () do nothing: they reserve more than can be locked.
            assert s.size() == '1048576\n'
            assert sanitized() or int(s.status('VmLck')[0]) > 1000


def test_signals_at_any_time_leave_nothing_behind():
    """Sent during the start: at once, and as soon as the socket is seen."""
    for number in signal.SIGTERM, signal.SIGINT:
        for i in range(10):
            with TempDir() as d:
                p = subprocess.Popen([NBDSRV, '-f', '-U', d + '/sock', '-P', d + '/pid', 'memory', '1M'])
                if i % 5:
                    wait_for('the socket', lambda: os.path.exists(d + '/sock'), 20)
                p.send_signal(number)
                assert p.wait(20) in (0, -number)
                assert os.listdir(d) == []


def test_hangup_does_not_end_a_service():
    with Server('memory', '1M') as s:
        for _ in range(3):
            s.signal(signal.SIGHUP)
        assert s.nbd().get_size() == 1 << 20


def test_hangup_of_a_terminal_ends_the_server():
    with TempDir() as d:
        here, there = os.openpty()
        p = subprocess.Popen([NBDSRV, '-f', '-U', d + '/sock', '-P', d + '/pid', 'memory', '1M'], stdin=there)
        os.close(there)
        wait_for('the server', lambda: os.path.exists(d + '/pid') and open(d + '/pid').read())
        p.send_signal(signal.SIGHUP)
        assert p.wait(20) == 0
        os.close(here)


def test_broken_pipe_on_stderr_does_not_end_it():
    with TempDir() as d:
        here, there = os.pipe()
        os.close(here)
        p = subprocess.Popen([NBDSRV, '-f', '-v', '-U', d + '/sock', '-P', d + '/pid', 'memory', '1M'], stderr=there)
        os.close(there)
        wait_for('the server', lambda: os.path.exists(d + '/pid') and open(d + '/pid').read())
        assert run(['nbdinfo', '--size', 'nbd+unix:///?socket=%s/sock' % d]).stdout == '1048576\n'
        p.terminate()
        assert p.wait(20) == 0


def test_tie_to_the_parent_outlives_the_change_of_user():
    if os.geteuid() != 0:
        return
    with TempDir() as d:
        os.chmod(d, 0o777)
        program = os.path.join(BUILDDIR, 'server', 'nbdsrv')
        env = dict(os.environ, NBDSRV_PLUGINDIR=os.environ.get('NBDSRV_PLUGINDIR', BUILDDIR + '/.libs'))
        shell = subprocess.Popen(['sh', '-c', '%s --exit-with-parent -u nobody -U %s/sock -P %s/pid memory 1M & wait' %
                                  (program, d, d)], env=env)
        wait_for('the pid file', lambda: os.path.exists(d + '/pid') and open(d + '/pid').read())
        pid = int(open(d + '/pid').read())
        wait_for('the change of user', lambda: 'Uid:\t%d' % pwd.getpwnam('nobody').pw_uid in
                 open('/proc/%d/status' % pid).read())
        run(['nbdinfo', '--size', 'nbd+unix:///?socket=%s/sock' % d])  # serves: it is tied again
        shell.kill()
        shell.wait()
        wait_for('the end', lambda: is_gone(pid), 20)


main(globals())
