# SPDX-License-Identifier: BSD-3-Clause
# The multi-conn filter.
from harness import Server, TempDir, main, run


def server(d, *args, above=(), below=()):
    return Server(*above, '--filter=multi-conn', '--filter=log', *below, 'memory', '1M',
                  'logfile=' + d + '/log', *args)


def flushes(d):
    """The connections that were flushed below, in order."""
    return [line.split('connection=')[1].split()[0] for line in open(d + '/log')
            if ' Flush id=' in line and line.endswith('...\n')]


def test_what_is_offered():
    with TempDir() as d:
        for mode, offered in ('auto', True), ('plugin', True), ('disable', False), \
                ('unsafe', True), ('emulate', True):
            with server(d, 'multi-conn-mode=' + mode) as s:
                assert s.nbd().can_multi_conn() == offered


def test_emulate_flushes_all_that_need_it():
    import nbd
    with TempDir() as d, server(d, 'multi-conn-mode=emulate') as s:
        a, b, c = s.nbd(), s.nbd(), s.nbd()
        a.pwrite(b'x', 0)
        b.pread(1, 0)
        c.flush()
        assert sorted(flushes(d)) == ['1', '2']
        c.flush()
        a.flush()
        assert len(flushes(d)) == 2
        b.pwrite(b'x', 0, nbd.CMD_FLAG_FUA)
        assert flushes(d)[2:] == ['2']
        assert 'fua=1' not in open(d + '/log').read()
        b.shutdown()
        a.zero(512, 0)
        c.trim(512, 0)
        a.flush()
        assert sorted(flushes(d)[3:]) == ['1', '3']


def test_track_fast():
    with TempDir() as d, server(d, 'multi-conn-mode=emulate', 'multi-conn-track-dirty=fast') as s:
        a, b = s.nbd(), s.nbd()
        a.flush()
        a.pread(1, 0)
        a.flush()
        assert flushes(d) == []
        a.pwrite(b'x', 0)
        b.flush()
        assert sorted(flushes(d)) == ['1', '2']
        a.flush()
        assert len(flushes(d)) == 2


def test_track_off():
    with TempDir() as d, server(d, 'multi-conn-mode=emulate', 'multi-conn-track-dirty=off') as s:
        a, b = s.nbd(), s.nbd()
        a.flush()
        b.flush()
        assert sorted(flushes(d)) == ['1', '1', '2', '2']


def test_plugin_mode_leaves_flushes_out():
    with TempDir() as d, server(d, 'multi-conn-mode=plugin') as s:
        a, b = s.nbd(), s.nbd()
        a.pwrite(b'x', 0)
        b.flush()
        a.flush()
        a.flush()
        assert flushes(d) == ['1']


def test_export_names():
    with TempDir() as d, server(d, 'multi-conn-mode=emulate', 'multi-conn-exportname=true') as s:
        a, b, other = s.nbd('a'), s.nbd('a'), s.nbd('b')
        for h in a, b, other:
            h.pwrite(b'x', 0)
        a.flush()
        assert sorted(flushes(d)) == ['1', '2']
        other.flush()
        assert sorted(flushes(d)) == ['1', '2', '3']


def test_auto():
    with TempDir() as d:
        with Server('--filter=multi-conn', '--filter=noparallel', 'memory', '1M',
                    'serialize=connections') as s:
            assert not s.nbd().can_multi_conn()
        with server(d) as s:  # the plugin offers it: nothing is repeated
            a, b = s.nbd(), s.nbd()
            a.pwrite(b'x', 0)
            b.pwrite(b'x', 0)
            a.flush()
            assert flushes(d) == ['1']


def test_clients_that_come_and_go_meanwhile():
    import threading
    with TempDir() as d, server(d, 'multi-conn-mode=emulate') as s:
        failed = []

        def work():
            try:
                for i in range(20):
                    h = s.nbd()
                    h.pwrite(bytes([i]) * 512, 0)
                    h.flush()
                    h.shutdown()
            except BaseException as e:
                failed.append(e)
        threads = [threading.Thread(target=work) for _ in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert not failed, failed


def test_no_flush_to_rely_on():
    from compile import build, example
    with TempDir() as d:
        plugin = build(example('man/nbdsrv-plugin.pod'), 'fill.so', d)
        with Server('--filter=multi-conn', plugin, '1M', 'multi-conn-mode=emulate') as s:
            assert run(['nbdinfo', s.uri], check=False).returncode != 0
            assert 'multi-conn-mode=emulate' in s.log()


main(globals())
