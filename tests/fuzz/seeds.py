# SPDX-License-Identifier: BSD-3-Clause
"""Writes inputs for the fuzz targets to begin with: seeds.py DIRECTORY

The first byte of each is the start that start.c makes for it; those for data are text.
"""
import io
import os
import struct
import sys
import tarfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
import rawnbd as nbd  # noqa: E402
from rawnbd import Raw  # noqa: E402

RAW, SIMPLE, STRUCTURED, EXTENDED = range(4)


def option(number, data=b''):
    return struct.pack('>QII', nbd.IHAVEOPT, number, len(data)) + data


def request(command, offset=0, length=0, flags=0, data=b''):
    return struct.pack('>IHHQQI', 0x25609513, flags, command, 1, offset, length) + data


def extended(command, offset=0, length=0, flags=0, data=b''):
    return struct.pack('>IHHQQQ', 0x21e41c71, flags, command, 1, offset, length) + data


def handshakes():
    flags = struct.pack('>I', 3)
    meta = Raw.meta_data('', ['base:allocation', 'base:'])
    for number, data in ((nbd.OPT_EXPORT_NAME, b''), (nbd.OPT_ABORT, b''), (nbd.OPT_LIST, b''),
                         (nbd.OPT_STARTTLS, b''), (nbd.OPT_INFO, Raw.info_data('', [0, 1, 2, 3])),
                         (nbd.OPT_GO, Raw.info_data('x', [3])), (nbd.OPT_STRUCTURED_REPLY, b''),
                         (nbd.OPT_LIST_META, meta), (nbd.OPT_SET_META, meta),
                         (nbd.OPT_EXTENDED, b'')):
        yield flags + option(nbd.OPT_STRUCTURED_REPLY) + option(number, data)
    for name in 'rbcdnw':  # as stream.c knows them
        named = Raw.meta_data(name, ['base:allocation', 'x-a:one'])
        go = option(nbd.OPT_GO, Raw.info_data(name, [0, 1, 2, 3]))
        yield flags + option(nbd.OPT_STRUCTURED_REPLY) + option(nbd.OPT_SET_META, named) + go
        yield (flags + option(nbd.OPT_EXTENDED) + option(nbd.OPT_SET_META, named) + go +
               extended(nbd.STATUS, 0, 65536) + extended(nbd.READ, 512, 65536))
    yield flags + option(nbd.OPT_EXPORT_NAME) + request(nbd.READ, 0, 512)


def transmissions(one):
    for command in (nbd.READ, nbd.FLUSH, nbd.TRIM, nbd.CACHE, nbd.ZERO, nbd.STATUS):
        yield one(command, 4096, 0 if command == nbd.FLUSH else 8192)
    yield (one(nbd.WRITE, 65536, 512, nbd.FUA | (nbd.PAYLOAD if one is extended else 0), b'x' * 512) +
           one(nbd.READ, 0, 1 << 20) + one(nbd.STATUS, 0, 1 << 20, nbd.REQ_ONE) + one(nbd.DISC))
    yield one(nbd.ZERO, 0, 1 << 20, nbd.NO_HOLE) + one(nbd.READ, 1 << 19, 1 << 20, nbd.DF)


# For tests/fuzz/rules.c.
RULES = [
    (0, 'allow user=alice export=vm* # who\nread-only uid=0 gid=root tls=yes\ndeny\n'),
    (0, 'allow dn.CN=alice issuer="CN=ca" address=unix export=[a-z!]\\*'),
    (0, "deny address=10.0.0.0/8 address=2001:db8::/32 address=vsock:3 dn='CN=a\\, b'\nallow"),
    (1, 'a*b*[!a-c]?\\*|axxbyyzz*'),
    (1, '*a*b|xaxb'),
    (2, 'CN=alice, O=Ex\\, Inc.+OU=\\41 ,C=US'),
]


DATA = [b'1 0xff 017 le16:1 be64:0x12', b'"a\\x41\\n" # c', b'(1 2)*3[1:4] @^512', b'1 -> \\a (\\a @3 \\a)*2 $b',
        b'0*1000000 1 @5 (@9 2) @-3 7', b'<file[:2] <(x)[1:9]', b'((0*70000 1)*3)[69999:]']


def tars():
    """For tests/fuzz/files.c, which makes the checksums right."""
    for format in tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT:
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode='w', format=format) as t:
            for name in 'b' * 90, 'l' * 99 + '/' + 'n' * 90, 'dir/a', 'disk.img':
                info = tarfile.TarInfo(name)
                info.size = 700
                t.addfile(info, io.BytesIO(bytes(700)))
        yield out.getvalue()


FILES = [(1, b'# map\n0x0 ? 1\n0x0 0x1000 +\n4096 010 -\n0x1008 8 +\n'), (2, bytes(592)),
         (2, bytes(104) + b'\0\0\x0f\xc8' + bytes(59) + b'\1' + bytes(40) +
          b'\0\xac\x71\xf3\0\0\4\0' + bytes(32) + b'\0\0\0\x08\0\0\x0f\xa0')]


def write(directory, inputs):
    os.makedirs(directory, exist_ok=True)
    for i, data in enumerate(inputs):
        with open(os.path.join(directory, 'seed-%02d' % i), 'wb') as f:
            f.write(data)


def main(directory):
    if os.path.basename(directory) == 'data.seeds':
        return write(directory, DATA)
    if os.path.basename(directory) == 'files.seeds':
        return write(directory, [bytes([kind]) + data for kind, data in FILES + [(0, t) for t in tars()]])
    inputs = [(RAW, data) for data in handshakes()]
    for start, one in ((SIMPLE, request), (STRUCTURED, request), (EXTENDED, extended)):
        inputs += [(start, data) for data in transmissions(one)]
    status = struct.pack('>QI', 1 << 20, 1)
    inputs.append((EXTENDED, extended(nbd.STATUS, 0, len(status), nbd.PAYLOAD, status)))
    inputs += [(kind, text.encode()) for kind, text in RULES]
    write(directory, [bytes([start]) + data for start, data in inputs])


main(sys.argv[1])
