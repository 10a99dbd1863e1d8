# SPDX-License-Identifier: BSD-3-Clause
# The time-limit filter.
import errno

import nbd
from harness import Server, main, refused, wait_for


def ends(h, *call):
    """The errno with which a connection came to its end."""
    found = []

    def is_over():
        try:
            call[0](*call[1:])
        except nbd.Error as e:
            found.append(e.errnum)
        return found

    wait_for('the end', is_over)
    return found[0]


def test_the_next_request_is_the_last():
    with Server('--filter=time-limit', 'memory', '1M', 'time-limit=50ms') as s:
        h = s.nbd()
        assert ends(h, h.pread, 512, 0) == errno.ESHUTDOWN
        wait_for('the connection to end', lambda: ends(h, h.pread, 512, 0) != errno.ESHUTDOWN)
        assert 'time-limit' in s.log()
        # Another client has its own time.
        h = s.nbd()
        assert ends(h, h.pwrite, b'x', 0) == errno.ESHUTDOWN


def test_every_operation():
    for name, args in [('zero', (512, 0)), ('trim', (512, 0)), ('flush', ()), ('cache', (512, 0))]:
        with Server('--filter=time-limit', 'memory', '1M', 'time-limit=1us') as s:
            h = s.nbd()
            assert ends(h, getattr(h, name), *args) == errno.ESHUTDOWN


def test_time_enough():
    for args in [], ['time-limit=0'], ['time-limit=1000']:
        with Server('--filter=time-limit', 'memory', '1M', *args) as s:
            h = s.nbd()
            for _ in range(100):
                h.pread(512, 0)


def test_a_wrong_time():
    assert 'time-limit' in refused('--filter=time-limit', 'memory', '1M', 'time-limit=soon')


main(globals())
