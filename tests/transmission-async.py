# SPDX-License-Identifier: BSD-3-Clause
# A plugin that completes requests later and in another order.
import os
import signal

from harness import SUBMITTER, Server, TempDir, main, pattern, wait_for
from rawnbd import *

SIZE = 1 << 20


def each_form(*args):
    for form in 'simple', 'structured', 'extended':
        with Server(SUBMITTER, *args) as s, Raw(s) as raw:
            if form != 'simple':
                getattr(raw, form)()
            yield raw.go()


def test_one_at_a_time():
    for raw in each_form():
        data = pattern(SIZE)
        assert raw.write(0, data) == 0
        assert raw.read(0, SIZE) == data
        assert raw.do(ZERO, 1000, 5000).error == 0
        assert raw.do(FLUSH).error == 0
        assert raw.do(TRIM, 0, 512).error == 0
        assert raw.read(0, 8192) == data[:1000] + bytes(5000) + data[6000:8192]


def test_replies_carry_their_own_cookies_in_any_order():
    for raw in each_form('batch=8'):
        parts = [pattern(5000 + i, i) for i in range(8)]
        first = [raw.send(WRITE, i * 8192, len(p), 0, p) for i, p in enumerate(parts)]
        assert sorted(raw.reply().cookie for _ in parts) == first
        cookies = {raw.send(READ, i * 8192, len(p)): (i, p) for i, p in enumerate(parts)}
        order = []
        for _ in parts:
            reply = raw.reply()
            i, part = cookies[reply.cookie]
            assert reply.data(i * 8192, len(part)) == part
            order.append(i)
        assert order == list(range(7, -1, -1))


def test_error_has_its_text():
    for raw in each_form('error_at=4096'):
        reply = raw.do(READ, 4096, 512)
        assert reply.error == EIO
        assert not raw.is_structured or 'that block is bad' in reply.text
        assert raw.works()


def test_deep_queue_of_mixed_requests():
    for raw in each_form('batch=1'):
        model = bytearray(SIZE)
        for i in range(400):
            at, data = i * 2500, pattern(2000 + i, i)
            raw.send(WRITE, at, len(data), FUA if i % 3 == 0 else 0, data)
            model[at:at + len(data)] = data
            if i % 10 == 9:
                for _ in range(10):
                    assert raw.reply().error == 0
        assert raw.read(0, SIZE) == bytes(model)


def test_disc_waits_for_what_is_in_flight():
    with Server(SUBMITTER, 'batch=20') as s, Raw(s) as raw:
        raw.go()
        for i in range(20):
            raw.send(READ, i * 4096, 4096)
        raw.send(DISC)
        for _ in range(20):
            assert raw.reply().error == 0
        assert raw.is_closed()


def test_client_that_goes_with_requests_in_flight():
    with Server(SUBMITTER, 'batch=40') as s:
        gone = [Raw(s) for _ in range(2)]
        for raw in gone:
            raw.go()
            for i in range(15):
                raw.send(READ, i * 65536, 65536)
            raw.sock.close()
        with Raw(s) as raw:
            raw.go()
            for i in range(10):
                raw.send(READ, 0, 512)
            for i in range(10):
                assert raw.reply().error == 0


def test_sigterm_finishes_what_is_in_flight():
    with TempDir() as d:
        gate = d + '/gate'
        os.mkfifo(gate)
        with Server(SUBMITTER, 'batch=10', 'gate=' + gate) as s, Raw(s) as raw:
            raw.structured().go()
            for _ in range(10):
                raw.send(READ, 0, 512)
            wait_for('the requests to be in flight', lambda: os.path.exists(gate + '.full'))
            s.signal(signal.SIGTERM)
            wait_for('the end to begin', lambda: not s.accepts())
            with open(gate, 'w'):
                for _ in range(10):
                    assert raw.reply().error == 0
                assert raw.is_closed()


main(globals())
