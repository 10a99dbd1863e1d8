# SPDX-License-Identifier: BSD-3-Clause
# libnbd's clients, over Unix sockets, IPv4 and IPv6.
import json
import os

from harness import Server, TempDir, each_transport, main, pattern, run


def test_nbdinfo():
    for s, uri in each_transport('memory', '10M'):
        info = json.loads(run(['nbdinfo', '--json', uri]).stdout)
        assert info['exports'][0]['export-size'] == 10 << 20
        assert info['exports'][0]['can_multi_conn']
        assert 'base:allocation' in info['exports'][0]['contexts']
        assert run(['nbdinfo', '--size', uri]).stdout == '10485760\n'
        listed = json.loads(run(['nbdinfo', '--list', '--json', uri]).stdout)
        assert [e['export-name'] for e in listed['exports']] == ['']


def test_nbdinfo_asks_what_can_be_done():
    with Server('-r', 'memory', '1M') as s:
        def asked(*question):
            return run(['nbdinfo', *question, s.uri], check=False).returncode

        assert asked('--is', 'read-only') == 0 and asked('--is', 'rotational') == 2
        assert asked('--can', 'df') == 0 and asked('--can', 'cache') == 0
        assert asked('--can', 'trim') == 2 and asked('--can', 'zero') == 2


def test_nbdinfo_list_and_map():
    with TempDir() as d:
        for name in 'a', 'b':
            with open(d + '/' + name, 'wb') as f:
                f.truncate(1 << 20)
                f.write(b'x' * 65536)
        with Server('file', 'dir=' + d) as s:
            listed = json.loads(run(['nbdinfo', '--list', '--json', s.uri]).stdout)
            assert [e['export-name'] for e in listed['exports']] == ['a', 'b']
            out = run(['nbdinfo', '--map', s.uri_of('a')]).stdout.split()
            assert out == ['0', '65536', '0', 'data', '65536', '983040', '3', 'hole,zero']


def test_nbdcopy_both_ways():
    with TempDir() as d:
        data = pattern(5 << 20)
        open(d + '/in', 'wb').write(data)
        for s, uri in each_transport('memory', str(len(data))):
            run(['nbdcopy', '--flush', d + '/in', uri])
            for how in ([], ['--synchronous'], ['--connections=4', '--requests=64'],
                        ['--request-size=65536', '--connections=2'], ['--no-extents']):
                run(['nbdcopy', *how, uri, d + '/out'])
                assert open(d + '/out', 'rb').read() == data, how


def test_nbdcopy_server_to_server():
    with Server('memory', '4M') as a, Server('memory', '4M') as b:
        data = pattern(4 << 20)
        a.nbd().pwrite(data, 0)
        run(['nbdcopy', a.uri, b.uri])
        assert b.nbd().pread(4 << 20, 0) == data


def test_nbdcopy_of_a_sparse_disk():
    with TempDir() as d, Server('memory', '64M') as s:
        with open(d + '/in', 'wb') as f:
            f.truncate(64 << 20)
            f.seek(10 << 20)
            f.write(pattern(1 << 20))
        for how in ([], ['--destination-is-zero'], ['--allocated'], ['--sparse=65536']):
            run(['nbdcopy', *how, d + '/in', s.uri])
            run(['nbdcopy', s.uri, d + '/out'])
            run(['cmp', d + '/in', d + '/out'])
            os.unlink(d + '/out')


def test_nbdsh():
    script = """
h.pwrite(b'x' * 65536, 131072)
found = []
h.pread_structured(524288, 0, lambda *a: found.append((a[1], len(a[0]), a[2])))
print(sorted(found))
print(h.get_structured_replies_negotiated(), h.get_protocol())
"""
    env = dict(os.environ, PATH='/usr/bin:' + os.environ['PATH'])
    for s, uri in each_transport('memory', '1M'):
        out = run(['nbdsh', '-u', uri, '-c', script], env=env).stdout.splitlines()
        assert out[1] == 'True newstyle-fixed'
        assert out[0] == '[(0, 131072, 2), (131072, 65536, 1), (196608, 327680, 2)]', out


def test_oldstyle():
    with Server('-o', 'memory', '1M') as s:
        h = s.nbd()
        assert h.get_protocol() == 'oldstyle' and h.get_size() == 1 << 20
        h.pwrite(b'x' * 512, 0)
        assert h.pread(512, 0) == b'x' * 512


def test_libnbd_commands():
    with Server('memory', '1M') as s:
        h = s.nbd()
        h.pwrite(b'a' * 65536, 0, 0)
        h.flush()
        h.zero(4096, 4096)
        h.trim(8192, 16384)
        h.cache(65536, 0)
        assert h.pread(12288, 0) == b'a' * 4096 + bytes(4096) + b'a' * 4096
        found = []
        h.block_status(1 << 20, 0, lambda name, offset, entries, error: found.extend(entries))
        assert found[0] == 4096 and found[1] == 0
        h.shutdown()


def test_data_at_the_end_of_an_odd_size():
    with TempDir() as d:
        open(d + '/odd', 'wb').write(pattern(1000001))
        with Server('file', d + '/odd') as s:
            h = s.nbd()
            assert h.get_size() == 1000001
            assert h.pread(1, 1000000) == pattern(1000001)[-1:]
            run(['nbdcopy', s.uri, d + '/out'])
            assert open(d + '/out', 'rb').read() == pattern(1000001)


def test_growth_is_seen_by_new_connections():
    with TempDir() as d:
        path = d + '/disk'
        open(path, 'wb').write(bytes(4096))
        with Server('file', path) as s:
            assert s.nbd().get_size() == 4096
            os.truncate(path, 8192)
            assert s.nbd().get_size() == 8192


main(globals())
