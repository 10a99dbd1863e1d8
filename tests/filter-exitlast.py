# SPDX-License-Identifier: BSD-3-Clause
# The exitlast filter.
import os

from harness import Server, TempDir, main, run


def ended(s):
    s.process.wait(timeout=30)
    return s.process.returncode == 0


def test_ends_with_the_only_client():
    with Server('--filter=exitlast', 'memory', '1M') as s:
        s.nbd().shutdown()
        assert ended(s)


def test_ends_with_the_last_client():
    with Server('--filter=exitlast', 'memory', '1M') as s:
        first, second = s.nbd(), s.nbd()
        first.shutdown()
        second.pwrite(b'x', 0)
        second.flush()
        assert s.process.poll() is None
        second.shutdown()
        assert ended(s)
        assert not os.path.exists(s.socket)


def test_looking_at_several_exports_is_one_client():
    with TempDir() as d:
        os.mkdir(d + '/disks')
        for name in 'abc':
            with open(d + '/disks/' + name, 'wb') as f:
                f.truncate(512)
        with Server('--filter=exitlast', 'file', 'dir=' + d + '/disks') as s:
            out = run(['nbdinfo', '--list', s.uri]).stdout
            assert out.count('export-size: 512') == 3, out
            assert ended(s)


def test_somebody_who_only_looks_in_ends_nothing():
    with Server('--filter=exitlast', 'memory', '1M') as s:
        with s.connect() as sock:
            assert sock.recv(8) == b'NBDMAGIC'
        s.nbd().shutdown()
        assert ended(s)


main(globals())
