# SPDX-License-Identifier: BSD-3-Clause
# A handshake is bounded in time, in options and in bytes.
import struct

from harness import Server, main
from rawnbd import *


def test_too_many_options():
    with Server('memory', '1M') as s, Raw(s) as raw:
        count = 0
        try:
            for _ in range(5000):
                raw.ask(99)
                count += 1
        except (Closed, BrokenPipeError):
            pass
        assert 100 <= count < 5000
        with Raw(s) as other:
            assert other.go().works()


def test_large_option_is_refused_in_step():
    with Server('memory', '1M') as s, Raw(s) as raw:
        assert raw.answer(99, bytes(1 << 20)) == ERR_TOO_BIG
        assert raw.go().works()


def test_absurd_option_length_ends_the_connection():
    with Server('memory', '1M') as s, Raw(s) as raw:
        raw.option(OPT_GO, length=0xfffffff0)
        assert raw.is_closed()


def test_deadline_counts_for_the_whole_handshake():
    with Server('--timeout', '200ms', 'memory', '1M') as s:
        with Raw(s) as raw:
            assert raw.is_closed()  # sent nothing
        with Raw(s) as raw:
            raw.sock.sendall(struct.pack('>Q', IHAVEOPT)[:5])
            assert raw.is_closed()  # sent half an option
        with Raw(s) as raw:
            assert raw.go().works()
        assert s.log().count('took too long') == 2


def test_no_deadline_once_transmission_began():
    with Server('--timeout', '1s', 'memory', '1M') as s, Raw(s) as raw:
        raw.go()
        with Raw(s) as other:
            assert other.is_closed()  # the time has passed for this one
        assert raw.works()


def test_stalled_handshakes_hold_nobody_up():
    with Server('memory', '1M') as s:
        stalled = [s.connect() for _ in range(200)]
        for sock in stalled[::2]:
            sock.sendall(b'\0\0')
        with Raw(s) as raw:
            assert raw.go().works()
        for sock in stalled:
            sock.close()


main(globals())
