# SPDX-License-Identifier: BSD-3-Clause
# The stats filter.
import re

from harness import Server, TempDir, main, refused


def work(s):
    h = s.nbd()
    for i in range(10):
        h.pwrite(b'x' * 4096, i * 4096)
    h.pread(65536, 0)
    h.pread(65536, 65536)
    h.trim(1 << 20, 0)
    h.zero(512, 0)
    h.flush()


def sums(path):
    return {line.split(':')[0]: line for line in open(path) if re.match(r'\w+: ', line)}


def test_sums():
    with TempDir() as d:
        path = d + '/stats'
        with Server('--filter=stats', 'memory', '16M', 'statsfile=' + path) as s:
            work(s)
        found = sums(path)
        number = r'\d+\.\d+ s, '
        rate = r'[\d.]+ (bytes|[KMGTPE]iB)/s'
        for name, what in (('total', '15 ops, ' + number + '1.16 MiB, ' + rate + '$'),
                           ('read', '2 ops, ' + number + '128.00 KiB, %s op, %s total$' % (rate, rate)),
                           ('write', '10 ops, ' + number + '40.00 KiB, '),
                           ('trim', '1 ops, ' + number + '1.00 MiB, '),
                           ('zero', '1 ops, ' + number + '512 bytes, '),
                           ('flush', '1 ops, ' + number + '0 bytes, ')):
            assert re.match(name + ': ' + what, found[name]), found[name]
        assert 'cache' not in found


def test_sizes():
    with TempDir() as d:
        path = d + '/stats'
        with Server('--filter=stats', 'memory', '16M', 'statsfile=' + path) as s:
            h = s.nbd()
            for i in range(8):
                h.pread(4096, 4096 * i)
            h.pread(100000, 512)
        text = open(path).read()
        read = text[text.index('read:'):]
        lines = [' '.join(l.split()) for l in read.splitlines()]
        assert lines[1] == 'Request size and alignment breakdown:'
        assert lines[2] == '12 bits: 88.9% (8 reqs, 32.00 KiB total)'
        assert lines[3] == '12 bit aligned: 100.0% (8)'
        assert lines[4] == '13 bit aligned: 50.0% (4)'
        assert lines[5] == '14 bit aligned: 25.0% (2)'
        assert '16 bits: 11.1% (1 reqs, 97.66 KiB total)' in lines


def test_threshold():
    with TempDir() as d:
        path = d + '/stats'
        for percent, shown in (0, 0), (50, 1), (100, 2):
            with Server('--filter=stats', 'memory', '16M', 'statsfile=' + path,
                        'statsthreshold=%d' % percent) as s:
                h = s.nbd()
                for _ in range(9):
                    h.pread(512, 0)
                h.pread(4096, 0)
            text = open(path).read()
            assert len(re.findall(r'\d bits:', text)) == shown, text
            assert ('other sizes: 10.0% (1 reqs, 4.00 KiB total)' in text) == (percent == 50)


def test_errors_do_not_count():
    import nbd
    with TempDir() as d:
        path = d + '/stats'
        with Server('--filter=stats', '--filter=error', 'memory', '1M', 'error-rate=1',
                    'statsfile=' + path) as s:
            try:
                s.nbd().pread(512, 0)
            except nbd.Error:
                pass
        assert sums(path)['total'].startswith('total: 0 ops')


def test_append():
    with TempDir() as d:
        path = d + '/stats'
        for append, expected in ('no', 1), ('yes', 2), ('no', 1):
            with Server('--filter=stats', 'memory', '1M', 'statsfile=' + path,
                        'statsappend=' + append):
                pass
            assert open(path).read().count('total:') == expected


def test_nonsense():
    assert 'statsfile' in refused('--filter=stats', 'memory', '1M')
    assert '/no/such' in refused('--filter=stats', 'memory', '1M', 'statsfile=/no/such/file')
    with TempDir() as d:
        refused('--filter=stats', 'memory', '1M', 'statsfile=' + d + '/x', 'statsthreshold=101')


main(globals())
