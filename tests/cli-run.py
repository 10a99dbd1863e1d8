# SPDX-License-Identifier: BSD-3-Clause
"""--run: the command, its variables, its end and the server's."""
import os
import re
import signal
import subprocess

from harness import NBDSRV, SLOW, TempDir, is_gone, main, nbdsrv, refused, run, wait_for


def variables(*args):
    names = 'uri nbd unixsocket port exportname tls tls_certificates tls_psk'.split()
    script = ''.join('echo "%s=${%s-unset}"\n' % (n, n) for n in names)
    out = nbdsrv(*args, 'memory', '1M', '--run', script, env=dict(os.environ, tls='from outside')).stdout
    return dict(line.split('=', 1) for line in out.splitlines())


def test_variables_on_a_private_socket():
    v = variables()
    assert v['uri'] == v['nbd'] == 'nbd+unix://?socket=' + v['unixsocket']
    assert v['port'] == v['exportname'] == v['tls_certificates'] == v['tls_psk'] == ''
    assert v['tls'] == 'unset'


def test_variables_on_tcp():
    v = variables('-i', 'localhost', '-p', '0', '-e', 'disk one')
    assert v['uri'] == v['nbd'] == 'nbd://localhost:%s/disk%%20one' % v['port']
    assert v['unixsocket'] == '' and v['exportname'] == 'disk one'


def test_only_the_command_writes_to_stdout():
    assert nbdsrv('-v', 'memory', '1M', '--run', 'echo one; exit 0').stdout == 'one\n'


def test_stdin_and_stdout_are_the_commands():
    """What layers print once they serve does not mix with it, nor do they take its input."""
    words = ['eval', 'get_size=echo 1M', 'pread=head -c $3 /dev/zero', 'after_fork=readlink /proc/$PPID/fd/0 /proc/$PPID/fd/1 >&2']
    r = subprocess.run([NBDSRV, '-v', *words, '--run', 'cat; nbdinfo --size "$uri"; readlink /proc/self/fd/0'],
                       input='typed\n', capture_output=True, text=True, timeout=60 * SLOW)
    size, stdin = r.stdout.split('\n', 1)[1].split()
    assert r.returncode == 0 and r.stdout.startswith('typed\n') and size == '1048576' and stdin.startswith('pipe:'), r
    assert len(re.findall('after_fork: stderr: /dev/null', r.stderr)) == 2, r.stderr


def test_several_commands_and_quotes():
    out = nbdsrv('memory', '1M', '--run', """
        nbdinfo --size "$uri"
        if nbdinfo --is read-only "$uri"; then echo 'read-only'; else echo "it's writable"; fi""").stdout
    assert out == "1048576\nit's writable\n"


def test_status_of_a_killed_command():
    r = nbdsrv('memory', '1M', '--run', 'kill -9 $$', check=False)
    assert r.returncode == 128 + 9 and 'signal 9' in r.stderr
    assert nbdsrv('memory', '1M', '--run', 'no-such-command-here', check=False).returncode == 127


def test_interrupted_command_is_not_reported():
    r = nbdsrv('memory', '1M', '--run', 'kill -INT $$', check=False)
    assert r.returncode == 128 + 2 and r.stderr == ''


def test_with_exit_with_parent():
    assert nbdsrv('--exit-with-parent', 'memory', '1M', '--run', 'exit 7', check=False).returncode == 7


def test_command_of_a_server_that_changes_its_user():
    """It is the starter's, as with nbdkit: else it could not reach the private socket."""
    if os.geteuid() != 0:
        assert 'Operation not permitted' in refused('-u', 'nobody', 'memory', '1M', '--run', 'true')
        return
    out = run([NBDSRV, '-u', 'nobody', 'memory', '1M', '--run', 'id -u; nbdinfo --size "$uri"']).stdout
    assert out.split() == ['0', '1048576'], out
    # Who may not end it leaves it.
    p = subprocess.Popen([NBDSRV, '-u', 'nobody', 'memory', '1M', '--run', 'echo $$; exec sleep 1000'],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    command = int(p.stdout.readline())
    p.send_signal(signal.SIGTERM)
    assert p.wait(30 * SLOW) == 1
    os.kill(command, signal.SIGKILL)
    assert 'leaving it' in p.stderr.read()
    p.stdout.close()
    p.stderr.close()


def test_command_does_not_start_for_a_bad_parameter():
    with TempDir() as d:
        refused('memory', '1X', '--run', 'touch %s/ran' % d)
        refused('file', d + '/nothing', '--run', 'touch %s/ran' % d)
        assert os.listdir(d) == []


def end_server(script, number):
    """Ends the server while the command runs; the server's status."""
    with TempDir() as d:
        p = subprocess.Popen([NBDSRV, '-P', d + '/pid', 'memory', '1M', '--run', script % d],
                             stderr=open(d + '/log', 'w'))
        wait_for('the command', lambda: os.path.exists(d + '/command'))
        os.kill(int(open(d + '/pid').read()), number)
        status = p.wait(30)
        command = int(open(d + '/command').read())
        wait_for('the end of the command', lambda: is_gone(command))
        assert not os.path.exists(d + '/pid')
        assert open(d + '/log').read() == ''
        return status


WAIT = '''
echo $$ >%s/command.tmp; mv %s/command.tmp %s/command
exec sleep 1000'''


def test_command_ends_with_the_server():
    script = 'd=%s;' + WAIT.replace('%s', '$d')
    assert end_server(script, signal.SIGTERM) == 128 + signal.SIGTERM


def test_command_that_will_not_end():
    script = 'd=%s; trap "" TERM;' + WAIT.replace('%s', '$d')
    assert end_server(script, signal.SIGTERM) == 128 + signal.SIGKILL


main(globals())
