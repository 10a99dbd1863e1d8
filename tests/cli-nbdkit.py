# SPDX-License-Identifier: BSD-3-Clause
"""Command lines and questions of nbdkit's users (nbdkit 1.42's surface)."""
import os
import re

from harness import BUILDDIR, NBDSRV, TempDir, main, nbdsrv, refused, run

LONG = '''ipv4-only ipv6-only debug dump-config dump-plugin exit-with-parent export export-name exportname
 filter foreground no-fork group help ip-addr ipaddr keep-alive keepalive log long-options mask-handshake new-style
 newstyle no-mc no-meta-contexts no-sr no-structured-replies old-style oldstyle pid-file pidfile port
 print-uri read-only readonly run selinux-label short-options single stdin swap threads timeout tls
 tls-certificates tls-psk tls-verify-peer unix user verbose version vsock'''.split()
SHORT = '4 6 D e f g i n o p P r s t u U v V'.split()
CONFIG = '''binary bindir exit_with_parent filterdir host_cpu host_os libdir mandir name plugindir
 root_tls_certificates_dir run_default_socket sbindir selinux sysconfdir timeout_option tls version version_major
 version_minor vsock_option zstd'''.split()


def test_every_option_is_there():
    assert set(LONG) <= {o[2:] for o in nbdsrv('--long-options').stdout.split()}
    assert set(SHORT) <= {o[1:] for o in nbdsrv('--short-options').stdout.split()}


PROTOCOL = 'nbdinfo "$uri" | head -1'
STYLE = 'protocol: newstyle-fixed without TLS, using '
# Looks for a timer of kind 2 on the server's end, once the last answer is acknowledged.
KEPT_ALIVE = '''nbdsh -u "$uri" -c - <<EOF
import time
timers, tries = [], 200
while '%04X' % $port not in timers and tries:
    lines = [line.split() for name in ('tcp', 'tcp6') for line in open('/proc/net/' + name)]
    timers = [line[1].split(':')[1] for line in lines if line[5].startswith('02:')]
    tries -= 1
    time.sleep(.05)
print('yes' if tries else timers)
EOF'''
# What each spelling of an option does, seen by the command of --run.
MEANINGS = [
    (['-r', '--readonly', '--read-only'], 'nbdinfo --is read-only "$uri" && echo yes', 'yes'),
    (['--no-sr', '--no-structured-replies'], PROTOCOL, STYLE + 'simple packets'),
    (['--no-mc', '--no-meta-contexts'], 'nbdinfo --map "$uri" 2>/dev/null || echo none', 'none'),
    (['-n', '--newstyle', '--new-style', '-o -n', '--oldstyle --newstyle'], PROTOCOL, STYLE + 'structured packets'),
    (['-o', '--oldstyle', '--old-style', '-n -o'], PROTOCOL, 'protocol: oldstyle without TLS, using simple packets'),
    (['--mask-handshake=0', '--mask-handshake 0x2'], PROTOCOL, 'protocol: newstyle without TLS, using simple packets'),
    (['-e a/b', '-ea/b', '--export=a/b', '--export-name a/b', '--exportname=a/b'], 'echo "$exportname"', 'a/b'),
    (['-p 0 -i 127.0.0.1', '--port 0 --ipaddr=127.0.0.1', '-p0 --ip-addr 127.0.0.1', '-fp 0 -i127.0.0.1'],
     'test "$uri" = "nbd://127.0.0.1:$port" && echo "$unixsocket" there', ' there'),
    (['-4 -p 0', '--ipv4-only -p 0', '-6 -4 -p0'], 'nbdinfo --size "$uri"', '1048576'),
    (['-U D/s', '-UD/s', '--unix D/s', '--unix=D/s'], 'basename "$unixsocket"; echo "$port"', 's\n'),
    (['-U -', '-U-', '--unix -', '--unix=-', ''], 'test -S "$unixsocket" && echo "$port" made', ' made'),
    (['-P D/pid', '--pidfile=D/pid', '--pid-file D/pid'], 'test "$(cat D/pid)" = $PPID && echo mine', 'mine'),
    (['--keepalive -p 0', '--keep-alive -p 0'], KEPT_ALIVE, 'yes'),
    (['-t 1', '--threads=1', '-t0', '--threads 0'], 'nbdinfo --size "$uri"', '1048576'),
    (['--timeout=60', '--timeout 60000ms', '--timeout=1.5s'], 'nbdinfo --size "$uri"', '1048576'),
    (['--tls=off', '--tls 0'], 'nbdinfo --size "$uri"; echo ${tls-unset}', '1048576\nunset'),
    (['-D memory.x=1', '--debug memory.x=1', '-D nbdkit.tls.log=99', '--debug=nbdkit.backend.datapath=0',
      '-D nbdkit.tls.session=1'], 'nbdinfo --size "$uri"', '1048576'),
    (['--filter offset', '--filter=offset'], 'nbdinfo --size "$uri"', '1047552'),
    (['--name=one', '--name one'], 'nbdinfo --size "$uri"', '1048576'),
    (['--log=stderr', '--log null', '--log=syslog', '--log=default', '--log=/D/log'], 'nbdinfo --size "$uri"', '1048576'),
    (['--exit-with-parent', '-f', '--foreground', '--no-fork', '-v', '--verbose', '--selinux-label=x'],
     'nbdinfo --size "$uri"', '1048576'),
]


