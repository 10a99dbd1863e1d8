# SPDX-License-Identifier: BSD-3-Clause
# What clients cost: threads and memory of idle ones, memory of busy ones.
import os
import resource
import struct
import threading

from harness import Server, TempDir, main, sanitized, wait_for
from rawnbd import *
from tlsfiles import TlsServer

MIB = 1 << 20


def test_idle_connections():
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    count = 1000 if hard == resource.RLIM_INFINITY or hard > 2200 else 200
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard if hard < 4096 else 4096, hard))
    with Server('memory', '1G') as s:
        threads, rss = s.threads(), s.rss()
        clients = [Raw(s) for _ in range(count)]
        for raw in clients:
            raw.go()
            assert raw.works()
        assert s.threads() - threads <= count + sanitized()  # one is the sanitizer's own
        if not sanitized():
            wait_for('idle clients to cost less than 64 KiB each',
                     lambda: (s.rss() - rss) / count < 65536, 5)
        for raw in clients:
            raw.sock.close()
        wait_for('their threads to end', lambda: s.threads() <= threads + 1)


def test_idle_connections_over_tls():
    with TlsServer('x509', 'memory', '1G') as s:
        threads, rss = s.threads(), s.rss()
        clients = [s.raw() for _ in range(100)]
        for raw in clients:
            raw.structured().go()
            assert raw.write(0, bytes(300000)) == 0
            raw.read(0, 300000)
        assert s.threads() - threads <= 100 + sanitized()
        if not sanitized():
            wait_for('idle clients to cost less than 128 KiB each',
                     lambda: (s.rss() - rss) / 100 < 128 << 10, 5)
        for raw in clients:
            raw.sock.close()


def test_clients_wait_where_descriptors_run_out():
    wrapper = 'prlimit --nofile=40 ' + os.environ.get('NBDSRV_WRAPPER', '')
    with Server('memory', '1M', env={'NBDSRV_WRAPPER': wrapper}) as s:
        socks = [s.connect() for _ in range(60)]
        with Raw(s, greet=False) as late:
            for sock in socks:
                sock.close()
            assert len(late.recv(18)) == 18


def test_requests_fail_where_memory_runs_out():
    if sanitized():
        return  # they reserve more memory than is allowed here
    wrapper = 'prlimit --as=60000000 ' + os.environ.get('NBDSRV_WRAPPER', '')
    with TempDir() as d:
        with open(d + '/disk', 'wb') as f:
            f.truncate(1 << 30)
        for disk in ['memory', '1G'], ['file', d + '/disk']:
            with Server('--filter=cow', *disk, env={'NBDSRV_WRAPPER': wrapper}) as s:
                for form in 'simple', 'structured', 'extended':
                    with Raw(s) as raw:
                        if form != 'simple':
                            getattr(raw, form)()
                        raw.go()
                        for _ in range(3):
                            assert raw.do(READ, 512, 64 << 20).error == ENOMEM
                            assert raw.write(0, bytes(64 << 20)) == ENOMEM
                            assert raw.write(512, b'x' * 512) == 0
                            assert raw.read(0, 1024) == bytes(512) + b'x' * 512


def read_all(s, start, size, length, depth):
    with Raw(s) as raw:
        raw.structured().go()
        sent = 0
        for _ in range(depth):
            raw.send(READ, start + sent * length, length)
            sent += 1
        for _ in range(size // length):
            reply = raw.reply()
            assert reply.error == 0
            if sent < size // length:
                raw.send(READ, start + sent * length, length)
                sent += 1


def test_memory_of_busy_readers():
    with TempDir() as d:
        path = d + '/disk'
        with open(path, 'wb') as f:
            f.truncate(4 << 30)
            for i in range(64):
                f.seek(i << 26)
                f.write(b'x' * (2 * MIB))
        with Server('file', path) as s:
            rss, worst = s.rss(), 0
            readers = [threading.Thread(target=read_all, args=(s, i << 30, 1 << 30, 2 * MIB, 16))
                       for i in range(4)]
            for t in readers:
                t.start()
            while any(t.is_alive() for t in readers):
                worst = max(worst, s.rss() - rss)
                readers[0].join(0.02)
            if not sanitized():
                assert worst < 64 * MIB, '%d MiB' % (worst // MIB)


def test_trim_gives_memory_back():
    with Server('memory', '1G') as s, Raw(s) as raw:
        raw.go()
        rss = s.rss()
        for i in range(4):
            assert raw.write(i * 32 * MIB, b'x' * (32 * MIB)) == 0
        assert s.rss() - rss > 100 * MIB
        assert raw.do(TRIM, 0, 64 * MIB).error == 0
        for i in range(64 * MIB // 65536):
            raw.do(ZERO, 64 * MIB + i * 65536, 65536)
        if not sanitized():
            wait_for('memory to come back', lambda: s.rss() - rss < 48 * MIB, 5)


main(globals())
