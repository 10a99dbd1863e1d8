# SPDX-License-Identifier: BSD-3-Clause
"""Command lines and questions of nbdkit's users (nbdkit 1.42's surface)."""
import os
import re

from harness import BUILDDIR, NBDSRV, TempDir, main, nbdsrv, refused, run

LONG = '''ipv4-only ipv6-only debug dump-config dump-plugin exit-with-parent export export-name exportname
 filter foreground no-fork group help ip-addr ipaddr keepalive log long-options mask-handshake new-style
 newstyle no-mc no-meta-contexts no-sr no-structured-replies old-style oldstyle pid-file pidfile port
 print-uri read-only readonly run selinux-label short-options single stdin swap threads timeout tls
 tls-certificates tls-psk tls-verify-peer unix user verbose version vsock'''.split()
SHORT = '4 6 D e f g i n o p P r s t u U v V'.split()
CONFIG = '''binary bindir exit_with_parent filterdir host_cpu host_os libdir mandir name plugindir
 root_tls_certificates_dir sbindir selinux sysconfdir tls version version_major version_minor zstd'''.split()


def serves(*args):
    return nbdsrv(*args, '--run', 'nbdinfo --size "$uri"').stdout == '1048576\n'


def test_every_option_is_there():
    assert set(LONG) <= {o[2:] for o in nbdsrv('--long-options').stdout.split()}
    assert set(SHORT) <= {o[1:] for o in nbdsrv('--short-options').stdout.split()}


def test_options_with_their_meaning():
    for args in (['--newstyle'], ['--new-style'], ['-n'], ['-e', 'x'], ['--export=x'], ['--export-name', 'x'],
                 ['--exportname=x'], ['-f'], ['--foreground'], ['--no-fork'], ['-r'], ['--read-only'], ['--readonly'],
                 ['--keepalive'], ['--no-mc'], ['--no-meta-contexts'], ['--no-sr'], ['--no-structured-replies'],
                 ['--mask-handshake=0x3'], ['-o'], ['--oldstyle'], ['--old-style'], ['-t', '4'], ['--threads=0'],
                 ['--timeout', '5'], ['--timeout=60000ms'], ['--tls=off'], ['--tls=0'], ['--log=stderr'],
                 ['-D', 'nbdkit.backend.datapath=0'], ['--debug=nbdkit.tls.session=1'], ['-p', '0'], ['--port=0'],
                 ['-i', 'localhost', '-p', '0'], ['--ip-addr=localhost', '-p0'], ['--ipaddr', 'localhost', '-p', '0'],
                 ['-4', '-p', '0'], ['-U', '-'], ['--unix=-'], ['--exit-with-parent'], ['--filter', 'readonly'],
                 ['--filter=readonly', '--filter=delay'], ['-rv4fp0'], ['-vU-']):
        assert serves(*args, 'memory', '1M'), args
        assert serves('memory', *args, '1M'), args
        assert serves('memory', '1M', *args), args


def test_readonly_and_structured_replies():
    for option in '-r', '--read-only', '--readonly':
        assert nbdsrv(option, 'memory', '1M', '--run', 'nbdinfo --is read-only "$uri"').returncode == 0
    for option in '--no-sr', '--no-structured-replies':
        out = nbdsrv(option, 'memory', '1M', '--run', 'nbdinfo "$uri"').stdout
        assert 'newstyle-fixed without TLS, using simple packets' in out, out


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
        assert [line.split('=')[0] for line in lines if not line.startswith('has_')][-2:] == ['magic_config_key', 'mlock']
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
