# SPDX-License-Identifier: BSD-3-Clause
"""A server of tests/plugin-opener.c, and the record of what was opened.

    with Opener('threads=all') as s:    # before=('--filter=...',): filters in front
        ...
        assert s.calls() == ['open name', 'close name']
"""
from harness import OPENER, Server, TempDir


class Opener(Server):
    def __init__(self, *params, before=()):
        self.place = TempDir()
        self.record = self.place.__enter__() + '/record'
        super().__init__(*before, OPENER, 'record=' + self.record, *params)

    def calls(self):
        with open(self.record) as f:
            return f.read().split('\n')[:-1]

    def __exit__(self, *args):
        try:
            super().__exit__(*args)
        finally:
            self.place.__exit__()
