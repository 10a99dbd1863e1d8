# SPDX-License-Identifier: BSD-3-Clause
# QEMU's clients, over Unix sockets, IPv4 and IPv6.
import json

from harness import Server, TempDir, each_transport, main, pattern, run

MIB = 1 << 20


def qemu_io(uri, *commands):
    args = [w for c in commands for w in ('-c', c)]
    out = run(['qemu-io', '-f', 'raw', *args, uri]).stdout
    assert 'failed' not in out and 'error' not in out.lower(), out


def test_qemu_img_both_ways():
    with TempDir() as d:
        open(d + '/in', 'wb').write(pattern(8 * MIB))
        for s, uri in each_transport('memory', '8M'):
            run(['qemu-img', 'convert', '-n', '-f', 'raw', '-O', 'raw', d + '/in', uri])
            for n in '1', '4', '16':
                run(['qemu-img', 'convert', '-W', '-m', n, '-f', 'raw', '-O', 'qcow2', uri, d + '/out'])
                run(['qemu-img', 'compare', d + '/in', d + '/out'])
            info = json.loads(run(['qemu-img', 'info', '--output=json', uri]).stdout)
            assert info['virtual-size'] == 8 * MIB


def test_qemu_img_map_and_compare():
    with TempDir() as d, Server('memory', '8M') as s:
        h = s.nbd()
        h.pwrite(pattern(MIB), 2 * MIB)
        found = json.loads(run(['qemu-img', 'map', '-f', 'raw', '--output=json', s.uri]).stdout)
        assert [(e['start'], e['length'], e['data'], e['zero']) for e in found] == [
            (0, 2 * MIB, False, True), (2 * MIB, MIB, True, False), (3 * MIB, 5 * MIB, False, True)]
        with open(d + '/same', 'wb') as f:
            f.truncate(8 * MIB)
            f.seek(2 * MIB)
            f.write(pattern(MIB))
        run(['qemu-img', 'compare', '-f', 'raw', '-F', 'raw', s.uri, d + '/same'])


def test_qcow2_inside_an_export():
    with TempDir() as d, Server('memory', '32M') as s:
        open(d + '/in', 'wb').write(pattern(4 * MIB))
        run(['qemu-img', 'create', '-f', 'qcow2', s.uri, '4M'])
        run(['qemu-img', 'convert', '-n', '-f', 'raw', '-O', 'qcow2', d + '/in', s.uri])
        run(['qemu-img', 'check', '-f', 'qcow2', s.uri])
        run(['qemu-img', 'compare', '-f', 'raw', '-F', 'qcow2', d + '/in', s.uri])


def test_qemu_img_bench():
    for s, uri in each_transport('memory', '8M'):
        for how in ([], ['-w'], ['-w', '--flush-interval=64']):
            out = run(['qemu-img', 'bench', '-f', 'raw', '-c', '500', '-d', '32', *how, uri]).stdout
            assert 'Run completed' in out


def test_qemu_io():
    for s, uri in each_transport('memory', '8M'):
        qemu_io(uri, 'write -P 0xab 0 1M', 'write -f -P 0xcd 1M 64k', 'flush',
                'write -z 64k 64k', 'write -z -u 256k 64k', 'discard 128k 64k',
                'read -P 0xab 0 64k', 'read -P 0 64k 64k', 'read -P 0 128k 64k',
                'read -P 0 256k 64k', 'read -P 0xcd 1M 64k')


def test_qemu_io_in_parallel():
    with Server('memory', '8M') as s:
        writes = ['aio_write -P %d %dk 37k' % (i + 1, i * 64) for i in range(60)]
        reads = ['aio_read -P %d %dk 37k' % (i + 1, i * 64) for i in range(60)]
        qemu_io(s.uri, *writes, 'aio_flush', *reads, 'aio_flush')


def test_odd_sizes_and_names():
    with TempDir() as d:
        for name, url in (('plain', 'plain'), ('with space', 'with%20space'),
                          ('\u20ac', '%E2%82%AC'), ('per%cent', 'per%25cent')):
            open(d + '/' + name, 'wb').write(pattern(MIB + 512, len(name)))
            with Server('file', 'dir=' + d) as s:
                run(['qemu-img', 'convert', '-f', 'raw', '-O', 'raw', s.uri_of(url), d + '/out'])
                run(['cmp', d + '/' + name, d + '/out'])
                run(['nbdcopy', s.uri_of(url), d + '/out2'])
                run(['cmp', d + '/' + name, d + '/out2'])


main(globals())