def test_each_spelling_means_what_it_should():
    for spellings, command, expected in MEANINGS:
        for words in spellings:
            if 'filter' in words:
                words += ' offset=1K'
            with TempDir() as d:
                args = words.replace('/D/', d + '/').replace('D/', d + '/').split()
                for where in [['memory', '1M', *args], [*args, 'memory', '1M']]:
                    if 'offset' in words and where[0] != 'memory':
                        continue  # a parameter stands after the plugin
                    out = nbdsrv(*where, '--run', command.replace('D/', d + '/')).stdout
                    assert out == expected + '\n', (where, out)


def test_log_to_a_file():
    """Errors are appended to it, with the time; debug lines are not."""
    with TempDir() as d:
        with open(d + '/log', 'w') as f:
            f.write('what was there\n')
        for name in [], ['--name=one']:
            r = nbdsrv('-v', '--log=' + d + '/log', *name, 'memory', '1M', 'x=y', check=False)
            assert r.returncode == 1 and 'error' not in r.stderr and 'debug' in r.stderr, r.stderr
        with open(d + '/log') as f:
            first, *rest = f.read().splitlines()
        assert first == 'what was there' and len(rest) == 2, rest
        for line, name in zip(rest, ['nbdsrv', r'nbdsrv\[one\]']):
            assert re.match(r'\d{4}-\d\d-\d\d \d\d:\d\d:\d\d %s: memory: error: .*x' % name, line), line
        assert d + '/no/log' in refused('--log=%s/no/log' % d, 'memory', '1M')
        assert 'not one of' in refused('--log=relative/path', 'memory', '1M')


def test_print_uri():
    with TempDir() as d:
        r = nbdsrv('-U', d + '/s', '-e', "it's", '--print-uri', 'memory', '1M', '--run', 'true')
        uri, quoted, *command = r.stdout.splitlines()
        assert uri == "nbd+unix:///it%%27s?socket=%s/s" % d
        assert quoted == "Shell-quoted URI: '%s'" % uri
        assert command == ['Command to query the NBD endpoint:', "  nbdinfo '%s'" % uri]


def test_pid_file_spellings():
    with TempDir() as d:
        for option in '-P', '--pidfile', '--pid-file':
            out = nbdsrv(option, d + '/pid', 'memory', '1M', '--run', 'cat %s/pid' % d).stdout
            assert re.match(r'\d+\n$', out)
            assert os.listdir(d) == []


def test_selinux_label():
    r = nbdsrv('--selinux-label=system_u:object_r:svirt_socket_t:s0', 'memory', '1M', '--run', 'exit 0', check=False)
    if os.path.exists('/sys/fs/selinux/enforce'):
        assert r.returncode in (0, 1)
        assert r.returncode == 0 or '--selinux-label' in r.stderr
    else:
        assert r.returncode == 0 and r.stderr == ''


