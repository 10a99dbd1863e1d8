# SPDX-License-Identifier: BSD-3-Clause
"""Random expressions of the data language, each with the bytes that it stands for.

Written from the page nbdsrv-data-plugin(1), without a look at the plugin: bytes are made
by hand, not by way of a tree of expressions.
"""
import random


class Row:
    """What stands between two parentheses."""

    def __init__(self):
        self.words, self.data, self.at = [], bytearray(), 0

    def reach(self, end):
        self.data.extend(bytes(max(0, end - len(self.data))))

    def put(self, word, data):
        self.words.append(word)
        self.reach(self.at + len(data))
        self.data[self.at:self.at + len(data)] = data
        self.at += len(data)

    def go(self, word, at):
        self.words.append(word)
        self.reach(at)
        self.at = at


class Expressions:
    def __init__(self, seed, zeroes=0.3):
        self.random = random.Random(seed)
        self.zeroes = zeroes

    def number(self, n):
        return self.random.choice(['%d', '0x%x', '0X%X', '%d' if n == 0 else '0%o']) % n

    def byte(self):
        return 0 if self.random.random() < self.zeroes else self.random.randrange(256)

    def simple(self):
        r = self.random
        kind = r.randrange(5)
        if kind < 2:
            b = self.byte()
            return self.number(b), bytes([b])
        if kind == 2:
            order, size = r.choice(['le', 'be']), r.choice([2, 4, 8])
            n = r.choice([0, 1, r.randrange(1 << 8 * size), (1 << 8 * size) - 1])
            return ('%s%d:%s ' % (order, 8 * size, self.number(n)),
                    n.to_bytes(size, 'little' if order == 'le' else 'big'))
        if kind == 3:
            # No escapes in octal: not all of nbdkit's know them.
            data = bytes(self.byte() for _ in range(r.randrange(1, 80)))
            return '"%s"' % ''.join(chr(b) if 32 <= b < 127 and chr(b) not in '"\\' else '\\x%02x' % b
                                    for b in data), data
        return '0*%s' % self.number(5000), bytes(5000)

    def group(self, depth, names):
        row, names = Row(), dict(names)
        for _ in range(self.random.randrange(1, 7)):
            self.item(row, depth, names)
        return '(%s)' % ' '.join(row.words), bytes(row.data)

    def expression(self, depth, names):
        r = self.random
        kind = r.randrange(4)
        if kind == 0 and names:
            name = r.choice(sorted(names))
            word, data = '\\' + name + ' ', names[name]
        elif kind < 3 and depth > 0:
            word, data = self.group(depth - 1, names)
        else:
            word, data = self.simple()
        while r.random() < 0.4:
            word, data = self.change(word, data)
        return word, data

    def change(self, word, data):
        r = self.random
        if r.randrange(2):
            n = r.choice([0, 1, 2, 3, 5, r.randrange(1000)])
            n = min(n, 100000 // (len(data) or 1))
            return '%s %s%s' % (word, r.choice(['*', '* ']), self.number(n)), data * n
        start = r.randrange(len(data) + 1)
        end = r.randrange(start, len(data) + 1)
        first = self.number(start) if start or r.randrange(2) else ''
        last = self.number(end) if end < len(data) or r.randrange(2) else ''
        return '%s[%s:%s]' % (word, first, last), data[start:end]

    def item(self, row, depth, names):
        r = self.random
        kind = r.randrange(12)
        if kind == 0:
            at = r.randrange(len(row.data) + 100)
            row.go('@' + self.number(at), at)
        elif kind == 1:
            n = r.choice([r.randrange(10), r.randrange(10000)])
            row.go('@+' + self.number(n), row.at + n)
        elif kind == 2:
            n = r.randrange(row.at + 1)
            row.go('@-' + self.number(n), row.at - n)
        elif kind == 3:
            n = 1 << r.randrange(13)
            row.go('@^' + self.number(n), (row.at + n - 1) // n * n)
        elif kind == 4:
            name = r.choice(['a', 'b-', 'C_9'])
            word, data = self.expression(depth, names)
            row.words.append('%s -> \\%s' % (word, name))
            names[name] = data
        else:
            row.put(*self.expression(depth, names))

    def several(self, count):
        """As much in one text, that many items deep enough to be interesting."""
        row, names = Row(), {}
        for _ in range(count):
            self.item(row, 3, names)
        return self.random.choice([' ', '\n', ' # comment\n']).join(row.words), bytes(row.data)
