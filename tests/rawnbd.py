# SPDX-License-Identifier: BSD-3-Clause
"""The NBD protocol by hand, for what proper clients refuse to send.

    raw = Raw(server)                  # greeted and answered
    raw.structured()
    raw.set_context('base:allocation')
    raw.go()
    raw.send(READ, 0, 512)
    reply = raw.reply()                # .error .data .holes .extents .text

Nothing here checks what it sends; what comes back is checked hard: chunks must
not overlap, must cover a read exactly, must carry the cookie, extents must keep to
the request.
"""
import struct

NBDMAGIC = 0x4e42444d41474943
IHAVEOPT = 0x49484156454f5054
REPMAGIC = 0x3e889045565a9

OPT_EXPORT_NAME, OPT_ABORT, OPT_LIST, OPT_STARTTLS, OPT_INFO, OPT_GO = 1, 2, 3, 5, 6, 7
OPT_STRUCTURED_REPLY, OPT_LIST_META, OPT_SET_META, OPT_EXTENDED = 8, 9, 10, 11
REP_ACK, REP_SERVER, REP_INFO, REP_META = 1, 2, 3, 4
ERR = 1 << 31
ERR_UNSUP, ERR_POLICY, ERR_INVALID, ERR_PLATFORM, ERR_TLS_REQD, ERR_UNKNOWN = (
    ERR | 1, ERR | 2, ERR | 3, ERR | 4, ERR | 5, ERR | 6)
ERR_SHUTDOWN, ERR_BLOCK_SIZE_REQD, ERR_TOO_BIG, ERR_EXT_HEADER_REQD = (
    ERR | 7, ERR | 8, ERR | 9, ERR | 10)

READ, WRITE, DISC, FLUSH, TRIM, CACHE, ZERO, STATUS = range(8)
FUA, NO_HOLE, DF, REQ_ONE, FAST_ZERO, PAYLOAD = 1, 2, 4, 8, 16, 32

HAS_FLAGS, READ_ONLY, SEND_FLUSH, SEND_FUA, ROTATIONAL, SEND_TRIM, SEND_ZERO, SEND_DF = (
    1 << i for i in range(8))
MULTI_CONN, SEND_RESIZE, SEND_CACHE, SEND_FAST_ZERO, STATUS_PAYLOAD = (
    1 << i for i in range(8, 13))

EPERM, EIO, ENOMEM, EINVAL, ENOSPC, EOVERFLOW, ENOTSUP, ESHUTDOWN = (
    1, 5, 12, 22, 28, 75, 95, 108)


class Closed(Exception):
    """The server ended the connection."""


class Reply:
    def __init__(self, cookie):
        self.cookie = cookie
        self.error = 0
        self.text = ''
        self.parts = []    # (offset, bytes) and (offset, length of a hole)
        self.extents = {}  # context: [(length, flags)]
        self.chunks = []   # types, in order
        self.simple = False

    @property
    def holes(self):
        return [p for p in self.parts if isinstance(p[1], int)]

    def data(self, offset, length):
        out = bytearray(length)
        at = offset
        for start, what in sorted(self.parts, key=lambda p: p[0]):
            assert start == at, 'chunks overlap or leave a gap at %d' % at
            n = what if isinstance(what, int) else len(what)
            if not isinstance(what, int):
                out[start - offset:start - offset + n] = what
            at += n
        assert at == offset + length, 'chunks do not cover the read'
        return bytes(out)


