# SPDX-License-Identifier: BSD-3-Clause
# The command line: what users type, right and wrong.
import os
import re
import signal
import socket
import subprocess

from compile import build
from harness import (NBDSRV, SRCDIR, Server, TempDir, is_gone, main, nbdsrv, refused, run, wait_for)


def test_manual_page_and_options_agree():
    longs = nbdsrv('--long-options').stdout.split()
    shorts = nbdsrv('--short-options').stdout.split()
    page = open(SRCDIR + '/man/nbdsrv.pod').read()
    items = ' '.join(re.findall(r'^=item (.*)', page, re.M))
    documented = set(re.findall(r'B<(-[^>]*)>', items))
    assert documented == set(longs) | set(shorts), documented ^ (set(longs) | set(shorts))


def test_pages_of_layers_and_their_parameters_agree():
    pods = os.listdir(SRCDIR + '/man')
    for pod in pods:
        m = re.fullmatch(r'nbdsrv-(.*)-(plugin|filter)\.pod', pod)
        if not m:
            continue
        name, kind = m.groups()
        args = ['--filter=' + name, 'null', '--help'] if kind == 'filter' else [name, '--help']
        out = nbdsrv(*args).stdout.split('\n\nplugin ' if kind == 'filter' else '\0')[0]
        shown = {k.strip('[]=') for k in re.findall(r'^  (\[?[a-z0-9-]+=\]?)', out, re.M)}
        page = open(SRCDIR + '/man/' + pod).read()
        items = ' '.join(re.findall(r'^=item (.*?)\n\n', page, re.M | re.S))
        documented = set(re.findall(r'B<([a-z0-9_-]+)=[a-z]*>', items))
        assert shown <= documented, '%s: %s' % (pod, shown ^ documented)


def test_help_and_version():
    assert 'Usage: nbdsrv' in nbdsrv('--help').stdout
    assert 'rdelay=' in nbdsrv('--filter=delay', 'memory', '--help').stdout
    assert 'size=' in nbdsrv('memory', '--help').stdout
    assert re.match(r'nbdsrv \d+\.\d+\.\d+\n$', nbdsrv('--version').stdout)
    lines = nbdsrv('--filter=delay', 'memory', '--version').stdout.split('\n')
    assert [line.split()[0] for line in lines[:3]] == ['nbdsrv', 'delay', 'memory']


def test_dump_plugin():
    out = nbdsrv('--dump-plugin', 'memory').stdout
    for line in 'name=memory', 'thread_model=parallel', 'has_pread=1', 'magic_config_key=size':
        assert line + '\n' in out, out


def test_bad_input_is_refused_in_one_line():
    with TempDir() as d:
        open(d + '/secret', 'w').close()
        open(d + '/script.so', 'w').write('no object')
        cases = {
            'memory': ['memory'],
            'did you mean': ['memroy', '1G'],
            "did you mean 'size'": ['memory', 'siez=1G'],
            'not a size': ['memory', '1X'],
            'more than once': ['memory', 'size=1', 'size=2'],
            'bare': ['memory', '1', '2'],
            'No such file': ['file', d + '/nothing'],
            'directory': ['file', d],
            'unknown option': ['--nonsense', 'memory', '1'],
            'needs an argument': ['memory', '1', '--filter'],
            'unknown option -z': ['-z', 'memory', '1'],
            'no filter': ['--filter=nonsense', 'memory', '1'],
            'cannot load': [d + '/script.so'],
            'neither a plugin nor': ['nothing.img'],
            'no user': ['-u', 'no-such-user', 'memory', '1'],
            'serves its files': [d],
            'pid file': ['-f', '-P', d + '/no/pid', 'memory', '1'],
            'is more than': ['-t', '100000', 'memory', '1'],
        }
        for text, args in cases.items():
            line = refused('-U', d + '/sock', *args)
            assert text in line, '%s: %s' % (args, line)
            assert not os.path.exists(d + '/sock'), args
        assert 'which plugin' in refused()
        assert 'is more than' in refused('-p', '70000', 'memory', '1')


