# SPDX-License-Identifier: BSD-3-Clause
# The log filter: the lines that people's scripts read.
import errno
import re

from harness import Server, TempDir, expect_error, main, refused
from rawnbd import Raw

TIME = r'\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6} '


def lines(path):
    result = []
    for line in open(path):
        assert re.match(TIME, line), line
        result.append(re.sub('^' + TIME, '', line.rstrip('\n')))
    return result


def test_names_do_not_reach_the_terminal():
    with TempDir() as d:
        path = d + '/log'
        with Server('--filter=log', 'memory', '1M', 'logfile=' + path) as s, Raw(s) as raw:
            raw.go('a\nb\x1b[31mc\u009b31md\x7f"')
        assert any(' Connect export="a?b?[31mc?31md?\\"" ' in line for line in lines(path)), lines(path)


def test_every_operation():
    import nbd
    with TempDir() as d:
        path = d + '/log'
        with Server('--filter=log', 'memory', '1M', 'logfile=' + path) as s:
            h = s.nbd()
            h.pread(512, 0)
            h.pwrite(b'x' * 512, 512, nbd.CMD_FLAG_FUA)
            h.flush()
            h.trim(4096, 0)
            h.zero(4096, 4096, nbd.CMD_FLAG_NO_HOLE)
            h.cache(512, 0)
            h.block_status(65536, 0, lambda *a: 0, nbd.CMD_FLAG_REQ_ONE)
            h.shutdown()
        got = lines(path)
        assert got[0] == 'Ready thread_model=3'
        assert got[1] == 'Fork'
        assert got[2:4] == ['Preconnect id=1 readonly=0 ...', '...Preconnect id=1 return=0']
        del got[2:4]
        assert got[2].startswith('connection=1 Connect export="" tls=0 size=0x100000 ')
        assert ' write=1 flush=1 rotational=0 trim=1 zero=2 fua=2 extents=1 cache=2 ' in got[2]
        assert got[3:] == [
            'connection=1 Read id=1 offset=0x0 count=0x200 ...',
            'connection=1 ...Read id=1 return=0',
            'connection=1 Write id=2 offset=0x200 count=0x200 fua=1 ...',
            'connection=1 ...Write id=2 return=0',
            'connection=1 Flush id=3 ...',
            'connection=1 ...Flush id=3 return=0',
            'connection=1 Trim id=4 offset=0x0 count=0x1000 fua=0 ...',
            'connection=1 ...Trim id=4 return=0',
            'connection=1 Zero id=5 offset=0x1000 count=0x1000 trim=0 fua=0 fast=0 ...',
            'connection=1 ...Zero id=5 return=0',
            'connection=1 Cache id=6 offset=0x0 count=0x200 ...',
            'connection=1 ...Cache id=6 return=0',
            'connection=1 Extents id=7 offset=0x0 count=0x10000 req_one=1 ...',
            'connection=1 ...Extents id=7 extents=(0x0 0x1000 "hole,zero") return=0',
            'connection=1 Disconnect transactions=7',
        ]


def test_extents_of_a_hole():
    with TempDir() as d:
        path = d + '/log'
        with Server('--filter=log', 'memory', '1M', 'logfile=' + path) as s:
            s.nbd().block_status(65536, 0, lambda *a: 0)
        assert any('extents=(0x0 0x10000 "hole,zero") return=0' in l for l in lines(path))


def test_errors():
    with TempDir() as d:
        path = d + '/log'
        with Server('--filter=log', '--filter=error', 'memory', '1M', 'logfile=' + path,
                    'error-rate=1', 'error=ENOSPC') as s:
            expect_error(errno.ENOSPC, s.nbd().pread, 512, 0)
        assert 'connection=1 ...Read id=1 return=-1 error=ENOSPC' in lines(path)


def test_what_a_filter_below_sees():
    with TempDir() as d:
        path = d + '/log'
        with Server('--filter=offset', '--filter=log', 'memory', '1M', 'offset=4k',
                    'logfile=' + path) as s:
            s.nbd().pread(512, 0)
        assert any('offset=0x1000 count=0x200' in l for l in lines(path))


def test_lists_and_names_are_quoted():
    with TempDir() as d:
        path = d + '/log'
        with Server('--filter=log', 'memory', '1M', 'logfile=' + path) as s:
            import nbd
            h = nbd.NBD()
            h.set_opt_mode(True)
            h.connect_unix(s.socket)
            h.opt_list(lambda *a: 0)
            h.opt_abort()
            s.nbd('a"b\n$c')
        got = lines(path)
        assert 'ListExports id=1 ...' in got
        assert '...ListExports id=1 exports=("") return=0' in got
        assert any('Connect export="a\\"b?\\$c" tls=0' in l for l in got)


def test_append_and_truncate():
    with TempDir() as d:
        path = d + '/log'
        for append, expected in ('no', 1), ('yes', 2), ('no', 1):
            with Server('--filter=log', 'memory', '1M', 'logfile=' + path,
                        'logappend=' + append):
                pass
            assert lines(path).count('Fork') == expected


def test_script():
    with TempDir() as d:
        out = d + '/out'
        script = 'echo "$act $type $id $connection $offset $count $return $error $extents" >> ' + out
        with Server('--filter=log', '--filter=error', 'memory', '1M', 'logscript=' + script,
                    'error-pwrite-rate=1') as s:
            h = s.nbd()
            h.pread(512, 512)
            expect_error(errno.EIO, h.pwrite, b'x', 0)
            h.block_status(512, 0, lambda *a: 0)
        got = [' '.join(l.split()) for l in open(out)]
        assert got[0] == 'Ready PRINT'
        assert 'Read ENTER 1 1 0x200 0x200' in got
        assert 'Read LEAVE 1 1 0' in got
        assert 'Write LEAVE 2 1 -1 EIO' in got
        assert any(l.startswith('Extents LEAVE 3 1 0 0x0 ') for l in got)
        assert got[-1] == 'Disconnect PRINT 1'


def test_many_connections_share_the_file():
    with TempDir() as d:
        path = d + '/log'
        with Server('--filter=log', 'memory', '1M', 'logfile=' + path) as s:
            handles = [s.nbd() for _ in range(4)]
            for i in range(100):
                for h in handles:
                    h.pread(512, 512 * i)
        got = lines(path)
        assert sum('...Read' in l for l in got) == 400
        assert len({l.split()[0] for l in got if '...Read' in l}) == 4


def test_no_such_directory():
    assert 'logfile' in refused('--filter=log', 'memory', '1M', 'logfile=/no/such/dir/log')


main(globals())
