# SPDX-License-Identifier: BSD-3-Clause
"""A server of tests/plugin-opener.c, and the record of what was opened.

    with Opener('threads=all') as s:
        ...
        assert s.calls() == ['open name', 'close name']
"""
from compile import build, source_file
from harness import Server, TempDir


class Opener(Server):
    def __init__(self, *params):
        self.built = TempDir()
        d = self.built.__enter__()
        self.record = d + '/record'
        plugin = build(source_file('tests/plugin-opener.c'), 'opener.so', d)
        super().__init__(plugin, 'record=' + self.record, *params)

    def calls(self):
        with open(self.record) as f:
            return f.read().split('\n')[:-1]

    def __exit__(self, *args):
        try:
            super().__exit__(*args)
        finally:
            self.built.__exit__()
