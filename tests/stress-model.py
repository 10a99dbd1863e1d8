# SPDX-License-Identifier: BSD-3-Clause
# Random writes, zeroes, trims, flushes and reads from several connections, each on
# its own stripes of one disk, compared with a model.
import os
import random
import threading

from harness import RECORDER, SUBMITTER, Server, TempDir, main
from rawnbd import *
from tlsfiles import TlsServer

CONNECTIONS = 4
SIZE = 8 << 20
STRIPE = 20000  # no multiple of a page: neighbours share pages
DEPTH = 16
ROUNDS = 60


def compare(got, expected, offset):
    if got != expected:
        first = next(i for i in range(len(got)) if got[i] != expected[i])
        last = max(i for i in range(len(got)) if got[i] != expected[i])
        raise AssertionError('bytes %d to %d of the read of %d at %d are wrong: %s, not %s' % (
            first, last, len(got), offset, got[first:first + 8], expected[first:first + 8]))


class Client(threading.Thread):
    def __init__(self, server, number, form):
        super().__init__()
        self.raw = server.raw() if hasattr(server, 'raw') else Raw(server)
        if form != 'simple':
            getattr(self.raw, form)()
            self.context = self.raw.set_context('base:allocation')['base:allocation']
        self.raw.go()
        self.more = [CACHE] if self.raw.flags & SEND_CACHE else []
        self.rng = random.Random(number)
        self.stripes = list(range(number, SIZE // STRIPE, CONNECTIONS))
        self.model = {n: bytearray(STRIPE) for n in self.stripes}
        self.error = None

    def range(self):
        at = self.rng.randrange(STRIPE)
        return at, self.rng.randrange(1, STRIPE - at + 1)

    def round(self):
        raw, reads = self.raw, {}
        for n in self.rng.sample(self.stripes, DEPTH):
            at, length = self.range()
            offset = n * STRIPE + at
            kind = self.rng.choice([READ, READ, WRITE, WRITE, ZERO, TRIM, FLUSH,
                                    *self.more])
            if kind == READ:
                reads[raw.send(READ, offset, length)] = (offset, bytes(self.model[n][at:at + length]))
            elif kind == WRITE:
                data = self.rng.randbytes(length)
                raw.send(WRITE, offset, length, self.rng.choice([0, 0, FUA]), data)
                self.model[n][at:at + length] = data
            elif kind == ZERO:
                raw.send(ZERO, offset, length, self.rng.choice([0, NO_HOLE]))
                self.model[n][at:at + length] = bytes(length)
            elif kind == TRIM:
                # Trim may do nothing: follow it by zeroes to know what is there.
                raw.send(TRIM, offset, length)
                raw.reply()
                raw.send(ZERO, offset, length)
                self.model[n][at:at + length] = bytes(length)
            elif kind == CACHE:
                raw.send(CACHE, offset, length)
            else:
                raw.send(FLUSH)
        return reads

    def collect(self, reads, outstanding):
        while outstanding:
            reply = self.raw.reply()
            outstanding.discard(reply.cookie)
            assert reply.error == 0, reply.error
            if reply.cookie in reads:
                offset, expected = reads[reply.cookie]
                compare(reply.data(offset, len(expected)), expected, offset)

    def run(self):
        try:
            self.work()
        except BaseException as e:
            self.error = e

    def work(self):
        for _ in range(ROUNDS):
            self.raw.requests.clear()
            first = self.raw.cookie
            self.pending = set()
            self.one_round()
        for n in self.stripes:
            assert self.raw.read(n * STRIPE, STRIPE) == bytes(self.model[n]), 'stripe %d' % n
            if self.raw.is_structured:
                self.check_status(n)

    def check_status(self, n):
        """What is said to be zero is zero."""
        at = 0
        for length, flags in self.raw.do(STATUS, n * STRIPE, STRIPE).extents[self.context]:
            data = self.model[n][at:at + length]
            assert not flags & 2 or data == bytes(len(data)), 'stripe %d at %d' % (n, at)
            at += length
        assert at >= STRIPE

    def one_round(self):
        raw, replies = self.raw, {}
        sent = raw.send
        take = raw.reply
        early = []

        def send(*args, **kw):
            cookie = sent(*args, **kw)
            self.pending.add(cookie)
            return cookie

        def reply_of_trim(cookie=None):
            # Other answers may come first: keep them.
            while True:
                r = take()
                self.pending.discard(r.cookie)
                if raw.requests[r.cookie][0] == TRIM:
                    assert r.error == 0
                    return r
                early.append(r)

        raw.send, raw.reply = send, reply_of_trim
        try:
            reads = self.round()
        finally:
            del raw.send, raw.reply
        for r in early:
            assert r.error == 0
            if r.cookie in reads:
                offset, expected = reads[r.cookie]
                compare(r.data(offset, len(expected)), expected, offset)
        self.collect(reads, set(self.pending))


def stress(*args, path=None, make=Server):
    for form in 'simple', 'structured', 'extended':
        if path:
            with open(path, 'wb') as f:
                f.truncate(SIZE)
        with make(*args) as s:
            clients = [Client(s, i, form) for i in range(CONNECTIONS)]
            for c in clients:
                c.start()
            for c in clients:
                c.join()
                c.raw.sock.close()
            for c in clients:
                if c.error:
                    raise c.error


def test_memory():
    stress('memory', str(SIZE))


def test_memory_allocated_at_once():
    stress('memory', str(SIZE), 'allocator=malloc')


def test_plugin_that_lacks_almost_everything():
    stress(RECORDER, 'size=%d' % SIZE, 'without=zero', 'without=fua', 'without=extents')


def test_asynchronous_plugin():
    stress(SUBMITTER, 'size=%d' % SIZE)


def test_writes_in_turns():
    stress(RECORDER, 'size=%d' % SIZE, 'turns=true', 'without=extents')


def test_memory_on_workers():
    stress('--filter=delay', 'memory', str(SIZE), 'rdelay=100us', 'wdelay=50us')


def test_file():
    with TempDir() as d:
        stress('file', d + '/disk', path=d + '/disk')


def test_tls():
    stress('x509', 'memory', str(SIZE), make=TlsServer)


def test_tls_and_workers():
    stress('x509', '--filter=delay', 'memory', str(SIZE), 'rdelay=100us', 'wdelay=50us',
           make=TlsServer)


def test_file_on_tmpfs():
    if not os.access('/dev/shm', os.W_OK):
        return
    path = '/dev/shm/nbdsrv-test-%d' % os.getpid()
    try:
        stress('file', path, path=path)
    finally:
        os.unlink(path)


main(globals())
