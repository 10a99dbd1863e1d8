# SPDX-License-Identifier: BSD-3-Clause
# A handshake is bounded in time, in options and in bytes.
import struct

from harness import SLOW, Server, TempDir, main, wait_for
from rawnbd import *


def ms(n):
    return '%dms' % (n * SLOW)


def wait_until_full(raw):
    """Asks for lists until nothing more can be sent: nobody takes them out."""
    raw.sock.settimeout(0.2)
    try:
        while True:
            raw.option(OPT_LIST)
    except OSError:
        pass


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
        much = bytes(1 << 20)
        for option, kind in ((OPT_INFO, ERR_TOO_BIG), (OPT_GO, ERR_TOO_BIG),
                             (OPT_LIST_META, ERR_TOO_BIG), (OPT_LIST, ERR_INVALID),
                             (OPT_STRUCTURED_REPLY, ERR_INVALID), (99, ERR_UNSUP)):
            assert raw.answer(option, much) == kind, option
        raw.structured().set_context('base:allocation')
        assert raw.answer(OPT_SET_META, much) == ERR_TOO_BIG
        assert raw.go().do(STATUS, 0, 512).error == EINVAL  # it replaced the earlier one
        assert raw.works()
    with Server('memory', '1M') as s, Raw(s) as raw:
        assert raw.answer(OPT_ABORT, bytes(1 << 20)) == REP_ACK
        assert raw.is_closed()


def test_too_many_bytes_in_all():
    with Server('memory', '1M') as s, Raw(s) as raw:
        data = bytes(200000)
        count = 0
        try:
            for _ in range(500):
                raw.ask(99, data)
                count += 1
        except (Closed, BrokenPipeError, ConnectionResetError):
            pass
        assert 40 < count < 500


def test_absurd_option_length_ends_the_connection():
    with Server('memory', '1M') as s, Raw(s) as raw:
        raw.option(OPT_GO, length=0xfffffff0)
        assert raw.is_closed()


def test_deadline_counts_for_the_whole_handshake():
    with Server('--timeout', ms(300), 'memory', '1M') as s:
        with Raw(s) as raw:
            assert raw.is_closed()  # sent nothing
        with Raw(s) as raw:
            raw.sock.sendall(struct.pack('>Q', IHAVEOPT)[:5])
            assert raw.is_closed()  # sent half an option
        with Raw(s) as raw:
            assert raw.go().works()
        assert s.log().count('took too long') == 2


def test_deadline_counts_for_a_client_that_takes_no_answers():
    with TempDir() as d:
        for i in range(1000):
            open('%s/%s%d' % (d, 'n' * 200, i), 'wb').close()
        with Server('--timeout', ms(1000), 'file', 'dir=' + d) as s, Raw(s) as raw:
            wait_until_full(raw)
            wait_for('the server to give up', lambda: 'took too long' in s.log())


def test_time_of_layers_does_not_count():
    with Server('--timeout', ms(500), '--filter=delay', 'memory', '1M',
                'delay-open=' + ms(600)) as s:
        with Raw(s) as raw:
            raw.info(OPT_INFO)
            raw.info(OPT_INFO, 'another')
            assert raw.go().works()


def test_no_deadline_once_transmission_began():
    with Server('--timeout', ms(1000), 'memory', '1M') as s, Raw(s) as raw:
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
