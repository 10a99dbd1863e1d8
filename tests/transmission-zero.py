# SPDX-License-Identifier: BSD-3-Clause
# WRITE_ZEROES, fast or not, and TRIM, where plugins have them and where not.
import os

from harness import RECORDER, Server, TempDir, main, wait_for
from rawnbd import *

MIB = 1 << 20


def calls(path):
    return [line.split()[0] for line in open(path)]


def test_flags_reach_the_plugin():
    with TempDir() as d, Server(RECORDER, 'record=' + d + '/calls') as s, Raw(s) as raw:
        raw.go()
        for flags in 0, NO_HOLE, FAST_ZERO, FUA | NO_HOLE, FAST_ZERO | NO_HOLE:
            assert raw.do(ZERO, 4096, 8192, flags).error == 0
        assert [int(line.split()[3]) for line in open(d + '/calls')] == [0, 2, 16, 3, 18]


def test_zeroes_are_written_where_the_plugin_has_none():
    with TempDir() as d:
        args = [RECORDER, 'size=8M', 'without=zero', 'record=' + d + '/calls']
        with Server(*args) as s, Raw(s) as raw:
            raw.go()
            assert raw.flags & SEND_ZERO
            assert raw.write(0, b'x' * (5 * MIB)) == 0
            assert raw.do(ZERO, 1000, 4 * MIB).error == 0
            data = raw.read(0, 5 * MIB)
            assert data == b'x' * 1000 + bytes(4 * MIB) + b'x' * (MIB - 1000)


def test_exabytes_of_written_zeroes_end_with_the_server_or_the_client():
    with TempDir() as d:
        path = d + '/calls'
        for leave in True, False:
            args = [RECORDER, 'size=2E', 'keep=1M', 'without=zero', 'record=' + path]
            with Server('-v', *args) as s, Raw(s) as raw:
                raw.extended().go()
                raw.send(ZERO, 0, 2 << 60)
                wait_for('the first piece', lambda: os.path.getsize(path) > 0)
                if leave:
                    raw.sock.close()
                    wait_for('the connection to end', lambda: 'debug: closed' in s.log())
            os.unlink(path)


def temporary_bytes(s):
    """What the server's file without a name takes."""
    proc, sizes = '/proc/%d/fd/' % s.pid, [0]
    for fd in os.listdir(proc):
        if '(deleted)' in os.readlink(proc + fd):
            sizes.append(os.stat(proc + fd).st_blocks * 512)
    return max(sizes)


def test_long_loops_of_filters_end_with_the_client():
    with TempDir() as d:
        path = d + '/calls'
        disk = [RECORDER, 'size=2E', 'keep=1M', 'extent=1E', 'record=' + path]
        limit = {'TMPDIR': d, 'NBDSRV_WRAPPER': 'prlimit --fsize=8000000000 ' + os.environ.get('NBDSRV_WRAPPER', '')}
        for command, flags, args in (
                (ZERO, 0, ['--filter=nozero', *disk, 'zeromode=emulate']),
                (CACHE, 0, ['--filter=nocache', *disk, 'cachemode=emulate']),
                (ZERO, 0, ['--filter=checkwrite', *disk, 'without=extents']),
                (ZERO, 0, ['--filter=blocksize', *disk, 'maxlen=64k']),
                (TRIM, 0, ['--filter=blocksize', *disk, 'maxlen=64k']),
                (CACHE, 0, ['--filter=blocksize', *disk, 'maxlen=64k']),
                (ZERO, NO_HOLE, ['--filter=cow', *disk]),
                (CACHE, 0, ['--filter=cow', *disk, 'cow-on-cache=true']),
                (ZERO, NO_HOLE, ['--filter=cache', *disk])):
            with Server('-v', *args, env=limit) as s, Raw(s) as raw:
                raw.extended().go().send(command, 0, 1 << 60, flags)
                wait_for('the first pieces', lambda: temporary_bytes(s) > 1 << 20 or
                         len(calls(path)) > 10)
                raw.sock.close()
                wait_for('the connection to end %s' % args, lambda: 'debug: closed' in s.log())
            if os.path.exists(path):
                os.unlink(path)


def test_fast_zero_fails_before_anything_is_written():
    with TempDir() as d:
        with Server(RECORDER, 'without=zero', 'without=fast-zero', 'record=' + d + '/calls') as s:
            with Raw(s) as raw:
                raw.structured().go()
                assert raw.flags & SEND_FAST_ZERO
                assert raw.do(ZERO, 0, 65536, FAST_ZERO).error == ENOTSUP
                assert calls(d + '/calls') == []
                assert raw.do(ZERO, 0, 65536).error == 0
                assert set(calls(d + '/calls')) == {'write'}


def test_fast_zero_is_not_offered_by_a_plugin_that_does_not_know_it():
    with Server(RECORDER, 'without=fast-zero') as s, Raw(s) as raw:
        raw.go()
        assert not raw.flags & SEND_FAST_ZERO
        assert raw.do(ZERO, 0, 512, FAST_ZERO).error == EINVAL
        assert raw.works()


def test_plugin_that_cannot_zero_fast():
    with Server(RECORDER, 'error=%d' % ENOTSUP) as s, Raw(s) as raw:
        raw.structured().go()
        assert raw.do(ZERO, 0, 512, FAST_ZERO).error == ENOTSUP
        assert raw.do(ZERO, 4096, 512, FAST_ZERO).error == 0


def test_zeroes_are_written_where_the_plugin_cannot_zero_after_all():
    with TempDir() as d:
        path = d + '/calls'
        with Server(RECORDER, 'error=%d' % ENOTSUP, 'error_op=zero', 'record=' + path) as s:
            with Raw(s) as raw:
                raw.structured().go()
                assert raw.write(0, b'x' * 4096) == 0
                assert raw.do(ZERO, 0, 512, FAST_ZERO).error == ENOTSUP
                assert calls(path) == ['write', 'zero']
                assert raw.do(ZERO, 0, 512, FUA).error == 0
                assert raw.read(0, 513) == bytes(512) + b'x'
                assert open(path).read().splitlines()[-2] == 'write 512 0 1'


def test_trim_that_is_not_offered():
    with Server(RECORDER, 'without=trim') as s, Raw(s) as raw:
        raw.go()
        assert not raw.flags & SEND_TRIM
        assert raw.do(TRIM, 0, 512).error == EINVAL
        assert raw.works()


def test_cache_is_a_read_where_the_plugin_has_none():
    with TempDir() as d:
        args = [RECORDER, 'size=8M', 'without=cache', 'record=' + d + '/calls']
        with Server(*args, 'with=cache') as s, Raw(s) as raw:
            assert not raw.go().flags & SEND_CACHE
            assert raw.do(CACHE, 0, 512).error == EINVAL


def test_rotational_is_told():
    for args, flag in (([], 0), (['with=rotational'], ROTATIONAL)):
        with Server(RECORDER, *args) as s, Raw(s) as raw:
            assert raw.go().flags & ROTATIONAL == flag


main(globals())
