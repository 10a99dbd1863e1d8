# SPDX-License-Identifier: BSD-3-Clause
# The ondemand plugin: disks made once, by mkfs or a command, kept, and had by one client at
# a time.
import os
import signal
import threading

import nbd

from harness import *
from nbdkitlib import asks_for_infos, exports, extents

MIB = 1 << 20
TRUNCATE = 'command=truncate -s $size "$disk"'
SBIN = dict(os.environ, PATH=os.environ['PATH'] + ':/usr/sbin:/sbin')


def is_refused(s, name, text):
    try:
        s.nbd(name)
    except nbd.Error:
        assert text in s.log(), s.log()
        return
    raise AssertionError('%r was opened' % name)


def test_file_systems():
    with TempDir() as d, TempDir() as out:
        with Server('ondemand', 'dir=' + d, '8M', 'label=a "label"') as s:
            h = s.nbd('one', setup=asks_for_infos)
            assert h.get_size() == 8 * MIB and not h.is_read_only() and not h.can_multi_conn()
            assert h.get_canonical_export_name() == 'one'
            with open(out + '/copy', 'wb') as f:
                f.write(h.pread(8 * MIB, 0))
            assert len(extents(h)) > 1
            h.pwrite(b'mine', 4 * MIB)
            h.flush()
            h.shutdown()
        run(['e2fsck', '-fn', out + '/copy'], env=SBIN)
        label = run(['e2label', out + '/copy'], env=SBIN).stdout
        assert label == 'a "label"\n', label
        assert os.listdir(d) == ['one'] and os.path.getsize(d + '/one') == 8 * MIB
        # It is kept.
        with Server('ondemand', 'dir=' + d, '4M') as s:
            h = s.nbd('one')
            assert h.get_size() == 8 * MIB and h.pread(4, 4 * MIB) == b'mine'
            assert s.nbd('two').get_size() == 4 * MIB


def test_types():
    with TempDir() as d:
        for kind, offset, magic in ('ext2', 1080, b'\x53\xef'), ('swap', 4086, b'SWAPSPACE2'), ('minix', 1040, b'\x8f\x13'):
            with Server('ondemand', 'dir=' + d, 'size=8M', 'type=' + kind) as s:
                assert s.nbd(kind).pread(len(magic), offset) == magic, kind
        with Server('ondemand', 'dir=' + d, '8M', 'type=nonsense') as s:
            is_refused(s, 'bad', 'mkfs.nonsense')
        assert 'bad' not in os.listdir(d)


def test_sharing():
    with TempDir() as d, Server('ondemand', 'dir=' + d, '1M', TRUNCATE, 'share=true') as s:
        one, two = s.nbd('disk'), s.nbd('disk')
        one.pwrite(b'hello', 1000)
        assert two.pread(5, 1000) == b'hello'
        # Another server that locks is refused nothing either: this one has no lock.
        with Server('ondemand', 'dir=' + d, '1M', TRUNCATE) as locking:
            assert locking.nbd('disk').pread(5, 1000) == b'hello'


def test_names():
    with TempDir() as d, Server('ondemand', 'dir=' + d, '1M', TRUNCATE) as s:
        good = ['a', 'b c', '-x', 'ä', '*', 'a\\b', 'a~b', '$(id)', 'x' * 255, "it's", 'a.b', 'a..b', '52:54:00:12:34:56']
        for name in good:
            assert s.nbd(name).get_size() == MIB
        assert sorted(os.listdir(d)) == sorted(good)
        for name in '.a', '.', '..', '../x', 'a/b', '/etc/passwd', '.nbdsrv1', 'x' * 256:
            is_refused(s, name, 'is no name for a disk')
        assert sorted(os.listdir(d)) == sorted(good)
        assert s.nbd(setup=asks_for_infos).get_canonical_export_name() == 'default'
        open(d + '/.not-a-disk', 'w').close()
        os.mkdir(d + '/directory')
        assert sorted(name for name, _ in exports(s)) == sorted(good + [''])


def test_the_default_is_listed():
    with TempDir() as d, Server('ondemand', 'dir=' + d, '1M') as s:
        assert exports(s) == [('', '')]
        assert os.listdir(d) == []


def test_command_and_its_variables():
    with TempDir() as d:
        out = d + '/out'
        os.mkdir(d + '/disks')
        # A name that the environment has, too.
        env = {'foo': 'from the environment', 'size': '7'}
        with Server('ondemand', 'dir=%s/disks' % d, '1M', 'label=L', 'foo=1', "foo=a 'quoted' $value", 'type=T',
                    'command=printf "%%s\\n" "$disk" "$size" "$type" "$label" "$foo" >%s; truncate -s 12345 "$disk"' % out,
                    env=env) as s:
            assert s.nbd('the name').get_size() == 12345
        disk, *rest = open(out).read().splitlines()
        assert disk.startswith(d + '/disks/') and os.path.basename(disk) == 'the name', disk
        assert rest == ['1048576', 'T', 'L', "a 'quoted' $value"], rest
        assert os.listdir(d + '/disks') == ['the name']


