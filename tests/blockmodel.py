# SPDX-License-Identifier: BSD-3-Clause
"""Random operations against a model of the disk, for filters that keep blocks."""
import random
import threading


def operate(h, model, seed, count, first=0, last=None, fua=0, trim=True):
    """count random operations on bytes [first, last) of the disk, each checked
    against model, a bytearray.  trim: what is trimmed reads as before, or as zeroes."""
    rng = random.Random(seed)
    last = len(model) if last is None else last
    for _ in range(count):
        kind = rng.choice(('read', 'read', 'write', 'write', 'zero', 'flush', 'trim'))
        length = rng.choice((1, 17, 512, 4096, 5000, 65536, 70000, 200000))
        length = min(length, last - first)
        offset = rng.randrange(first, last - length + 1)
        if rng.random() < 0.5 and offset - offset % 4096 >= first:
            offset -= offset % 4096
        end = offset + length
        flags = fua if rng.random() < 0.2 else 0
        if kind == 'read':
            assert h.pread(length, offset) == model[offset:end], 'at %d' % offset
        elif kind == 'write':
            data = rng.randbytes(length)
            h.pwrite(data, offset, flags)
            model[offset:end] = data
        elif kind == 'zero':
            h.zero(length, offset, flags | rng.choice((0, 2)))
            model[offset:end] = bytes(length)
        elif kind == 'trim' and trim:
            h.trim(length, offset, flags)
            got = h.pread(length, offset)
            model[offset:end] = got
        else:
            h.flush()


def operate_at_once(server, model, threads, count, fua=0):
    """Several connections, each in a part of the disk of its own; the borders lie in
    the middle of blocks."""
    handles = [server.nbd() for _ in range(threads)]
    step = len(model) // threads
    failed = []

    def one(i):
        try:
            end = len(model) if i == threads - 1 else (i + 1) * step
            operate(handles[i], model, i, count, i * step, end, fua)
        except BaseException as e:
            failed.append(e)
    workers = [threading.Thread(target=one, args=(i,)) for i in range(threads)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    if failed:
        raise failed[0]
    for h in handles:
        compare(h, model)


def compare(h, model):
    for offset in range(0, len(model), 1 << 20):
        length = min(1 << 20, len(model) - offset)
        assert h.pread(length, offset) == model[offset:offset + length], 'at %d' % offset


def extents(h, length=None, offset=0):
    """[(length, type)] of base:allocation, cut to the range."""
    end = offset + (length or h.get_size())
    joined = []

    def got(context, at, entries, err):
        nonlocal offset
        for n, kind in zip(entries[::2], entries[1::2]):
            n = min(n, end - offset)
            if joined and joined[-1][1] == kind:
                joined[-1] = (joined[-1][0] + n, kind)
            elif n > 0:
                joined.append((n, kind))
            offset += n
    while offset < end:
        h.block_status(end - offset, offset, got)
    return joined
