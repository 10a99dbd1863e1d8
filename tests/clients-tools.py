# SPDX-License-Identifier: BSD-3-Clause
# fio and nbd-client, over Unix sockets, IPv4 and IPv6.
import json

from harness import Server, TempDir, each_transport, main, run


def fio(d, uri, *args):
    out = run(['fio', '--name=x', '--output-format=json', '--ioengine=nbd', '--uri=' + uri,
               '--size=16M', *args], cwd=d).stdout
    job = json.loads(out[out.index('{'):])['jobs'][0]
    assert job['error'] == 0, out
    return job


def test_fio_writes_and_verifies():
    with TempDir() as d:
        for s, uri in each_transport('memory', '16M'):
            fio(d, uri, '--rw=randrw', '--bs=4k', '--iodepth=32', '--verify=crc32c')


def test_fio_with_block_sizes_of_all_kinds():
    with TempDir() as d, Server('memory', '16M') as s:
        fio(d, s.uri, '--rw=randwrite', '--bsrange=512-300k', '--iodepth=16', '--fsync=10',
            '--verify=sha1', '--verify_fatal=1')


def test_fio_on_a_file_with_several_jobs():
    with TempDir() as d:
        with open(d + '/disk', 'wb') as f:
            f.truncate(16 << 20)
        with Server('file', d + '/disk') as s:
            job = fio(d, s.uri, '--rw=randrw', '--bs=16k', '--iodepth=64', '--numjobs=4',
                      '--group_reporting')
            assert job['read']['total_ios'] + job['write']['total_ios'] == 4 * 1024


def test_fio_trims():
    with TempDir() as d, Server('memory', '16M') as s:
        s.nbd().pwrite(b'x' * (16 << 20), 0)
        job = fio(d, s.uri, '--rw=trim', '--bs=1M', '--iodepth=4')
        assert job['trim']['total_ios'] == 16
        assert s.nbd().pread(1 << 20, 0) == bytes(1 << 20)


def test_nbd_client_lists():
    with TempDir() as d:
        for name in 'first', 'second':
            open(d + '/' + name, 'w').close()
        with Server('file', 'dir=' + d) as s:
            out = run(['nbd-client', '-l', '-unix', s.socket]).stdout.split()
            assert out[-2:] == ['first', 'second']
        with Server('file', 'dir=' + d, tcp=True) as s:
            out = run(['nbd-client', '-l', '127.0.0.1', str(s.port)]).stdout.split()
            assert out[-2:] == ['first', 'second']


main(globals())
