# SPDX-License-Identifier: BSD-3-Clause
# The file plugin reading what is not in the page cache: on workers or, where the kernel
# and the build have it, by io_uring.
import os
import random

from harness import Server, TempDir, main, pattern
from rawnbd import *

SIZE = 16 << 20
SMALL = [1, 512, 4096, 5000, 32768, 40000]  # the larger ones are left to workers


def drop(path):
    fd = os.open(path, os.O_RDONLY)
    os.fsync(fd)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(fd)


def disk(d):
    path = d + '/disk'
    with open(path, 'wb') as f:
        f.write(pattern(SIZE))
    drop(path)
    return path


def send_reads(raw, rng, count):
    sent = {}
    for _ in range(count):
        length = rng.choice(SMALL)
        offset = rng.randrange(SIZE - length)
        sent[raw.send(READ, offset, length)] = offset, length
    return sent


def check_reads(raw, sent, data, shift=0):
    while sent:
        reply = raw.reply()
        offset, length = sent.pop(reply.cookie)
        assert reply.error == 0, reply.error
        at = offset + shift
        assert reply.data(offset, length) == data[at:at + length], (offset, length)


def deep_queues(*args, path):
    data, rng = pattern(SIZE), random.Random(1)
    for form in 'simple', 'structured', 'extended':
        with Server(*args) as s:
            clients = [Raw(s) for _ in range(6)]
            for raw in clients:
                if form != 'simple':
                    getattr(raw, form)()
                raw.go()
            for _ in range(5):
                drop(path)
                sent = [send_reads(raw, rng, 40) for raw in clients]
                for raw, reads in zip(clients, sent):
                    check_reads(raw, reads, data)
            for raw in clients:
                raw.sock.close()


def test_deep_queues():
    with TempDir() as d:
        path = disk(d)
        deep_queues('file', path, path=path)


def test_deep_queues_without_a_cache():
    with TempDir() as d:
        path = disk(d)
        deep_queues('file', path, 'cache=none', path=path)


def test_under_filters():
    data = pattern(SIZE)
    with TempDir() as d:
        path = disk(d)
        with Server('--filter=readonly', '--filter=offset', 'file', path, 'offset=1000') as s, \
                Raw(s) as raw:
            raw.go()
            sent = {raw.send(READ, i * 9000, 4096): (i * 9000, 4096) for i in range(100)}
            check_reads(raw, sent, data, 1000)


def test_one_at_a_time():
    data = pattern(SIZE)
    with TempDir() as d:
        path = disk(d)
        with Server('file', path) as s, Raw(s) as raw:
            raw.go()
            for i in range(50):
                assert raw.read(i * 300000, 4096) == data[i * 300000:i * 300000 + 4096]


def test_file_made_shorter():
    with TempDir() as d:
        path = disk(d)
        with Server('file', path) as s, Raw(s) as raw:
            raw.structured()
            raw.go()
            os.truncate(path, SIZE // 2 + 100)
            drop(path)
            sent = [raw.send(READ, SIZE // 2 + i * 100, 100) for i in range(20)]
            for _ in sent:
                reply = raw.reply()
                past = reply.cookie != sent[0]
                assert reply.error == (EIO if past else 0)
                assert not past or 'made shorter' in reply.text, reply.text
            assert raw.works()


def test_clients_that_go():
    with TempDir() as d:
        path = disk(d)
        with Server('file', path) as s:
            for seed in range(10):
                drop(path)
                with Raw(s) as raw:
                    raw.go()
                    send_reads(raw, random.Random(seed), 40)
            with Raw(s) as raw:
                raw.go()
                assert raw.works()


main(globals())
