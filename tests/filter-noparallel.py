# SPDX-License-Identifier: BSD-3-Clause
# The noparallel filter.  Two reads that wait for an hour show what else still runs.
from harness import Server, TempDir, main, nbdsrv, refused

HOUR = 'rdelay=3600'


def model(*args):
    with TempDir() as d:
        with Server('--filter=log', '--filter=noparallel', 'memory', '1M',
                    'logfile=' + d + '/log', *args):
            pass
        return open(d + '/log').readline().split('thread_model=')[1].strip()


def test_thread_models():
    assert model() == '2'
    assert model('serialize=requests') == '2'
    assert model('serialize=all-requests') == '0'
    assert model('serialize=connections') == '1'


def test_requests():
    import nbd
    with Server('--filter=noparallel', '--filter=delay', 'memory', '1M', HOUR) as s:
        h = s.nbd()
        h.aio_pread(nbd.Buffer(512), 0)
        behind = h.aio_pwrite(nbd.Buffer.from_bytearray(bytearray(512)), 0)
        other = s.nbd()
        other.pwrite(b'x', 0)
        h.poll(0)
        assert not h.aio_command_completed(behind)
        s.stop()


def test_connections():
    with Server('--filter=noparallel', 'memory', '1M', 'serialize=connections') as s:
        h = s.nbd()
        assert not h.can_multi_conn()
        waits = s.connect()
        h.pwrite(b'x', 0)
        h.shutdown()
        waits.close()
        assert s.nbd().pread(1, 0) == b'x'


def test_wrong_word():
    assert 'serialize' in refused('--filter=noparallel', 'memory', '1M', 'serialize=none')


def test_dump_plugin():
    for mode in 'requests', 'all-requests', 'connections':
        lines = nbdsrv('--filter=noparallel', 'memory', 'serialize=' + mode, '--dump-plugin').stdout.splitlines()
        assert 'thread_model=serialize_' + mode.replace('-', '_') in lines, lines
        assert 'max_thread_model=parallel' in lines and 'noparallel_serialize=' + mode in lines, lines


main(globals())
