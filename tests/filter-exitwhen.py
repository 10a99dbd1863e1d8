# SPDX-License-Identifier: BSD-3-Clause
# The exitwhen filter.
import os
import subprocess

from harness import Server, TempDir, main, refused


def ended(s):
    s.process.wait(timeout=30)
    return s.process.returncode == 0


def server(*args, **kw):
    return Server('--filter=exitwhen', 'memory', '1M', 'exit-when-poll=10ms', *args, **kw)


def test_file_created():
    with TempDir() as d, server('exit-when-file-created=' + d + '/stop') as s:
        s.nbd().shutdown()
        h = s.nbd()
        open(d + '/stop', 'w').close()
        h.pwrite(b'x', 0)  # goes on
        refuses(s)
        h.shutdown()
        assert ended(s)


def refuses(s):
    import nbd
    try:
        s.nbd()
        assert False
    except nbd.Error:
        pass


def test_while_nobody_is_there():
    with TempDir() as d, server('exit-when-file-created=' + d + '/stop') as s:
        open(d + '/stop', 'w').close()
        assert ended(s)


def test_file_deleted():
    with TempDir() as d:
        open(d + '/go', 'w').close()
        with server('exit-when-file-deleted=' + d + '/go') as s:
            s.nbd().pread(1, 0)
            os.unlink(d + '/go')
            assert ended(s)


def test_one_of_several():
    with TempDir() as d, server('exit-when-file-created=' + d + '/a',
                                'exit-when-file-created=' + d + '/b') as s:
        open(d + '/b', 'w').close()
        assert ended(s)


def test_process_exits():
    child = subprocess.Popen(['cat'], stdin=subprocess.PIPE)
    with server('exit-when-process-exits=%d' % child.pid) as s:
        h = s.nbd()
        h.pread(1, 0)
        child.stdin.close()
        child.wait()
        h.pread(1, 0)
        h.shutdown()
        assert ended(s)


def test_pipe_closed():
    r, w = os.pipe()
    os.set_inheritable(r, True)
    os.set_inheritable(w, False)
    try:
        s = Server('--filter=exitwhen', 'memory', '1M', 'exit-when-poll=10ms',
                   'exit-when-pipe-closed=%d' % r, pass_fds=[r])
    finally:
        os.close(r)
    with s:
        s.nbd().pread(1, 0)
        os.close(w)
        assert ended(s)


def test_script():
    with TempDir() as d, server('exit-when-script=test ! -e %s/stop || exit 88' % d) as s:
        s.nbd().pread(1, 0)
        open(d + '/stop', 'w').close()
        assert ended(s)


def test_script_that_fails():
    with TempDir() as d, server('exit-when-script=exit 3',
                                'exit-when-file-created=' + d + '/stop') as s:
        s.nbd().pread(1, 0)
        assert 'it returned 3' in s.log()
        open(d + '/stop', 'w').close()
        assert ended(s)


def test_no_events():
    with server() as s:
        s.nbd().pread(1, 0)


def test_nonsense():
    assert 'exit-when-pipe-closed' in refused('--filter=exitwhen', 'memory', '1M',
                                              'exit-when-pipe-closed=1000')
    assert 'exit-when-process-exits' in refused('--filter=exitwhen', 'memory', '1M',
                                                'exit-when-process-exits=0')


main(globals())
