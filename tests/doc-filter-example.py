# SPDX-License-Identifier: BSD-3-Clause
# The filter that nbdsrv-filter(3) shows: builds by its own instructions, serves.
import re

from blockmodel import compare, extents, operate
from compile import build, example, source_file
from harness import Server, TempDir, main, nbdsrv

PAGE = 'man/nbdsrv-filter.pod'


def test_page_and_file_agree():
    assert example(PAGE) == source_file('examples/mask.c').split('\n', 1)[1]


def test_example_works():
    with TempDir() as d:
        filter = '--filter=' + build(example(PAGE), 'mask.so', d)
        with open(d + '/disk', 'wb') as f:
            f.write(b'\x2a' * (1 << 20))
        with Server(filter, 'file', d + '/disk', 'mask-key=42') as s:
            h = s.nbd()
            assert extents(h) == [(1 << 20, 0)]
            assert not h.can_trim()
            model = bytearray(1 << 20)
            compare(h, model)
            operate(h, model, 1, 200, fua=1, trim=False)
            compare(h, model)
            h.flush()
        assert open(d + '/disk', 'rb').read() == bytes(b ^ 42 for b in model)
        assert 'mask-key=' in nbdsrv(filter, 'null', '--help').stdout


def test_twice_is_nothing():
    with TempDir() as d:
        filter = '--filter=' + build(example(PAGE), 'mask.so', d)
        with Server(filter, filter, 'memory', '1M') as s:
            h = s.nbd()
            h.pwrite(b'plain', 0)
            assert h.pread(7, 0) == b'plain\0\0'


def test_page_names_everything():
    """Each function and member of the header is on the page."""
    page = source_file(PAGE)
    header = source_file('include/nbdsrv-filter.h')
    names = set(re.findall(r'^extern [^(]*?\b(nbdsrv_\w+)\(', header, re.M))
    op = re.search(r'^struct nbdsrv_op \{(.*?)^\};', header, re.M | re.S).group(1)
    op = re.sub(r'/\*.*?\*/', '', op, flags=re.S)
    members = [n for line in op.split(';') for n in re.findall(r'\*?(\w+)(?:,|$)', line.strip())]
    assert len(names) > 15 and len(members) == 10, (names, members)
    missing = [n for n in sorted(names) if n not in page]
    missing += [m for m in members if 'I<op-E<gt>%s>' % m not in page]
    assert not missing, missing


main(globals())
