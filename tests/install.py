# SPDX-License-Identifier: BSD-3-Clause
# make install into a staging folder: what is there works, and goes again.
import os
import re
import shutil

from harness import BUILDDIR, SRCDIR, Skip, TempDir, main, nbdsrv, run

CLEAN = {k: v for k, v in os.environ.items()
         if k not in ('MAKEFLAGS', 'MFLAGS', 'MAKELEVEL', 'MAKEOVERRIDES', 'DESTDIR')}


def make(target, stage):
    run([os.environ.get('MAKE', 'make'), '-s', '-C', BUILDDIR, target, 'DESTDIR=' + stage], env=CLEAN)


def files(stage):
    return sorted(os.path.join(where, name) for where, _, names in os.walk(stage) for name in names)


class Installed:
    """A staging folder with everything in it."""

    def __enter__(self):
        self.temp = TempDir()
        self.stage = self.temp.__enter__()
        make('install', self.stage)
        self.binary = self.find('/bin/nbdsrv')
        config = run([self.binary, '--dump-config'], env=CLEAN).stdout
        self.config = dict(line.split('=', 1) for line in config.splitlines())
        return self

    def __exit__(self, *args):
        self.temp.__exit__(*args)

    def find(self, end):
        found = [f for f in files(self.stage) if f.endswith(end)]
        assert len(found) == 1, '%s: %s' % (end, found)
        return found[0]

    def env(self):
        return dict(CLEAN, NBDSRV_PLUGINDIR=self.stage + self.config['plugindir'],
                    NBDSRV_FILTERDIR=self.stage + self.config['filterdir'])


def built(kind):
    """What lies beside the server just built, without the tests' own modules."""
    config = dict(line.split('=', 1) for line in nbdsrv('--dump-config').stdout.splitlines())
    names = {f: re.fullmatch('nbdsrv-(.*)-%s.so' % kind, f) for f in os.listdir(config[kind + 'dir'])}
    return {f for f, m in names.items()
            if m and not os.path.exists('%s/tests/%s-%s.c' % (SRCDIR, kind, m.group(1)))}


def test_every_module_is_where_the_binary_looks():
    with Installed() as i:
        for kind in 'plugin', 'filter':
            there = os.listdir(i.stage + i.config[kind + 'dir'])
            assert built(kind) and set(there) == built(kind), there


def test_installed_server_serves():
    with Installed() as i:
        out = run([i.binary, '-U', '-', '--filter=readonly', 'memory', '1M', '--run',
                   'nbdinfo --size "$uri"'], env=i.env()).stdout
        assert out == '1048576\n', out


def test_manual_pages_and_completion_are_installed():
    with Installed() as i:
        names = {os.path.basename(f) for f in files(i.stage)}
        for pod in os.listdir(SRCDIR + '/man'):
            if pod.endswith('.pod'):
                assert names & {pod[:-3] + section for section in '135'}, pod
        i.find('/bash-completion/completions/nbdsrv')


def pkgconfig(installed, *args):
    env = dict(CLEAN, PKG_CONFIG_PATH=os.path.dirname(installed.find('/nbdsrv.pc')),
               PKG_CONFIG_SYSROOT_DIR=installed.stage)
    return run([os.environ.get('PKG_CONFIG') or 'pkg-config', *args, 'nbdsrv'], env=env).stdout


def include_headers(*compiler):
    with Installed() as i:
        flags = pkgconfig(i, '--cflags').split()
        for header in 'nbdsrv-plugin.h', 'nbdsrv-filter.h':
            source = os.path.join(i.stage, 'include.c')
            with open(source, 'w') as f:
                f.write('#include <%s>\n' % header)
            run([*compiler, '-Wall', '-Wextra', '-Werror', '-fsyntax-only', *flags, source])


def test_pkgconfig_names_the_directories():
    with Installed() as i:
        for name in 'plugindir', 'filterdir':
            said = pkgconfig(i, '--variable=' + name).strip()
            assert said.replace(i.stage, '') == i.config[name], said


def test_headers_in_old_c():
    include_headers(*os.environ.get('CC', 'cc').split(), '-std=c89', '-x', 'c')


def test_headers_in_cplusplus():
    if not shutil.which('c++'):
        raise Skip('no C++ compiler')
    include_headers('c++', '-x', 'c++')


def test_uninstall_leaves_nothing():
    with Installed() as i:
        make('uninstall', i.stage)
        assert files(i.stage) == [], files(i.stage)


main(globals())
