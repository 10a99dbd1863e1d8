# SPDX-License-Identifier: BSD-3-Clause
# The tmpdisk plugin: each client has a disk of its own, which goes with it.
import errno
import os

import nbd

from harness import *
from nbdkitlib import asks_for_infos, exports, extents, facts

MIB = 1 << 20
SBIN = dict(os.environ, PATH=os.environ['PATH'] + ':/usr/sbin:/sbin')


def test_a_file_system():
    with TempDir() as d:
        with Server('tmpdisk', '8M', 'label=mine') as s:
            h = s.nbd()
            assert h.get_size() == 8 * MIB
            with open(d + '/copy', 'wb') as f:
                f.write(h.pread(8 * MIB, 0))
        run(['e2fsck', '-fn', d + '/copy'], env=SBIN)
        assert run(['e2label', d + '/copy'], env=SBIN).stdout == 'mine\n'


def test_each_client_has_its_own():
    with TempDir() as d:
        with Server('tmpdisk', 'size=1M', 'command=truncate -s $size "$disk"', env={'TMPDIR': d}) as s:
            handles = [s.nbd(name) for name in ('', '', 'a/b')]
            for i, h in enumerate(handles):
                h.pwrite(b'%d' % i * 1000, 5000, nbd.CMD_FLAG_FUA)
                h.flush()
            for i, h in enumerate(handles):
                assert h.pread(1002, 4999) == b'\0' + b'%d' % i * 1000 + b'\0'
            # Not even now it has a name, so that nothing can be left.
            assert os.listdir(d) == []
            handles[0].shutdown()
            assert s.nbd().pread(MIB, 0) == bytes(MIB)


def test_abilities():
    with Server('tmpdisk', '1M', 'command=truncate -s $size "$disk"') as s:
        found = facts(s.nbd(setup=asks_for_infos))
        assert all(found[name] for name in ('can_flush', 'can_fua', 'can_trim', 'can_zero', 'can_fast_zero')), found
        assert not found['can_multi_conn'] and not found['is_read_only'], found
        h = s.nbd()
        h.pwrite(b'x' * MIB, 0)
        h.trim(65536, 0, nbd.CMD_FLAG_FUA)
        h.zero(65536, 65536, nbd.CMD_FLAG_FUA)
        assert h.pread(MIB, 0) == bytes(131072) + b'x' * (MIB - 131072)
        assert extents(h)[-1][1] == 0


def test_a_base_image():
    data = pattern(300000)
    with TempDir() as d:
        with open(d + '/base', 'wb') as f:
            f.write(data)
        with Server('tmpdisk', 'size=0', 'base=%s/base' % d, 'command=cp --sparse=always "$base" "$disk"') as s:
            h = s.nbd()
            h.pwrite(b'changed', 0)
            assert s.nbd().pread(300000, 0) == data
        assert open(d + '/base', 'rb').read() == data


def test_command_that_fails():
    with TempDir() as d:
        for command, text in (('exit 7', 'exit code 7'), ('true', 'No such file'), ('mkdir "$disk"', ''),
                              ('echo no space here; false', 'no space here')):
            with Server('tmpdisk', '1M', 'command=' + command, env={'TMPDIR': d}) as s:
                try:
                    s.nbd()
                    raise AssertionError('it was opened')
                except nbd.Error:
                    assert text in s.log(), s.log()
                assert os.listdir(d) == []


def test_command_that_hangs_at_the_end():
    """The server ends in time, and takes the command and what it made with it."""
    with TempDir() as d:
        with Server('tmpdisk', '1M', 'out=%s/pid' % d, 'command=echo $$ >"$out.new"; mv "$out.new" "$out"; sleep 1000',
                    env={'TMPDIR': d}) as s:
            h = nbd.NBD()
            h.aio_connect_unix(s.socket)

            def started():
                h.poll(10)
                return os.path.exists(d + '/pid')

            wait_for('the command', started)
            pid = int(open(d + '/pid').read())
        wait_for('the end of the command', lambda: is_gone(pid))
        assert os.listdir(d) == ['pid'], os.listdir(d)


def test_refused():
    with TempDir() as d:
        for args, text in (([], "'size'"), (['x'], 'size'), (['1M', 'disk=x', 'command=true'], 'cannot be given'),
                           (['1M', 'foo=x'], 'this is a variable')):
            line = refused('-U', d + '/s', 'tmpdisk', *args)
            assert text in line, line


main(globals())