def test_command_that_fails():
    with TempDir() as d:
        for command, text in (
                ('echo some words; echo others >&2; exit 3', 'exit code 3: some words; others'),
                ('truncate -s 1M "$disk"; exit 1', 'exit code 1'), ('kill -9 $$', 'ended by signal 9'),
                ('true', 'the command made none'), ('mkdir "$disk"', ''), ('syntax (', 'exit code 2')):
            with Server('ondemand', 'dir=' + d, '1M', 'command=' + command) as s:
                is_refused(s, 'new', text)
            if command.startswith('mkdir'):
                os.rmdir(d + '/new')
            assert os.listdir(d) == [], os.listdir(d)
        # Much of what it says is read and forgotten.
        with Server('ondemand', 'dir=' + d, '1M', 'command=seq 100000; truncate -s 1M "$disk"') as s:
            assert s.nbd('new').get_size() == MIB


def test_one_client_at_a_time():
    with TempDir() as d, Server('ondemand', 'dir=' + d, '1M', TRUNCATE) as s:
        first, other = s.nbd('one'), s.nbd('other')
        is_refused(s, 'one', 'filesystem is locked by another client')
        # Another server, too.
        with Server('ondemand', 'dir=' + d, '1M', TRUNCATE) as second:
            is_refused(second, 'one', 'filesystem is locked by another client')
        assert first.pread(512, 0) == bytes(512)
        first.shutdown()

        def opens():
            try:
                return s.nbd('one')
            except nbd.Error:
                return None

        wait_for('the lock', opens)
        assert other.pread(512, 0) == bytes(512)


def test_waiting():
    with TempDir() as d, Server('ondemand', 'dir=' + d, '1M', 'wait=true', TRUNCATE) as s:
        first = s.nbd('one')
        first.pwrite(b'first', 0)
        seen = []

        def second():
            h = s.nbd('one')
            seen.append(bytes(h.pread(5, 0)))
            h.shutdown()

        t = threading.Thread(target=second)
        t.start()
        # Others do not wait with it.
        assert s.nbd('another').get_size() == MIB
        assert not seen
        first.shutdown()
        t.join()
        assert seen == [b'first']


def test_waiting_ends_with_the_server():
    with TempDir() as d:
        with Server('ondemand', 'dir=' + d, '1M', 'wait=true', TRUNCATE) as s:
            first = s.nbd('one')

            def second():
                try:
                    s.nbd('one')
                except nbd.Error:
                    pass

            t = threading.Thread(target=second)
            t.start()
            assert first.pread(512, 0) == bytes(512)
            s.signal(signal.SIGTERM)
            t.join()


def test_many_clients_ask_for_one_new_disk():
    """One makes it and has it, the others are told so; nothing is left of their attempts."""
    with TempDir() as d:
        with Server('ondemand', 'dir=' + d, '1M', TRUNCATE) as s:
            got = []

            def client():
                try:
                    got.append(s.nbd('one'))
                except nbd.Error:
                    got.append(None)

            threads = [threading.Thread(target=client) for _ in range(8)]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            assert len([h for h in got if h]) == 1, got
            wait_for('the others', lambda: os.listdir(d) == ['one'])


def test_read_only():
    with TempDir() as d, Server('-r', 'ondemand', 'dir=' + d, '1M', TRUNCATE) as s:
        h = s.nbd('one')
        assert h.is_read_only() and h.get_size() == MIB
        is_refused(s, 'one', 'locked')


def test_refused():
    with TempDir() as d:
        open(d + '/file', 'w').close()
        for args, text in (
                (['1M'], "'dir'"), (['dir=' + d], "'size'"), (['dir=%s/none' % d, '1M'], 'No such file'),
                (['dir=%s/file' % d, '1M'], 'Not a directory'), (['dir=' + d, 'size=x'], 'size'),
                (['dir=' + d, '1M', TRUNCATE, 'disk=x'], 'cannot be given'),
                (['dir=' + d, '1M', TRUNCATE, 'not-a-name=x'], 'unknown parameter'),
                (['dir=' + d, '1M', 'labl=x'], 'labl=x: this is a variable'),
                (['dir=' + d, '1M', 'wait=perhaps'], 'wait')):
            line = refused('-U', d + '/s', 'ondemand', *args)
            assert text in line, line


main(globals())