class Raw:
    def __init__(self, server, flags=3, greet=True):
        self.sock = server.connect()
        self.is_structured = self.is_extended = False
        self.cookie = 0
        self.size = 1 << 63  # until it is told
        self.requests = {}  # by cookie: (command, offset, length, flags)
        if greet:
            magic, opts, self.offered = struct.unpack('>QQH', self.recv(18))
            assert (magic, opts) == (NBDMAGIC, IHAVEOPT)
            self.sock.sendall(struct.pack('>I', flags))

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.sock.close()

    def recv(self, n):
        out = bytearray()
        while len(out) < n:
            try:
                part = self.sock.recv(n - len(out))
            except ConnectionResetError:
                part = b''
            if not part:
                raise Closed('after %d of %d bytes' % (len(out), n))
            out += part
        return bytes(out)

    def is_closed(self):
        """That nothing comes any more but the end."""
        try:
            return self.sock.recv(1) == b''
        except ConnectionResetError:
            return True

    # ------------------------------------------------------------- handshake

    def option(self, number, data=b'', length=None, magic=IHAVEOPT):
        self.sock.sendall(struct.pack('>QII', magic, number,
                                      len(data) if length is None else length) + data)

    def option_reply(self):
        """(option, type, data)"""
        magic, option, kind, length = struct.unpack('>QIII', self.recv(20))
        assert magic == REPMAGIC
        return option, kind, self.recv(length)

    def ask(self, number, data=b'', length=None):
        """Sends an option; all replies up to the last, as (type, data)."""
        self.option(number, data, length)
        replies = []
        while True:
            option, kind, payload = self.option_reply()
            assert option == number
            replies.append((kind, payload))
            if kind == REP_ACK or kind & ERR:
                return replies

    def answer(self, number, data=b'', length=None):
        """The type of the last reply."""
        return self.ask(number, data, length)[-1][0]

    def structured(self):
        assert self.answer(OPT_STRUCTURED_REPLY) == REP_ACK
        self.is_structured = True
        return self

    def extended(self):
        assert self.answer(OPT_EXTENDED) == REP_ACK
        self.is_structured = self.is_extended = True
        return self

    @staticmethod
    def info_data(name='', infos=()):
        name = name if isinstance(name, bytes) else name.encode()
        return (struct.pack('>I', len(name)) + name +
                struct.pack('>H%dH' % len(infos), len(infos), *infos))

    @staticmethod
    def meta_data(name='', queries=()):
        name = name if isinstance(name, bytes) else name.encode()
        out = struct.pack('>I', len(name)) + name + struct.pack('>I', len(queries))
        for q in queries:
            q = q if isinstance(q, bytes) else q.encode()
            out += struct.pack('>I', len(q)) + q
        return out

    def set_context(self, *queries, name=''):
        """{name: id} of what was chosen."""
        replies = self.ask(OPT_SET_META, self.meta_data(name, queries))
        assert replies[-1][0] == REP_ACK, hex(replies[-1][0])
        return {d[4:].decode(): struct.unpack('>I', d[:4])[0] for k, d in replies[:-1]}

    def list_context(self, *queries, name=''):
        replies = self.ask(OPT_LIST_META, self.meta_data(name, queries))
        assert replies[-1][0] == REP_ACK, hex(replies[-1][0])
        return [d[4:].decode() for k, d in replies[:-1]]

    def info(self, number, name='', infos=()):
        """{info type: data}"""
        replies = self.ask(number, self.info_data(name, infos))
        assert replies[-1][0] == REP_ACK, hex(replies[-1][0])
        found = {struct.unpack('>H', d[:2])[0]: d[2:] for k, d in replies[:-1]}
        self.size, self.flags = struct.unpack('>QH', found[0])
        return found

    def go(self, name='', infos=()):
        self.info(OPT_GO, name, infos)
        return self

    # ---------------------------------------------------------- transmission

    def request(self, command, offset=0, length=0, flags=0, data=b'', cookie=None, magic=None):
        """The bytes of a request; its reply is expected from now on."""
        if cookie is None:
            self.cookie += 1
            cookie = self.cookie
        if self.is_extended and command == WRITE and data:
            flags |= PAYLOAD
        self.requests[cookie] = (command, offset, length, flags)
        if self.is_extended:
            head = struct.pack('>IHHQQQ', magic or 0x21e41c71, flags, command, cookie,
                               offset, length)
        else:
            head = struct.pack('>IHHQQI', magic or 0x25609513, flags, command, cookie,
                               offset, length)
        return head + data

    def send(self, *args, cookie=None, **kw):
        """Sends a request, and says which cookie it has."""
        data = self.request(*args, cookie=cookie, **kw)
        self.sock.sendall(data)
        return self.cookie if cookie is None else cookie

    def _chunk(self):
        magic = struct.unpack('>I', self.recv(4))[0]
        if magic == 0x67446698:
            error, cookie = struct.unpack('>IQ', self.recv(12))
            return 'simple', cookie, error, 0, None
        if magic == 0x6e8a278c:
            assert self.is_extended, 'extended chunk not negotiated'
            flags, kind, cookie, offset, length = struct.unpack('>HHQQQ', self.recv(28))
            assert offset == self.requests[cookie][1], 'offset of another request'
        else:
            assert magic == 0x668e33ef, 'magic number 0x%x' % magic
            assert self.is_structured and not self.is_extended, 'chunk not negotiated'
            flags, kind, cookie, length = struct.unpack('>HHQI', self.recv(16))
        assert length < 1 << 28
        assert not flags & ~1, 'flags of a chunk: 0x%x' % flags
        return kind, cookie, None, flags, self.recv(length)

    def _take(self, reply, kind, data):
        reply.chunks.append(kind)
        if kind == 1:
            assert len(data) > 8
            reply.parts.append((struct.unpack('>Q', data[:8])[0], data[8:]))
        elif kind == 2:
            offset, length = struct.unpack('>QI', data)
            assert length > 0
            reply.parts.append((offset, length))
        elif kind in (5, 6):
            context = struct.unpack('>I', data[:4])[0]
            assert context not in reply.extents, 'a context twice'
            if kind == 5:
                extents = list(struct.iter_unpack('>II', data[4:]))
            else:
                assert struct.unpack('>I', data[4:8])[0] == (len(data) - 8) // 16
                extents = list(struct.iter_unpack('>QQ', data[8:]))
            assert extents and all(length > 0 for length, _ in extents)
            self._check_extents(self.requests[reply.cookie], [n for n, _ in extents])
            reply.extents[context] = extents
        elif kind in (0x8001, 0x8002):
            reply.error, n = struct.unpack('>IH', data[:6])
            reply.text = data[6:6 + n].decode()
            assert n <= 4096 and '\0' not in reply.text
            assert reply.error
            assert len(data) == 6 + n + (8 if kind == 0x8002 else 0)
        else:
            assert kind == 0 and not data, 'chunk type %d' % kind

    def _check_extents(self, request, lengths):
        _, offset, length, flags = request
        if flags & PAYLOAD:  # the length is the payload's
            return
        if flags & REQ_ONE:
            assert len(lengths) == 1 and lengths[0] <= length, 'more than was asked for'
        assert sum(lengths[:-1]) < length, 'extents that nobody asked for'
        assert offset + sum(lengths) <= self.size, 'extents beyond the end'

    def reply(self, cookie=None):
        """The next whole reply, of the request with that cookie if one is given."""
        reply = None
        while True:
            kind, got, error, flags, data = self._chunk()
            assert cookie is None or got == cookie, 'cookie of another request'
            cookie = got
            command, offset, length, _ = self.requests[got]
            if kind == 'simple':
                assert not (self.is_structured and command == READ), 'simple reply to a read'
                assert not self.is_extended, 'simple reply with extended headers'
                reply = Reply(got)
                reply.simple, reply.error = True, error
                if command == READ and not error:
                    reply.parts.append((offset, self.recv(length)))
                return reply
            reply = reply or Reply(got)
            self._take(reply, kind, data)
            if flags & 1:
                return reply

    def do(self, command, offset=0, length=0, flags=0, data=b''):
        """One request and its reply."""
        return self.reply(self.send(command, offset, length, flags, data))

    def read(self, offset, length, flags=0):
        reply = self.do(READ, offset, length, flags)
        assert reply.error == 0, reply.error
        return reply.data(offset, length)

    def write(self, offset, data, flags=0):
        return self.do(WRITE, offset, len(data), flags, data).error

    def works(self):
        """That the connection is alive and in step."""
        assert self.do(READ, 0, 512).error == 0
        return True
