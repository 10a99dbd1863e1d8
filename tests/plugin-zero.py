# SPDX-License-Identifier: BSD-3-Clause
# The zero plugin.
from harness import *


def test_nothing():
    with Server('zero') as s:
        h = s.nbd()
        assert h.get_size() == 0 and h.is_read_only() and h.can_multi_conn()


def test_takes_nothing():
    refused('zero', '1M')
    refused('zero', 'size=1M')


main(globals())