def test_dump_config():
    out = nbdsrv('--dump-config').stdout
    config = dict(line.split('=', 1) for line in out.splitlines())
    assert sorted(config) == sorted(CONFIG)
    assert config['name'] == 'nbdsrv' and config['exit_with_parent'] == 'yes'
    assert config['version'].startswith(config['version_major'] + '.' + config['version_minor'] + '.')
    assert os.path.exists(config['binary'])


def test_dump_plugin_before_and_after_the_name():
    for args in (['memory', '--dump-plugin'], ['--dump-plugin', 'memory'], ['memory', '--dump-plugin', 'size=1M'],
                 ['--filter=delay', 'memory', '--dump-plugin']):
        lines = nbdsrv(*args).stdout.splitlines()
        assert lines[0].startswith('path=/') and lines[0].endswith('.so')
        assert lines[1] == 'name=memory'
        keys = [line.split('=')[0] for line in lines if not line.startswith('has_')]
        filters = keys.index('mlock') + 1
        assert keys[filters - 2] == 'magic_config_key' and {'soext', 'max_api_version'} < set(keys), keys
        assert keys[filters:] == (['delay_path', 'delay_name'] if args[0] == '--filter=delay' else []), keys
    assert 'file_extents=yes' in nbdsrv('file', '--dump-plugin').stdout.splitlines()
    assert 'not a size' in refused('memory', 'size=bad', '--dump-plugin')
    assert '--dump-plugin' in refused('-s', 'memory', '--dump-plugin')
    assert '--dump-plugin' in refused('--dump-plugin')


def test_probing_as_its_page_says():
    """For each plugin of the plugin directory: --version, by path."""
    config = nbdsrv('--dump-config').stdout
    plugindir = re.search(r'^plugindir=(.*)$', config, re.M).group(1)
    found = [name for name in os.listdir(plugindir) if re.match(r'nbdsrv-.*-plugin\.so$', name)]
    assert found
    for name in found:
        out = nbdsrv(os.path.join(plugindir, name), '--version').stdout.splitlines()
        assert out[1].split()[0] == re.match(r'nbdsrv-(.*)-plugin', name).group(1)
    assert 'no filter' in refused('--version', '--filter=no-such', 'null')
    assert nbdsrv('--exit-with-parent', '--version').stdout.startswith('nbdsrv ')


def test_under_the_name_of_nbdkit():
    with TempDir() as d:
        os.symlink(BUILDDIR + '/server/nbdsrv', d + '/nbdkit')
        assert run([d + '/nbdkit', '--version']).stdout.startswith('nbdkit 1.42.')
        config = run([d + '/nbdkit', '--dump-config']).stdout
        assert 'name=nbdkit\n' in config and re.search(r'^version=1\.42\.\d+$', config, re.M)
        assert 'root_tls_certificates_dir=' in config and '/pki/nbdkit\n' in config
        assert run([d + '/nbdkit', '--help']).stdout.startswith('Usage: nbdkit ')
        r = run([d + '/nbdkit'], check=False)
        assert r.returncode == 1 and r.stderr.startswith('nbdkit: error: ')


def test_unknown_names():
    line = refused('no\x07such', 'x')
    assert r"'no\x07such'" in line and 'nbdkit-plugin-no' in line and 'nbdsrv(1)' in line, line
    assert 'nbdsrv-nosuchthing-filter.so' in refused('--filter=nosuchthing', 'memory', '1')
    assert 'CR LF' in refused('perl\r', 'script')


def test_script_that_names_the_server():
    with TempDir() as d:
        script = d + '/disk'
        with open(script, 'w') as f:
            f.write('#!/usr/bin/env -S %s -r file\nthe rest is the disk\n' % NBDSRV)
        os.chmod(script, 0o755)
        out = run([script, '--run', 'nbdcopy "$uri" - | tail -1; nbdinfo --is read-only "$uri"']).stdout
        assert out == 'the rest is the disk\n'


def test_filters_of_nbdkit_are_refused():
    config = run(['nbdkit', '--dump-config'], check=False).stdout
    filterdir = re.search(r'^filterdir=(.*)$', config, re.M)
    if filterdir:
        for name in 'nbdkit-cow-filter.so', 'nbdkit-delay-filter.so':
            assert 'is a filter of nbdkit' in refused('--filter=' + os.path.join(filterdir.group(1), name), 'memory', '1')


main(globals())