def test_directory_or_unreadable_file_in_place_of_a_plugin():
    with TempDir() as d:
        os.mkdir(d + '/images')
        assert "'nbdsrv file dir=images'" in refused('images', cwd=d)
        open(d + '/disk', 'w').close()
        os.chmod(d + '/disk', 0)
        if os.geteuid() != 0:
            assert 'Permission denied' in refused('disk', cwd=d)


PARAM_OUTSIDE = """
#include <nbdsrv-plugin.h>
struct inst { char c[%d]; };
static const struct nbdsrv_param params[] = {
    {"x", %s, 0, %d, NULL, "x", "a|b", NULL}, {NULL, 0, 0, 0, NULL, NULL, NULL, NULL}};
static int describe (void *h, struct nbdsrv_info *info) { return 0; }
static struct nbdsrv_plugin plugin = {.name = "outside", .params = params, .help = "",
    .instance_size = sizeof (struct inst), .describe = describe};
NBDSRV_PLUGIN (plugin)
"""


def test_parameter_outside_the_instance():
    with TempDir() as d:
        for size, kind, offset, good in ((8, 'NBDSRV_SIZE', 0, True), (8, 'NBDSRV_SIZE', 4, False),
                                         (8, 'NBDSRV_BOOL', 4, True), (2, 'NBDSRV_ENUM', 0, False),
                                         (8, 'NBDSRV_STRING', 1, False), (8, 'NBDSRV_INT32', 5, False),
                                         (8, 'NBDSRV_FRACTION', 16, False)):
            path = build(PARAM_OUTSIDE % (size, kind, offset), 'outside.so', d)
            if good:
                nbdsrv(path, '--dump-plugin')
                assert nbdsrv(path, '--help').stdout.endswith('  x\n')
            else:
                assert 'outside the instance' in refused(path), (size, kind, offset)


def test_objects_that_are_no_plugins():
    libs = run(['ldd', '/bin/sh']).stdout
    libc = re.search(r'(/\S*libc\.so\.6)', libs).group(1)
    assert 'no plugin' in refused(libc)


def test_port_in_use():
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(('127.0.0.1', 0))
        s.listen()
        line = refused('-i', '127.0.0.1', '-p', str(s.getsockname()[1]), 'memory', '1')
        assert 'in use' in line


def test_socket_in_use_and_stale_socket():
    with Server('memory', '1M') as s:
        assert 'is there already' in refused('-U', s.socket, 'memory', '1')
        assert s.nbd().get_size() == 1 << 20
    with TempDir() as d:
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(d + '/sock')
        out = nbdsrv('-U', d + '/sock', 'memory', '1M', '--run', 'nbdinfo --size "$uri"').stdout
        assert out == '1048576\n'


def test_unix_path_too_long():
    assert 'at most' in refused('-U', '/tmp/' + 'x' * 200, 'memory', '1')


def test_run_passes_variables_and_status():
    script = 'echo "$uri|$unixsocket|$port|$exportname|$tls|$nbd"'
    out = nbdsrv('-e', "it's", 'memory', '1M', '--run', script).stdout.strip().split('|')
    assert out[0] == "nbd+unix:///it%27s?socket=" + out[1]
    assert not os.path.exists(out[1]) and not os.path.exists(os.path.dirname(out[1]))
    assert out[2:5] == ['', "it's", ''] and out[5] == out[0]
    for status in 0, 1, 42:
        assert nbdsrv('memory', '1M', '--run', 'exit %d' % status, check=False).returncode == status
    assert nbdsrv('memory', '1M', '--run', 'kill -9 $$', check=False).returncode == 137


def test_free_port_is_told():
    out = nbdsrv('-i', '127.0.0.1', '-p', '0', 'memory', '1M', '--run', 'nbdinfo --size "$uri"; echo $port')
    size, port = out.stdout.split()
    assert size == '1048576' and int(port) > 0


