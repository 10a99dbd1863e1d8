# SPDX-License-Identifier: BSD-3-Clause
# Reads that meet holes are answered with holes, where that pays.
from harness import Server, TempDir, main
from rawnbd import *

SIZE = 8 << 20


def test_hole_in_memory_is_a_chunk_without_data():
    for form in 'structured', 'extended':
        with Server('memory', str(SIZE)) as s, Raw(s) as raw:
            getattr(raw, form)().go()
            raw.write(1 << 20, b'x' * (1 << 20))
            reply = raw.do(READ, 0, 4 << 20)
            assert reply.data(0, 4 << 20) == bytes(1 << 20) + b'x' * (1 << 20) + bytes(2 << 20)
            assert len(reply.holes) == 2
            assert reply.chunks == [2, 1, 2]


def test_small_read_of_a_hole():
    with Server('memory', str(SIZE)) as s, Raw(s) as raw:
        raw.structured().go()
        assert raw.do(READ, 512, 512).holes == [(512, 512)]


def test_simple_replies_carry_zeroes():
    with Server('memory', str(SIZE)) as s, Raw(s) as raw:
        raw.go()
        raw.write(4 << 20, b'end')
        assert raw.read(0, SIZE) == bytes(4 << 20) + b'end' + bytes((4 << 20) - 3)


def test_fragmented_data_is_one_chunk():
    with Server('memory', str(SIZE)) as s, Raw(s) as raw:
        raw.structured().go()
        for i in range(0, 1 << 20, 8192):
            assert raw.write(i, b'x' * 4096) == 0
        reply = raw.do(READ, 0, 1 << 20)
        assert reply.chunks == [1]
        assert reply.data(0, 1 << 20) == (b'x' * 4096 + bytes(4096)) * 128


def test_hole_in_a_file():
    with TempDir() as d:
        with open(d + '/disk', 'wb') as f:
            f.truncate(SIZE)
            f.seek(2 << 20)
            f.write(b'x' * 65536)
        with Server('file', d + '/disk') as s, Raw(s) as raw:
            raw.structured().go()
            for _ in range(3):
                reply = raw.do(READ, 0, 4 << 20)
                assert reply.data(0, 4 << 20) == open(d + '/disk', 'rb').read(4 << 20)
                assert len(reply.holes) == 2
            reply = raw.do(READ, 0, 4 << 20, DF)
            assert reply.chunks == [1]


main(globals())
