# SPDX-License-Identifier: BSD-3-Clause
# What is to reach stable storage: FLUSH, FUA, and FUA where a plugin knows none.
from harness import RECORDER, Server, TempDir, main
from rawnbd import *


class Recorded:
    """A recorder plugin, and the calls it got since the last question."""

    def __init__(self, d, *args):
        self.path = d + '/calls'
        self.server = Server(RECORDER, 'record=' + self.path, *args)
        self.seen = 0

    def __enter__(self):
        self.server.__enter__()
        return self

    def __exit__(self, *args):
        self.server.__exit__(*args)

    def calls(self):
        lines = open(self.path).read().splitlines()
        new, self.seen = lines[self.seen:], len(lines)
        return new


def test_flush_reaches_the_plugin_before_its_reply():
    with TempDir() as d, Recorded(d) as r, Raw(r.server) as raw:
        raw.go()
        assert raw.do(FLUSH).error == 0
        assert r.calls() == ['flush 0 0 0']


def test_fua_is_handed_to_a_plugin_that_knows_it():
    with TempDir() as d, Recorded(d) as r, Raw(r.server) as raw:
        raw.go()
        assert raw.write(0, b'x' * 512, FUA) == 0
        assert raw.do(ZERO, 512, 512, FUA).error == 0
        assert raw.do(TRIM, 1024, 512, FUA).error == 0
        assert raw.write(0, b'x' * 512) == 0
        assert r.calls() == ['write 512 0 1', 'zero 512 512 1', 'trim 512 1024 1', 'write 512 0 0']


def test_fua_is_a_flush_where_the_plugin_knows_none():
    with TempDir() as d, Recorded(d, 'without=fua') as r, Raw(r.server) as raw:
        raw.go()
        assert raw.flags & SEND_FUA
        for command, what in ((WRITE, 'write'), (ZERO, 'zero'), (TRIM, 'trim')):
            assert raw.do(command, 0, 512, FUA, b'x' * 512 if command == WRITE else b'').error == 0
            assert r.calls() == [what + ' 512 0 0', 'flush 0 0 0']
        assert raw.write(0, b'x' * 512) == 0
        assert r.calls() == ['write 512 0 0']


def test_fua_of_emulated_zeroes():
    for without, last in (([], 'write 512 0 1'), (['without=fua'], 'flush 0 0 0')):
        with TempDir() as d, Recorded(d, 'without=zero', *without) as r, Raw(r.server) as raw:
            raw.go()
            assert raw.do(ZERO, 0, 512, FUA).error == 0
            assert r.calls()[-1] == last


def test_failed_write_with_fua_is_not_flushed():
    with TempDir() as d, Recorded(d, 'without=fua', 'error=5') as r, Raw(r.server) as raw:
        raw.go()
        assert raw.write(0, b'x' * 512, FUA) == EIO
        assert r.calls() == ['write 512 0 0']


def test_fua_is_harmless_where_nothing_is_written():
    with TempDir() as d, Recorded(d) as r, Raw(r.server) as raw:
        raw.structured().set_context('base:allocation')
        raw.go()
        for command in READ, CACHE, STATUS:
            assert raw.do(command, 0, 512, FUA).error == 0
        assert raw.do(FLUSH, 0, 0, FUA).error == 0


def test_neither_flush_nor_fua_without_a_flush():
    with Server(RECORDER, 'without=flush', 'without=fua') as s, Raw(s) as raw:
        raw.go()
        assert not raw.flags & (SEND_FLUSH | SEND_FUA)
        assert raw.do(FLUSH).error == EINVAL
        assert raw.write(0, b'x' * 512, FUA) == EINVAL
        assert raw.do(READ, 0, 512, FUA).error == EINVAL
        assert raw.works()


def test_multi_conn_is_what_the_plugin_says():
    for args, flag in (([], MULTI_CONN), (['without=multi-conn'], 0)):
        with Server(RECORDER, *args) as s, Raw(s) as raw:
            assert raw.go().flags & MULTI_CONN == flag


def test_writes_of_one_connection_are_seen_and_flushed_by_another():
    with TempDir() as d, Recorded(d) as r, Raw(r.server) as one, Raw(r.server) as two:
        one.go()
        two.go()
        assert one.write(4096, b'x' * 512) == 0
        assert two.do(FLUSH).error == 0
        assert two.read(4096, 512) == b'x' * 512
        assert r.calls()[:2] == ['write 512 4096 0', 'flush 0 0 0']


main(globals())
