# SPDX-License-Identifier: BSD-3-Clause
# The clients that people use, over Unix sockets, IPv4 and IPv6.
import json
import os
import socket

from harness import Server, TempDir, main, pattern, run


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as s:
            s.bind(('::1', 0))
        return True
    except OSError:
        return False


def uris(s):
    yield 'nbd://127.0.0.1:%d' % s.port
    if has_ipv6():
        yield 'nbd://[::1]:%d' % s.port


def test_nbdinfo():
    with Server('memory', '10M') as s:
        info = json.loads(run(['nbdinfo', '--json', s.uri]).stdout)
        assert info['exports'][0]['export-size'] == 10 << 20
        assert info['exports'][0]['can_multi_conn']
        assert 'base:allocation' in info['exports'][0]['contexts']
    with Server('memory', '10M', tcp=True) as s:
        for uri in uris(s):
            assert run(['nbdinfo', '--size', uri]).stdout == '10485760\n'


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
        with Server('memory', str(len(data))) as s:
            run(['nbdcopy', d + '/in', s.uri])
            run(['nbdcopy', s.uri, d + '/out'])
            assert open(d + '/out', 'rb').read() == data
            run(['nbdcopy', '--synchronous', s.uri, d + '/out2'])
            assert open(d + '/out2', 'rb').read() == data


def test_nbdcopy_server_to_server():
    with Server('memory', '4M') as a, Server('memory', '4M') as b:
        data = pattern(4 << 20)
        a.nbd().pwrite(data, 0)
        run(['nbdcopy', a.uri, b.uri])
        assert b.nbd().pread(4 << 20, 0) == data


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


def test_qemu_img():
    with TempDir() as d, Server('memory', '8M') as s:
        data = pattern(8 << 20)
        open(d + '/in', 'wb').write(data)
        run(['qemu-img', 'convert', '-n', '-f', 'raw', '-O', 'raw', d + '/in', s.uri])
        run(['qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', s.uri, d + '/out'])
        assert run(['qemu-img', 'compare', d + '/in', d + '/out'], check=False).returncode == 0
        info = json.loads(run(['qemu-img', 'info', '--output=json', s.uri]).stdout)
        assert info['virtual-size'] == 8 << 20
        run(['qemu-img', 'map', '--output=json', s.uri])


def test_qemu_io():
    with Server('memory', '8M') as s:
        commands = ['write -P 0xab 0 1M', 'write -f -P 0xcd 1M 64k', 'flush', 'write -z 64k 64k',
                    'discard 128k 64k', 'read -P 0xab 0 64k', 'read -P 0 64k 64k', 'read -P 0 128k 64k',
                    'read -P 0xcd 1M 64k']
        args = [w for c in commands for w in ('-c', c)]
        out = run(['qemu-io', '-f', 'raw', *args, s.uri]).stdout
        assert 'failed' not in out and 'error' not in out.lower(), out


def test_fio():
    with TempDir() as d, Server('memory', '16M') as s:
        run(['fio', '--name=x', '--ioengine=nbd', '--uri=' + s.uri, '--rw=randrw', '--bs=4k',
             '--iodepth=32', '--size=16M', '--verify=crc32c'], cwd=d)


def test_nbd_client_lists():
    with Server('memory', '1M') as s:
        out = run(['nbd-client', '-l', '-unix', s.socket], check=False)
        assert 'Negotiation' in out.stdout or out.returncode == 0, out.stdout + out.stderr


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
