# SPDX-License-Identifier: BSD-3-Clause
# The limit filter.
from harness import Server, main, wait_for


def refused(s):
    import nbd
    try:
        s.nbd()
    except nbd.Error:
        return True
    return False


def test_limits():
    for args, most in ([], 1), (['limit=3'], 3):
        with Server('--filter=limit', 'memory', '1M', *args) as s:
            handles = [s.nbd() for _ in range(most)]
            assert refused(s)
            assert refused(s)
            handles.pop().shutdown()
            wait_for('room', lambda: not refused(s))


def test_unlimited():
    with Server('--filter=limit', 'memory', '1M', 'limit=0') as s:
        handles = [s.nbd() for _ in range(10)]
        assert all(h.pread(1, 0) == b'\0' for h in handles)


def test_clients_that_cannot_be_served_do_not_count():
    with Server('--filter=limit', '--filter=offset', 'memory', '1M', 'offset=2M') as s:
        for _ in range(3):
            assert refused(s)
        assert 'already' not in s.log()


main(globals())
