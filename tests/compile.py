# SPDX-License-Identifier: BSD-3-Clause
"""Building plugins and filters outside the tree, as their authors would.

    example('man/nbdsrv-plugin.pod')        the C program that the page shows
    build(source, 'x.so', d)                by the flags that pkg-config gives
    build(source, 'x.so', d, include=dir)   against other headers
"""
import os
import re
import shlex
import textwrap

from harness import BUILDDIR, SRCDIR, run

CC = shlex.split(os.environ.get('CC', 'cc'))
PKG_CONFIG = os.environ.get('PKG_CONFIG') or 'pkg-config'


def source_file(name):
    with open(os.path.join(SRCDIR, name)) as f:
        return f.read()


def example(page):
    """The verbatim block under =head1 EXAMPLE that is a C program."""
    section = re.search(r'^=head1 EXAMPLE\n(.*?)^=head1', source_file(page), re.M | re.S).group(1)
    blocks = re.split(r'\n(?=\S)', section)
    programs = [b for b in blocks if '#include' in b]
    assert len(programs) == 1, 'not one program in ' + page
    verbatim = programs[0][programs[0].index('\n ') + 1:]
    return textwrap.dedent(verbatim).strip() + '\n'


def flags():
    """As the page says, but with the header of this tree."""
    env = dict(os.environ, PKG_CONFIG_PATH=BUILDDIR)
    out = run([PKG_CONFIG, '--define-variable=includedir=' + os.path.join(SRCDIR, 'include'),
               '--cflags', 'nbdsrv'], env=env).stdout
    return shlex.split(out)


def build(source, name, d, include=None, options=()):
    """A shared object in directory d from C text; its path."""
    path, out = os.path.join(d, name + '.c'), os.path.join(d, name)
    with open(path, 'w') as f:
        f.write(source)
    where = ['-I' + include] if include else flags()
    run([*CC, '-shared', '-fPIC', '-Wall', '-Werror', *options, *where, path, '-o', out])
    return out
