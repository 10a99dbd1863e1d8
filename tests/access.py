# SPDX-License-Identifier: BSD-3-Clause
"""Servers with rules about who may do what.

    with Rules('allow export=a') as rules, Opener('--access=' + rules.path) as s:
        rules.write('deny')
"""
import os

from harness import TempDir


class Rules:
    def __init__(self, text):
        self.place = TempDir()
        self.path = self.place.__enter__() + '/rules'
        self.write(text)

    def write(self, text):
        """As a whole: a server may be about to read it."""
        with open(self.path + '.new', 'w') as f:
            f.write(text + '\n')
        os.replace(self.path + '.new', self.path)

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.place.__exit__(*args)
