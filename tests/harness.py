# SPDX-License-Identifier: BSD-3-Clause
"""What every test needs: a server of its own, and TAP output.

A test is a script whose functions named test_* are run in order:

    from harness import Server, main

    def test_size():
        with Server('memory', '1M') as s:
            assert s.nbd().get_size() == 1048576

    main(globals())

`tests/foo.py NAME...` runs only those functions.  Server starts $NBDSRV (the
wrapper in the build tree) in the foreground on a Unix socket of its own, or on
TCP with tcp=True, and waits for its pid file.  Leaving the `with` block sends
SIGTERM and checks that the server ended well and logged no sanitizer report.
At a failure its log is printed.  Raise Skip (reason) for a missing kernel
feature, and for nothing else.

NBDSRV_TEST_SLOW=N multiplies all deadlines, for sanitizers and valgrind.
"""
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

NBDSRV = os.environ.get('NBDSRV', './nbdsrv')
SLOW = float(os.environ.get('NBDSRV_TEST_SLOW', '1'))
SRCDIR = os.environ.get('srcdir', os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILDDIR = os.environ.get('builddir', os.path.dirname(os.path.abspath(NBDSRV)))
# Plugins made for tests.
RECORDER = os.path.join(BUILDDIR, 'tests', '.libs', 'recorder.so')
SUBMITTER = os.path.join(BUILDDIR, 'tests', '.libs', 'submitter.so')
OPENER = os.path.join(BUILDDIR, 'tests', '.libs', 'opener.so')

# nbdsh runs the first python3 of PATH: let it be this one, which has libnbd's module.
os.environ['PATH'] = os.path.dirname(sys.executable) + os.pathsep + os.environ.get('PATH', '')

_last_log = []


class Skip(Exception):
    pass


def sanitized():
    """Sanitizers have their own idea of memory."""
    return SLOW > 1


# What a program sees of its signals: started by this one, and then as a server starts it,
# which gives those that it handles itself their defaults.
SHOW_SIGNALS = 'grep -E "^Sig(Blk|Ign)" /proc/self/status'


def signals_shown(text):
    """The C library keeps 32 and above for itself, and may let new programs ignore them."""
    return [int(line.split()[1], 16) & 0x7fffffff for line in text.splitlines()]


def signals_for_children():
    return signals_shown(run(['env', '--default-signal=HUP,INT,QUIT,TERM', 'sh', '-c', SHOW_SIGNALS]).stdout)


def deadline(seconds):
    return time.monotonic() + seconds * SLOW


def wait_for(what, condition, seconds=10):
    """Until condition () is true: polls, and gives up after a deadline."""
    end = deadline(seconds)
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError('gave up waiting for ' + what)
        time.sleep(0.005)


def is_gone(pid):
    """That a process has ended, whether or not its parent has noticed."""
    try:
        with open('/proc/%d/stat' % pid) as f:
            return f.read().rpartition(')')[2].split()[0] in 'ZX'
    except (FileNotFoundError, ProcessLookupError):
        return True


def run(args, check=True, seconds=60, **kw):
    """Runs a command; stdout and stderr are captured as text."""
    r = subprocess.run(args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, text=True, timeout=seconds * SLOW, **kw)
    if check and r.returncode != 0:
        raise AssertionError('%s\nexit status %d\n%s%s' % (args, r.returncode, r.stdout, r.stderr))
    return r


def exports(s):
    """What a server lists: pairs of name and description."""
    import nbd
    h = nbd.NBD()
    h.set_opt_mode(True)
    h.connect_unix(s.socket)
    found = []
    h.opt_list(lambda name, description: found.append((name, description)) and 0)
    h.opt_abort()
    return found


def nbdsrv(*args, **kw):
    """Runs the server for its output, without expecting it to stay."""
    return run([NBDSRV, *args], **kw)


def refused(*args, **kw):
    """The one line with which the server refuses to start."""
    r = nbdsrv(*args, check=False, **kw)
    assert r.returncode == 1, '%s: exit status %d: %s' % (args, r.returncode, r.stderr)
    lines = r.stderr.splitlines()
    assert len(lines) == 1, r.stderr
    assert ': error: ' in lines[0], r.stderr
    return lines[0]


def pattern(length, seed=1):
    return random.Random(seed).randbytes(length)


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class Server:
    program = NBDSRV

    def __init__(self, *args, tcp=False, wait=True, env=None, clean=True,
                 pass_fds=()):
        self.dir = tempfile.mkdtemp(prefix='nbdsrv-test-')
        self.socket = None if tcp else os.path.join(self.dir, 's')
        self.pidfile = os.path.join(self.dir, 'pid')
        self.logfile = os.path.join(self.dir, 'log')
        self.clean = clean
        self.env = dict(os.environ, **(env or {}))
        self.pass_fds = pass_fds
        self._start(tcp, args)
        try:
            # Somebody else may have taken the port since it was found free.
            while wait and tcp and not self._started() and 'in use' in self.log():
                self._start(tcp, args)
            if wait:
                assert self._started(), 'the server did not start'
                self.pid = int(open(self.pidfile).read())
        except BaseException:
            self.kill()
            self._forget()
            raise

    def _start(self, tcp, args):
        self.port = free_port() if tcp else None
        where = ['-p', str(self.port)] if tcp else ['-U', self.socket]
        self.log_out = open(self.logfile, 'wb')
        self.process = subprocess.Popen(
            [self.program, '-f', '-P', self.pidfile, *where, *args],
            stdin=subprocess.DEVNULL, stdout=self.log_out, stderr=self.log_out,
            env=self.env, start_new_session=True, pass_fds=self.pass_fds)

    def _started(self):
        """Waits for the pid file; False: the server ended instead."""
        def is_ready():
            return (self.process.poll() is not None or os.path.exists(self.pidfile) and
                    open(self.pidfile).read().endswith('\n'))

        wait_for('the server', is_ready)
        return self.process.poll() is None

    @property
    def uri(self):
        if self.port:
            return 'nbd://localhost:%d' % self.port
        return 'nbd+unix:///?socket=' + self.socket

    def uri_of(self, export):
        if self.port:
            return 'nbd://localhost:%d/%s' % (self.port, export)
        return 'nbd+unix:///%s?socket=%s' % (export, self.socket)

    def connect(self):
        """A bare socket to the server."""
        if self.port:
            s = socket.create_connection(('localhost', self.port))
        else:
            s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            s.connect(self.socket)
        s.settimeout(30 * SLOW)
        return s

    def accepts(self):
        """That new connections are taken still."""
        try:
            self.connect().close()
            return True
        except OSError:
            return False

    def nbd(self, export='', contexts=('base:allocation',), setup=None):
        """A connected libnbd handle."""
        import nbd
        h = nbd.NBD()
        for context in contexts:
            h.add_meta_context(context)
        h.set_export_name(export)
        if setup:
            setup(h)
        if self.port:
            h.connect_tcp('localhost', str(self.port))
        else:
            h.connect_unix(self.socket)
        return h

    def log(self):
        return open(self.logfile, errors='replace').read()

    def signal(self, number):
        os.kill(self.pid, number)

    def rss(self):
        """Resident memory in bytes."""
        status = open('/proc/%d/status' % self.pid).read()
        return int(re.search(r'VmRSS:\s*(\d+)', status).group(1)) * 1024

    def access_modes(self, path):
        """How the server has a file open: a set of os.O_RDONLY and the like."""
        modes, proc = set(), '/proc/%d/' % self.pid
        for fd in os.listdir(proc + 'fd'):
            if os.readlink(proc + 'fd/' + fd) == path:
                info = open(proc + 'fdinfo/' + fd).read()
                modes.add(int(re.search(r'flags:\s*(\d+)', info).group(1), 8) & os.O_ACCMODE)
        return modes

    def threads(self):
        return len(os.listdir('/proc/%d/task' % self.pid))

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(timeout=15 * SLOW)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError('the server did not end after SIGTERM') from None
        log = self.log()
        for sign in ('ERROR: AddressSanitizer', 'runtime error:', 'ThreadSanitizer',
                     'LeakSanitizer', '== ERROR SUMMARY'):
            assert sign not in log, 'the log has a report of a sanitizer'
        if self.clean:
            assert status == 0, 'the server ended with status %d' % status
            assert not os.path.exists(self.pidfile), 'the pid file was left behind'
            assert not self.socket or not os.path.exists(self.socket), 'the socket was left'

    def kill(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()

    def _forget(self):
        _last_log.append(self.log())
        self.log_out.close()
        shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, tb):
        try:
            if kind is None:
                self.stop()
            else:
                self.kill()
        finally:
            self._forget()


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as s:
            s.bind(('::1', 0))
        return True
    except OSError:
        return False


def each_transport(*args):
    """(server, URI) over a Unix socket, IPv4 and IPv6: the last two of one server."""
    with Server(*args) as s:
        yield s, s.uri
    with Server(*args, tcp=True) as s:
        yield s, 'nbd://127.0.0.1:%d' % s.port
        if has_ipv6():
            yield s, 'nbd://[::1]:%d' % s.port


class TempDir:
    def __enter__(self):
        self.name = tempfile.mkdtemp(prefix='nbdsrv-test-')
        return self.name

    def __exit__(self, *args):
        shutil.rmtree(self.name, ignore_errors=True)


def expect_error(errnum, function, *args):
    """That a libnbd call fails with this error."""
    import nbd
    try:
        function(*args)
    except nbd.Error as e:
        assert e.errnum == errnum, 'wrong error: %s' % e
        return
    raise AssertionError('no error')


def _comment(text):
    for line in text.splitlines():
        print('# ' + line)


def main(names):
    tests = [(n, f) for n, f in names.items() if n.startswith('test_') and callable(f)]
    if len(sys.argv) > 1:
        tests = [t for t in tests if t[0] in sys.argv[1:]]
    print('1..%d' % len(tests), flush=True)
    failed = 0
    for i, (name, function) in enumerate(tests, 1):
        del _last_log[:]
        try:
            function()
            print('ok %d - %s' % (i, name))
        except Skip as e:
            print('ok %d - %s # SKIP %s' % (i, name, e))
        except BaseException:
            failed += 1
            print('not ok %d - %s' % (i, name))
            _comment(traceback.format_exc())
            for log in _last_log:
                _comment('the server said:\n' + log)
            if sys.exc_info()[0] is KeyboardInterrupt:
                break
        sys.stdout.flush()
    sys.exit(1 if failed else 0)