def test_background_and_pid_file():
    with TempDir() as d:
        nbdsrv('-U', d + '/sock', '-P', d + '/pid', 'memory', '1M')
        pid = int(open(d + '/pid').read())  # there when the parent has ended
        assert run(['nbdinfo', '--size', 'nbd+unix:///?socket=' + d + '/sock']).stdout == '1048576\n'
        os.kill(pid, signal.SIGTERM)
        wait_for('the end', lambda: is_gone(pid))
        assert os.listdir(d) == []


def test_signals_end_it_orderly():
    for number in signal.SIGTERM, signal.SIGINT, signal.SIGQUIT:
        with Server('memory', '1M') as s:
            s.signal(number)
            assert s.process.wait(15) == 0


def test_single_on_stdin_and_stdout():
    a, b = socket.socketpair()
    p = subprocess.Popen([NBDSRV, '-s', 'memory', '1M'], stdin=b, stdout=b)
    b.close()
    assert a.recv(18)[:8] == b'NBDMAGIC'
    a.close()
    assert p.wait(15) == 0
    p = subprocess.Popen([NBDSRV, '-s', 'memory', '1M'], stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE)  # pipes, not sockets
    assert p.stdout.read(18)[:8] == b'NBDMAGIC'
    p.send_signal(signal.SIGTERM)
    assert p.wait(15) == 0
    p.stdin.close()
    p.stdout.close()


def test_scripts_do_not_meet_the_single_client():
    """What they read from stdin or print is not its."""
    import nbd
    h = nbd.NBD()
    h.connect_command([NBDSRV, '-s', '--filter=log', 'memory', '1M', 'logscript=cat; echo printed'])
    assert h.get_size() == 1 << 20 and h.pread(512, 0) == bytes(512)
    h.shutdown()


def test_nbdcopy_brackets():
    with TempDir() as d:
        open(d + '/in', 'wb').write(b'x' * 100000)
        run(['nbdcopy', '--', '[', NBDSRV, '--exit-with-parent', 'file', d + '/in', ']', d + '/out'])
        assert open(d + '/out', 'rb').read() == b'x' * 100000


def test_socket_activation():
    import nbd
    h = nbd.NBD()
    h.connect_systemd_socket_activation([NBDSRV, 'memory', '1M'])
    assert h.get_size() == 1 << 20
    h.shutdown()


def test_service_manager_is_told():
    with TempDir() as d:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.bind(d + '/notify')
            s.settimeout(20)
            with Server('memory', '1M', env={'NOTIFY_SOCKET': d + '/notify'}):
                assert s.recv(100) == b'READY=1\n'
            assert s.recv(100) == b'STOPPING=1\n'


def test_exit_with_parent():
    with TempDir() as d:
        shell = subprocess.Popen(['sh', '-c', '%s --exit-with-parent -f -U %s/sock -P %s/pid memory 1M & wait' %
                                  (NBDSRV, d, d)])
        wait_for('the pid file', lambda: os.path.exists(d + '/pid') and open(d + '/pid').read().strip())
        pid = int(open(d + '/pid').read())
        shell.kill()
        shell.wait()
        wait_for('the end', lambda: is_gone(pid))


def test_disk_image_without_a_plugin():
    with TempDir() as d:
        open(d + '/disk.img', 'wb').write(b'x' * 4096)
        assert nbdsrv(d + '/disk.img', '--run', 'nbdinfo --size "$uri"').stdout == '4096\n'
        assert nbdsrv('disk.img', '--run', 'nbdinfo --size "$uri"', cwd=d).stdout == '4096\n'


def test_parameters_and_options_in_any_order():
    out = nbdsrv('memory', '-r', 'size=1M', '--filter', 'delay', 'rdelay=1ms', '--run',
                 'nbdinfo --is read-only "$uri" && echo yes').stdout
    assert out == 'yes\n'


def test_print_uri():
    with TempDir() as d:
        nbdsrv('-U', d + "/it's", '--print-uri', '-P', d + '/pid', 'memory', '1M', check=True)
        os.kill(int(open(d + '/pid').read()), signal.SIGTERM)
        wait_for('the end', lambda: not os.path.exists(d + '/pid'))


main(globals())
