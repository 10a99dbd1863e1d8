# SPDX-License-Identifier: BSD-3-Clause
# The file plugin with a directory: exports by name, and names that lead elsewhere.
import os
import socket

import nbd

from harness import *


def tree(d):
    """A directory with all kinds of things, and a file beside it."""
    top = os.path.join(d, 'top')
    os.mkdir(top)
    for name, size in (('one', 4096), ('two.img', 8192), ('.hidden', 512), ('with space', 1024), ('\u00e4', 2048)):
        with open(os.path.join(top, name), 'wb') as f:
            f.truncate(size)
    os.mkdir(top + '/sub')
    open(top + '/sub/below', 'w').close()
    os.mkfifo(top + '/pipe')
    os.symlink('one', top + '/link')
    os.symlink('nowhere', top + '/dangling')
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(top + '/sock')
    with open(d + '/secret', 'w') as f:
        f.write('secret' * 100)
    return top


def names(s):
    h = nbd.NBD()
    h.set_opt_mode(True)
    h.connect_unix(s.socket)
    found = []
    h.opt_list(lambda name, description: found.append(name) and 0 or 0)
    h.opt_abort()
    return found


def is_refused(s, name):
    try:
        s.nbd(export=name)
        return False
    except nbd.Error:
        return True


def test_list():
    with TempDir() as d, Server('file', 'dir=' + tree(d)) as s:
        assert names(s) == ['.hidden', 'link', 'one', 'two.img', 'with space', '\u00e4'], names(s)


def test_open_by_name():
    with TempDir() as d, Server('file', 'dir=' + tree(d)) as s:
        for name, size in (('one', 4096), ('link', 4096), ('two.img', 8192), ('with space', 1024)):
            assert s.nbd(export=name).get_size() == size
        one, link = s.nbd(export='one'), s.nbd(export='link')
        one.pwrite(b'same', 10)
        assert link.pread(4, 10) == b'same'
        assert s.nbd(export='two.img').pread(4, 10) == bytes(4)


def test_names_that_are_no_exports():
    with TempDir() as d, Server('file', 'dir=' + tree(d)) as s:
        for name in ('', '.', '..', 'three', 'sub', 'sub/below', '../secret', './one', '/etc/passwd',
                     'pipe', 'sock', 'dangling', 'one/', 'x' * 300, d + '/secret'):
            assert is_refused(s, name), name
        assert s.nbd(export='one').get_size() == 4096


def test_new_files_appear():
    with TempDir() as d:
        top = tree(d)
        with Server('file', 'dir=' + top) as s:
            assert is_refused(s, 'new')
            with open(top + '/new', 'wb') as f:
                f.truncate(100)
            assert s.nbd(export='new').get_size() == 100
            assert 'new' in names(s)


def test_inherited_directory():
    with TempDir() as d:
        fd = os.open(tree(d), os.O_RDONLY | os.O_DIRECTORY)
        os.set_inheritable(fd, True)
        try:
            with Server('file', 'dirfd=%d' % fd, pass_fds=(fd,)) as s:
                assert s.nbd(export='one').get_size() == 4096
                assert is_refused(s, '../secret')
        finally:
            os.close(fd)


main(globals())
