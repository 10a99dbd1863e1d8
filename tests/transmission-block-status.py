# SPDX-License-Identifier: BSD-3-Clause
# BLOCK_STATUS for base:allocation.
from harness import RECORDER, Server, TempDir, main
from rawnbd import *

SIZE = 8 << 20
HOLE_ZERO = 3


def open_memory(s, form='structured'):
    raw = Raw(s)
    getattr(raw, form)()
    raw.context = raw.set_context('base:allocation')['base:allocation']
    return raw.go()


def status(raw, offset, length, flags=0):
    reply = raw.do(STATUS, offset, length, flags)
    assert reply.error == 0, reply.error
    assert list(reply.extents) == [raw.context]
    extents = reply.extents[raw.context]
    assert sum(n for n, _ in extents[:-1]) < length
    return extents


def test_memory_is_exact_to_the_page():
    with Server('memory', str(SIZE)) as s, open_memory(s) as raw:
        assert status(raw, 0, SIZE) == [(SIZE, HOLE_ZERO)]
        raw.write(10000, b'x')
        assert status(raw, 0, SIZE) == [(8192, HOLE_ZERO), (4096, 0), (SIZE - 12288, HOLE_ZERO)]
        raw.write(4 << 20, b'x' * 8192)
        assert status(raw, 12288, SIZE - 12288) == [
            ((4 << 20) - 12288, HOLE_ZERO), (8192, 0), (SIZE - (4 << 20) - 8192, HOLE_ZERO)]
        assert raw.do(TRIM, 0, 3 << 20).error == 0
        assert status(raw, 0, 1 << 20)[0][1] == HOLE_ZERO


def test_req_one_gives_one_extent_within_the_request():
    with Server('memory', str(SIZE)) as s, open_memory(s) as raw:
        raw.write(4096, b'x' * 4096)
        assert status(raw, 0, 100, REQ_ONE) == [(100, HOLE_ZERO)]
        assert status(raw, 0, SIZE, REQ_ONE) == [(4096, HOLE_ZERO)]
        assert status(raw, 5000, SIZE - 5000, REQ_ONE) == [(3192, 0)]


def test_extents_start_at_any_byte():
    with Server('memory', str(SIZE)) as s, open_memory(s) as raw:
        raw.write(4096, b'x' * 4096)
        for offset in 1, 4095, 4096, 4097, 8191, 8192:
            length, flags = status(raw, offset, 512)[0]
            assert flags == (0 if 4096 <= offset < 8192 else HOLE_ZERO)


def test_zeroes_without_hole_are_allocated():
    with Server('memory', str(SIZE)) as s, open_memory(s) as raw:
        assert raw.do(ZERO, 0, 65536, NO_HOLE).error == 0
        assert not status(raw, 0, 65536)[0][1] & 1
        assert raw.do(ZERO, 0, 65536).error == 0
        assert status(raw, 0, 65536)[0][1] == HOLE_ZERO


def test_file_holes():
    with TempDir() as d:
        with open(d + '/disk', 'wb') as f:
            f.truncate(SIZE)
            f.seek(1 << 20)
            f.write(b'x' * (1 << 20))
        with Server('file', d + '/disk') as s, open_memory(s) as raw:
            assert status(raw, 0, SIZE) == [
                (1 << 20, HOLE_ZERO), (1 << 20, 0), (6 << 20, HOLE_ZERO)]


def test_exabytes():
    with Server('memory', '7E') as s:
        with open_memory(s) as raw:
            length, flags = status(raw, 0, 0xffffffff)[0]
            assert flags == HOLE_ZERO and 0xfff00000 < length <= 0xffffffff
            raw.write(5 << 60, b'far out')
            assert status(raw, 5 << 60, 4096) == [(4096, 0)]
        with open_memory(s, 'extended') as raw:
            extents = status(raw, 0, 7 << 60)
            assert extents == [(5 << 60, HOLE_ZERO), (4096, 0), ((2 << 60) - 4096, HOLE_ZERO)]


def each_recorded(*args):
    for form in 'structured', 'extended':
        with Server(RECORDER, 'size=8M', 'contexts=3', *args) as s, Raw(s) as raw:
            getattr(raw, form)()
            raw.ids = raw.set_context('base:allocation', 'x-recorder:one', 'x-other:three')
            yield raw.go()


def test_one_chunk_for_each_context():
    for raw in each_recorded():
        reply = raw.do(STATUS, 0, 131072)
        assert reply.error == 0 and len(reply.chunks) == 3
        assert reply.extents[raw.ids['base:allocation']] == [(65536, 3), (65536, 0)]
        assert reply.extents[raw.ids['x-recorder:one']] == [(131072, 13)]
        assert reply.extents[raw.ids['x-other:three']] == [(262144, 33)]


def test_req_one_with_several_contexts():
    for raw in each_recorded():
        reply = raw.do(STATUS, 65536 - 512, 4096, REQ_ONE)
        assert [reply.extents[i] for i in sorted(reply.extents)] == [
            [(512, 3)], [(4096, 13)], [(4096, 33)]]


def test_an_error_is_one_chunk():
    for raw in each_recorded('error=5', 'error_at=1M'):
        assert raw.do(STATUS, 0, 512).error == 0
        reply = raw.do(STATUS, 1 << 20, 512)
        assert reply.error == EIO and reply.chunks == [0x8001] and not reply.extents
        assert 'byte 1048576 is bad' in reply.text


def test_last_extent_does_not_run_past_the_end():
    for raw in each_recorded('extent=3M'):
        reply = raw.do(STATUS, 7 << 20, 1 << 20)
        assert reply.extents[raw.ids['base:allocation']] == [(1 << 20, 3)]


def test_all_is_data_where_the_plugin_knows_no_extents():
    with Server(RECORDER, 'without=extents') as s, open_memory(s) as raw:
        assert status(raw, 0, 1 << 20) == [(1 << 20, 0)]


def test_no_more_than_2_to_the_20_extents():
    with Server(RECORDER, 'size=2M', 'extent=1') as s, open_memory(s, 'extended') as raw:
        extents = status(raw, 0, 2 << 20)
        assert extents == [(1, 3), (1, 0)] * (1 << 19)


def test_range_past_the_end():
    for form in 'structured', 'extended':
        with Server('memory', str(SIZE)) as s, open_memory(s, form) as raw:
            for offset, length in ((SIZE, 1), (0, SIZE + 1), ((1 << 64) - 512, 512), (0, 0)):
                assert raw.do(STATUS, offset, length).error == EINVAL
            assert raw.works()


def test_many_extents():
    with Server('memory', '1G') as s, open_memory(s) as raw:
        count = 3000
        for i in range(count):
            assert raw.write(i * 16384, b'x') == 0
        extents = status(raw, 0, 1 << 30)
        assert len(extents) == 2 * count
        assert sum(n for n, _ in extents) == 1 << 30


main(globals())
