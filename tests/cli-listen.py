# SPDX-License-Identifier: BSD-3-Clause
"""Where the server listens: TCP in both families, Unix sockets, sockets handed over."""
import os
import shutil
import socket
import subprocess
import sys

from harness import NBDSRV, Server, Skip, TempDir, main, nbdsrv, refused, run, wait_for


def need_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as s:
            s.bind(('::1', 0))
    except OSError:
        raise Skip('the kernel has no IPv6 loopback') from None


def size_at(*args):
    """What a client finds at $uri."""
    return nbdsrv(*args, 'memory', '1M', '--run', 'nbdinfo --size "$uri"').stdout


def families(*args):
    """On which loopback addresses a server on port 0 is found."""
    probe = '''
for host in 127.0.0.1 '[::1]'; do
  nbdinfo --size "nbd://$host:$port" >/dev/null 2>&1 && echo "$host"
done; exit 0'''
    return nbdsrv('-p', '0', *args, 'memory', '1M', '--run', probe).stdout.split()


def test_both_families_on_one_port():
    need_ipv6()
    assert families() == ['127.0.0.1', '[::1]']


def test_one_family_the_last_option_wins():
    need_ipv6()
    assert families('-4') == ['127.0.0.1']
    assert families('-6') == ['[::1]']
    assert families('-4', '-6') == ['[::1]']
    assert families('--ipv6-only', '--ipv4-only') == ['127.0.0.1']


def test_uri_says_where():
    need_ipv6()
    for address, host in ('127.0.0.1', '127.0.0.1'), ('::1', '[::1]'), ('0.0.0.0', 'localhost'), ('::', '[::1]'):
        out = nbdsrv('-i', address, '-p', '0', 'memory', '1', '--run', 'echo $uri $port').stdout.split()
        assert out[0] == 'nbd://%s:%s' % (host, out[1]), out
        assert size_at('-i', address, '-p', '0') == '1048576\n'


def test_address_and_port_that_are_none():
    assert 'cannot listen on' in refused('-i', '192.0.2.1', '-p', '0', 'memory', '1')
    assert 'cannot listen on' in refused('-i', 'no such host', 'memory', '1')
    assert 'neither a number nor' in refused('-p', 'no-such-service', 'memory', '1')
    assert 'is more than 65535' in refused('-p', '65536', 'memory', '1')
    assert 'a port is missing' in refused('-p', '', 'memory', '1')


def test_what_excludes_what():
    for args in (['-U', '/s', '-p', '1'], ['-s', '-p', '1'], ['-s', '-U', '/s'], ['-s', '--run', 'true'],
                 ['-s', '--vsock'], ['-U', '/s', '--vsock']):
        refused(*args, 'memory', '1')
    assert 'nobody knows' in refused('-U', '-', 'memory', '1')
    assert size_at('-U', '-', '-i', 'localhost') == '1048576\n'  # -i is for TCP, as in nbdkit


def directories_made(*args):
    """What the server and what it starts give to mkdir."""
    with TempDir() as d:
        run(['strace', '-f', '-o', d + '/trace', '-e', 'trace=mkdir', NBDSRV, *args], check=False)
        return open(d + '/trace').read()


def test_private_socket_is_not_made_for_a_refused_start():
    if not shutil.which('strace'):
        raise Skip('no strace')
    assert '/tmp/nbdsrv' in directories_made('memory', '1', '--run', 'true')
    assert '/tmp/nbdsrv' not in directories_made('memory', '1X', '--run', 'true')


def test_private_socket_is_for_its_owner_and_goes():
    out = nbdsrv('memory', '1', '--run', 'dirname $unixsocket; stat -c %a $(dirname $unixsocket)').stdout
    path, mode = out.split()
    assert mode == '700'
    assert not os.path.exists(path)


def test_relative_unix_socket():
    with TempDir() as d:
        program = os.path.abspath(NBDSRV)
        out = run([program, '-U', 'sock', 'memory', '1M', '--run', 'echo "$unixsocket"'], cwd=d).stdout
        assert out == os.path.realpath(d) + '/sock\n' or out == d + '/sock\n'
        assert os.listdir(d) == []
        assert 'a path is missing' in refused('-U', '', 'memory', '1')


def test_socket_that_another_server_put_there_stays():
    with Server('memory', '1M') as first:
        os.unlink(first.socket)
        with Server('memory', '2M') as second:
            os.rename(second.socket, first.socket)
            ours = os.stat(first.socket)
            first.signal(15)
            assert first.process.wait(20) == 0
            assert os.stat(first.socket).st_ino == ours.st_ino
            os.rename(first.socket, second.socket)
            assert second.nbd().get_size() == 2 << 20


