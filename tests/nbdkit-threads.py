# SPDX-License-Identifier: BSD-3-Clause
"""Thread models of nbdkit plugins: which calls run beside each other, by counting."""
import struct
import threading

import nbd

from harness import *
from nbdkitlib import *

CONNECTIONS, ALL_REQUESTS, REQUESTS, PARALLEL = range(4)
CLIENTS, DEPTH = 3, 8


def together(s, clients, depth):
    """That many requests in flight on each of that many connections."""
    hs = [s.nbd() for _ in range(clients)]
    bufs = [nbd.Buffer(512) for _ in range(clients * depth)]
    cookies = [(h, h.aio_pread(bufs.pop(), 512 * (i + 1))) for i in range(depth) for h in hs]
    for h, cookie in cookies:
        while not h.aio_command_completed(cookie):
            h.poll(-1)
    for h in hs:
        h.shutdown()


def most(s):
    """Calls inside at once: in all, on one handle; handles open at once."""
    h = s.nbd()
    found = struct.unpack('=III', h.pread(12, 0))
    h.shutdown()
    return found


def overlap(model, *params, clients=CLIENTS, depth=DEPTH):
    with TempDir() as d:
        path = build_plugin('overlap', d, options=['-DMODEL=%d' % model, '-pthread'])
        with Bridged('-t', '16', path, *params) as s:
            for _ in range(10):
                together(s, clients, depth)
            return most(s)


def test_parallel():
    calls, on_one, handles = overlap(PARALLEL, 'wait=8', clients=1)
    assert calls == on_one == DEPTH and handles >= 1
    calls, on_one, handles = overlap(PARALLEL, 'wait=4', clients=4, depth=1)
    assert calls == 4 and handles == 4


def test_serialize_requests():
    calls, on_one, handles = overlap(REQUESTS, 'wait=%d' % CLIENTS)
    assert calls == CLIENTS and on_one == 1 and handles == CLIENTS


def test_serialize_all_requests():
    calls, on_one, handles = overlap(ALL_REQUESTS)
    assert calls == on_one == 1 and handles == CLIENTS


def one_after_the_other(model, *params):
    """Clients that come while another is there wait for its end."""
    with TempDir() as d:
        path = build_plugin('overlap', d, options=['-DMODEL=%d' % model, '-pthread'])
        with Bridged(path, *params) as s:
            threads = [threading.Thread(target=together, args=(s, 1, DEPTH)) for _ in range(CLIENTS)]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            return most(s)


def test_serialize_connections():
    assert one_after_the_other(CONNECTIONS) == (1, 1, 1)


def test_a_stricter_model_chosen_at_run_time():
    for model, expected in (CONNECTIONS, (1, 1, 1)), (ALL_REQUESTS, (1, 1)):
        assert one_after_the_other(PARALLEL, 'model=%d' % model)[:len(expected)] == expected
    assert overlap(PARALLEL, 'model=%d' % REQUESTS, 'wait=%d' % CLIENTS)[:2] == (CLIENTS, 1)


def test_a_looser_model_is_not_granted():
    assert overlap(ALL_REQUESTS, 'model=%d' % PARALLEL)[:2] == (1, 1)


def test_no_multi_conn_with_one_connection_at_a_time():
    assert same('thread_model=0')
    with TempDir() as d:
        with Bridged(recorder(d), 'thread_model=0') as s:
            assert not s.nbd().can_multi_conn()


main(globals())
