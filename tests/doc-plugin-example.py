# SPDX-License-Identifier: BSD-3-Clause
# The plugin that nbdsrv-plugin(3) shows: builds by its own instructions, serves.
import re
import shutil

from compile import build, example, source_file
from harness import *

PAGE = 'man/nbdsrv-plugin.pod'


def test_page_and_file_agree():
    assert example(PAGE) == source_file('examples/fill.c').split('\n', 1)[1]


def test_example_works():
    with TempDir() as d:
        plugin = build(example(PAGE), 'fill.so', d)
        with Server(plugin, '100M', 'byte=42') as s:
            h = s.nbd()
            assert h.get_size() == 100 << 20
            assert h.is_read_only() and h.can_multi_conn()
            assert h.pread(100000, 12345) == b'*' * 100000
        shown = nbdsrv(plugin, '--help').stdout
        assert 'byte=' in shown and 'what it is full of' in shown, shown
        assert 'size' in refused(plugin)


def test_header_in_other_languages():
    """C89 and C++ may include it."""
    text = '#include <nbdsrv-filter.h>\n'
    with TempDir() as d:
        build(text, 'c89', d, options=['-std=c89', '-pedantic'])
        if shutil.which('g++'):
            build(text, 'cpp', d, options=['-x', 'c++'])


def test_page_names_everything():
    """Each function and number of the header is on the page."""
    page = source_file(PAGE)
    header = source_file('include/nbdsrv-plugin.h')
    names = set(re.findall(r'^extern [^(]*?\b(nbdsrv_\w+)\(', header, re.M))
    names |= set(re.findall(r'^#define (NBDSRV_(?:CAN|IS|NO|FLAG|EXTENT)_\w+)', header, re.M))
    names |= set(re.findall(r'^  (NBDSRV_\w+) = ', header, re.M))
    names |= {'B<%s>' % n for n in re.findall(r'\(\*(\w+)\)\(', header) if n != 'release'}
    assert len(names) > 70, len(names)
    missing = [n for n in sorted(names) if n not in page]
    assert not missing, missing


main(globals())
