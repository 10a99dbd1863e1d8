# SPDX-License-Identifier: BSD-3-Clause
# The extentlist filter.
from blockmodel import extents
from harness import Server, TempDir, main, refused

MiB = 1 << 20


def with_list(text):
    class List(TempDir):
        def __enter__(self):
            path = super().__enter__() + '/list'
            with open(path, 'w') as f:
                f.write(text)
            return path
    return List()


def test_gaps_are_holes():
    with with_list('0 1M\n\n4M 1M hole\n') as path, \
            Server('--filter=extentlist', 'memory', '10M', 'extentlist=' + path) as s:
        h = s.nbd()
        assert extents(h) == [(MiB, 0), (3 * MiB, 3), (MiB, 1), (5 * MiB, 3)]
        assert extents(h, MiB, MiB // 2) == [(MiB // 2, 0), (MiB // 2, 3)]
        assert extents(h, MiB, 2 * MiB) == [(MiB, 3)]
        assert extents(h, 10, 4 * MiB + 5) == [(10, 1)]


def test_order_and_types():
    text = '2M 1M zero\n  0\t1M  0\r\n1M 1M hole,zero\n3M 512 2\n0 0\n'
    with with_list(text) as path, Server('--filter=extentlist', 'memory', '4M',
                                         'extentlist=' + path) as s:
        assert extents(s.nbd()) == [(MiB, 0), (MiB, 3), (MiB + 512, 2), (MiB - 512, 3)]


def test_empty_list():
    with with_list('') as path, Server('--filter=extentlist', 'memory', '4M',
                                       'extentlist=' + path) as s:
        assert extents(s.nbd()) == [(4 * MiB, 3)]


def test_reads_do_not_rely_on_it():
    with with_list('') as path, Server('--filter=extentlist', 'memory', '4M',
                                       'extentlist=' + path) as s:
        h = s.nbd()
        h.pwrite(b'x' * MiB, 0)
        assert h.pread(MiB, 0) == b'x' * MiB


def test_nonsense():
    for text in '0', '0 1 2 3', 'a b', '0 1M\n512 1M', '0 1M what', '-1 5', '7E 7E', '0 1M 9':
        with with_list(text) as path:
            assert path in refused('--filter=extentlist', 'memory', '1M', 'extentlist=' + path), text
    assert 'no/such' in refused('--filter=extentlist', 'memory', '1M', 'extentlist=/no/such')
    assert 'extentlist' in refused('--filter=extentlist', 'memory', '1M')


main(globals())