def test_file_in_the_way_stays():
    with TempDir() as d:
        open(d + '/file', 'w').close()
        assert 'is there already' in refused('-U', d + '/file', 'memory', '1')
        assert os.path.isfile(d + '/file')
        assert 'No such file' in refused('-U', d + '/no/sock', 'memory', '1')


HAND_OVER = '''
import os, sys
fds = [int(fd) for fd in sys.argv[1].split(',')]
for i, fd in enumerate(fds):
    os.dup2(fd, 100 + i)
for i in range(len(fds)):
    os.dup2(100 + i, 3 + i)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(fds)))
os.execv(sys.argv[2], sys.argv[2:])
'''


def hand_over(fds, *args):
    return [sys.executable, '-c', HAND_OVER, ','.join(map(str, fds)), NBDSRV, *args]


def test_several_sockets_handed_over():
    with TempDir() as d, socket.socket() as tcp, socket.socket(socket.AF_UNIX) as local:
        tcp.bind(('127.0.0.1', 0))
        tcp.listen()
        local.bind(d + '/sock')
        local.listen()
        fds = [tcp.fileno(), local.fileno()]
        p = subprocess.Popen(hand_over(fds, 'memory', '1M', '-P', d + '/pid'), pass_fds=fds)
        try:
            for uri in 'nbd://127.0.0.1:%d' % tcp.getsockname()[1], 'nbd+unix:///?socket=%s/sock' % d:
                assert run(['nbdinfo', '--size', uri]).stdout == '1048576\n'
            assert int(open(d + '/pid').read()) == p.pid  # in the foreground
        finally:
            p.terminate()
            assert p.wait(20) == 0
        assert os.listdir(d) == ['sock']  # whoever made it removes it


def test_handed_over_sockets_exclude_others():
    with TempDir() as d, socket.socket(socket.AF_UNIX) as local:
        local.bind(d + '/sock')
        local.listen()
        for args in ['-p', '0'], ['-U', d + '/other'], ['-s'], ['--run', 'true'], ['-i', 'localhost']:
            r = run(hand_over([local.fileno()], *args, 'memory', '1'), check=False, pass_fds=[local.fileno()])
            assert r.returncode == 1 and 'socket activation' in r.stderr and r.stderr.count('\n') == 1, r.stderr
        with open(d + '/file', 'w') as f:
            r = run(hand_over([f.fileno()], 'memory', '1'), check=False, pass_fds=[f.fileno()])
            assert r.returncode == 1 and 'no listening socket' in r.stderr, r.stderr


def test_sockets_for_another_process_are_not_ours():
    assert nbdsrv('memory', '1M', '--run', 'nbdinfo --size "$uri"',
                  env=dict(os.environ, LISTEN_PID='1', LISTEN_FDS='1')).stdout == '1048576\n'


def test_out_of_descriptors():
    with TempDir() as d:
        limited = ['sh', '-c', 'ulimit -n 24; exec "$@"', 'sh', NBDSRV, '-f', '-U', d + '/sock', '-P', d + '/pid',
                   'memory', '1M']
        p = subprocess.Popen(limited, stderr=open(d + '/log', 'w'))
        wait_for('the server', lambda: os.path.exists(d + '/pid') and open(d + '/pid').read())
        clients = []
        for _ in range(40):
            s = socket.socket(socket.AF_UNIX)
            s.connect(d + '/sock')
            clients.append(s)
        wait_for('the complaint', lambda: 'Too many open files' in open(d + '/log').read())
        for s in clients:
            s.close()
        assert run(['nbdinfo', '--size', 'nbd+unix:///?socket=%s/sock' % d]).stdout == '1048576\n'
        p.terminate()
        assert p.wait(20) == 0
        assert open(d + '/log').read().count('\n') == 1


def free_vsock_port():
    try:
        with socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM) as s:
            s.bind((socket.VMADDR_CID_ANY, socket.VMADDR_PORT_ANY))
            return s.getsockname()[1]
    except OSError:
        raise Skip('the kernel has no AF_VSOCK') from None


def test_vsock():
    port = free_vsock_port()
    out = nbdsrv('--vsock', '-p', str(port), 'memory', '1M', '--run', 'echo $uri $port').stdout
    assert out == 'nbd+vsock://1:%d %d\n' % (port, port)


def test_vsock_client():
    """The kernel's loopback, where it has one, stands for a virtual machine."""
    port = free_vsock_port()
    with socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM) as s, \
            socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM) as c:
        s.bind((socket.VMADDR_CID_ANY, port))
        s.listen()
        try:
            c.connect((1, port))
        except OSError:
            raise Skip('the kernel has no loopback for AF_VSOCK') from None
    out = nbdsrv('--vsock', '-p', '0', 'memory', '1M', '--run', 'nbdinfo --size "$uri"').stdout
    assert out == '1048576\n', out


main(globals())
