# SPDX-License-Identifier: BSD-3-Clause
# The exitlast filter.
import os

from harness import Server, main


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


main(globals())
