# SPDX-License-Identifier: BSD-3-Clause
# The pause filter.
import os
import socket

from harness import SLOW, Server, TempDir, main, refused


class Control:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(30 * SLOW)
        self.socket.connect(path)

    def send(self, command):
        self.socket.sendall(command)

    def answer(self):
        return self.socket.recv(1)

    def do(self, command):
        self.send(command)
        return self.answer()


def server(d, *args, filters=()):
    return Server('--filter=pause', *filters, 'memory', '1M', 'pause-control=' + d + '/control',
                  *args)


def start_all(h):
    import nbd
    return [h.aio_pread(nbd.Buffer(512), 0),
            h.aio_pwrite(nbd.Buffer.from_bytearray(bytearray(512)), 0), h.aio_flush(),
            h.aio_trim(512, 0), h.aio_zero(512, 0), h.aio_cache(512, 0),
            h.aio_block_status(512, 0, lambda *a: 0)]


def test_everything_waits_and_goes_on():
    with TempDir() as d, server(d) as s:
        h = s.nbd()
        h.pwrite(b'x', 0)
        c = Control(d + '/control')
        assert c.do(b'p') == b'P'
        cookies = start_all(h)
        assert c.do(b'p') == b'P'  # nothing of it is under way
        assert not any(h.aio_command_completed(k) for k in cookies)
        assert c.do(b'r') == b'R'
        for k in cookies:
            while not h.aio_command_completed(k):
                h.poll(-1)
        h.pread(1, 0)


def test_waits_for_what_is_under_way():
    import nbd
    with TempDir() as d, server(d, 'rdelay=3600', filters=['--filter=delay']) as s:
        h = s.nbd()
        h.aio_pread(nbd.Buffer(512), 0)
        h.pwrite(b'x', 0)
        c = Control(d + '/control')
        c.send(b'p')
        c.socket.settimeout(0.05)
        try:
            c.answer()
            assert False
        except socket.timeout:
            pass
        s.stop()


def test_unknown_commands_and_several_clients():
    with TempDir() as d, server(d) as s:
        for _ in range(3):
            c = Control(d + '/control')
            assert c.do(b'q') == b'X'
            c.send(b'p\nr\n')
            assert c.answer() == b'P' and c.answer() == b'R'
            c.socket.close()
        s.nbd().pread(1, 0)


def test_ends_while_paused():
    with TempDir() as d:
        with server(d) as s:
            h = s.nbd()
            c = Control(d + '/control')
            assert c.do(b'p') == b'P'
            start_all(h)
            h.poll(0)
            s.stop()
        assert not os.path.exists(d + '/control')


def test_wrong_socket():
    assert 'pause-control' in refused('--filter=pause', 'memory', '1M')
    assert '/no/such' in refused('--filter=pause', 'memory', '1M', 'pause-control=/no/such/s')
    assert 'too long' in refused('--filter=pause', 'memory', '1M', 'pause-control=/' + 'x' * 200)


main(globals())
