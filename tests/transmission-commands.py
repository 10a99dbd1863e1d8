# SPDX-License-Identifier: BSD-3-Clause
# FLUSH, TRIM, CACHE, WRITE_ZEROES on each of the plugins.
import os

from harness import Server, TempDir, main
from rawnbd import *

SIZE = 1 << 20


def on_each_plugin():
    with Server('memory', str(SIZE)) as s, Raw(s) as raw:
        yield raw.structured().go()
    with TempDir() as d:
        with open(d + '/disk', 'wb') as f:
            f.truncate(SIZE)
        with Server('file', d + '/disk') as s, Raw(s) as raw:
            yield raw.structured().go()


def test_all_commands_are_offered():
    for raw in on_each_plugin():
        wanted = SEND_FLUSH | SEND_FUA | SEND_TRIM | SEND_ZERO | SEND_CACHE | MULTI_CONN
        assert raw.flags & wanted == wanted
        assert not raw.flags & READ_ONLY


def test_zero():
    for raw in on_each_plugin():
        for flags in 0, NO_HOLE, FUA, NO_HOLE | FUA:
            assert raw.write(0, b'x' * SIZE) == 0
            assert raw.do(ZERO, 1000, 500000, flags).error == 0
            data = raw.read(0, SIZE)
            assert data[:1000] == b'x' * 1000
            assert data[1000:501000] == bytes(500000)
            assert data[501000:] == b'x' * (SIZE - 501000)


def test_trim_of_whole_blocks_reads_as_zeroes_here():
    for raw in on_each_plugin():
        assert raw.write(0, b'x' * SIZE) == 0
        assert raw.do(TRIM, 65536, 131072).error == 0
        data = raw.read(0, SIZE)
        assert data[:65536] == b'x' * 65536 and data[196608:] == b'x' * (SIZE - 196608)
        assert data[65536:196608] == bytes(131072)


def test_cookies_are_the_clients():
    with Server('memory', '1M') as s:
        for form in 'simple', 'structured', 'extended':
            with Raw(s) as raw:
                if form != 'simple':
                    getattr(raw, form)()
                raw.go()
                for cookie in 0, (1 << 64) - 1, 0x2560951325609513, 7, 7:
                    for command in READ, ZERO, 99:
                        raw.send(command, 0, 512, cookie=cookie)
                        assert raw.reply(cookie).cookie == cookie


def test_flush_takes_no_range():
    for raw in on_each_plugin():
        assert raw.do(FLUSH).error == 0
        assert raw.do(FLUSH, 512, 0).error == EINVAL
        assert raw.do(FLUSH, 0, 512).error == EINVAL
        assert raw.works()


def test_cache():
    for raw in on_each_plugin():
        assert raw.do(CACHE, 0, SIZE).error == 0
        assert raw.do(CACHE, 0, SIZE + 1).error == EINVAL
        assert raw.works()


def test_fast_zero_fails_at_once_where_zeroes_are_written():
    with Server('memory', str(SIZE)) as s, Raw(s) as raw:
        raw.go()
        assert raw.flags & SEND_FAST_ZERO
        assert raw.do(ZERO, 0, SIZE, FAST_ZERO).error == 0


def test_data_reaches_the_file():
    with TempDir() as d:
        path = d + '/disk'
        with open(path, 'wb') as f:
            f.truncate(SIZE)
        with Server('file', path) as s, Raw(s) as raw:
            raw.go()
            assert raw.write(4096, b'y' * 4096, FUA) == 0
            assert raw.do(FLUSH).error == 0
            assert open(path, 'rb').read()[4096:8192] == b'y' * 4096
            before = os.stat(path).st_blocks
            raw.write(0, b'z' * SIZE)
            raw.do(FLUSH)
            assert raw.do(TRIM, 0, SIZE).error == 0
            assert os.stat(path).st_blocks <= before
            assert os.stat(path).st_size == SIZE


main(globals())
