# SPDX-License-Identifier: BSD-3-Clause
"""Medians, ratios and verdicts, as text and as JSON."""
import json
from statistics import median

from backends import NAMES
from cases import METRICS

# Servers that have a column; the others stand in for a ratio.
COLUMNS = ['nbdsrv', 'reference', 'reference-file', 'nbdkit', 'qemu-nbd', 'nbd-server']
HEADS = {'reference': 'ref', 'reference-file': 'ref-file'}
# Servers that nbdsrv is compared with, as ratios.
COMPARED = ['reference', 'reference-file', 'nbdkit']


def _head(name):
    return HEADS.get(name, name)


class Result:
    """All figures of one case: figures[server] is a list, one entry a round."""

    def __init__(self, case):
        self.case = case
        self.figures = {name: [] for name in NAMES}
        self.failures = {}

    def values(self, server, metric):
        return [f[metric] for f in self.figures[server] if metric in f]

    def median(self, server, metric):
        values = self.values(server, metric)
        return median(values) if values else None

    def spread(self, server, metric):
        """How far the rounds lie apart, of the median."""
        values = self.values(server, metric)
        middle = median(values) if values else 0
        return (max(values) - min(values)) / middle if middle else 0

    def ratio(self, metric, against):
        ours, theirs = self.median('nbdsrv', metric), self.median(against, metric)
        return ours / theirs if ours is not None and theirs else None

    def verdicts(self):
        """(target, value or None) of each target."""
        for target in self.case.targets:
            if target.against:
                yield target, self.ratio(target.metric, target.against)
            else:
                yield target, self.median('nbdsrv', target.metric)


def _number(value, digits):
    if value is None:
        return '-'
    return '{:,.{}f}'.format(value, digits)


def _ratio(value):
    return '-' if value is None else '%.2f' % value


def _rows(result):
    for metric in result.case.metrics:
        title, digits, _ = METRICS[metric]
        yield [result.case.name, title,
               *(_number(result.median(name, metric), digits) for name in COLUMNS),
               *(_ratio(result.ratio(metric, name)) for name in COMPARED),
               '%.0f%%' % (100 * result.spread('nbdsrv', metric))]


def _table(rows, left):
    """Columns as wide as they must be, the first `left` aligned left."""
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    for r in rows:
        cells = [c.ljust(w) if i < left else c.rjust(w)
                 for i, (c, w) in enumerate(zip(r, widths))]
        yield '  '.join(cells).rstrip()


def as_text(results):
    rows = [['case', 'metric', *map(_head, COLUMNS),
             *('/' + _head(name) for name in COMPARED), 'spread']]
    for result in results:
        rows += _rows(result)
    lines = ['Medians; the last columns: nbdsrv against the others, and how far its rounds '
             'lie apart.', '', *_table(rows, 2), '']
    targets = [['target', 'metric', 'against', 'wanted', 'found', '']]
    for result in results:
        for target, value in result.verdicts():
            verdict = ('not measured' if value is None
                       else 'holds' if target.holds(value) else 'MISSED')
            targets.append([result.case.name, METRICS[target.metric][0],
                            target.against or '(itself)', target.text(), _ratio(value),
                            verdict])
    if len(targets) > 1:
        lines += _table(targets, 3)
    for result in results:
        for name, why in result.failures.items():
            lines.append('%s, %s: %s' % (result.case.name, name, why))
    return '\n'.join(lines) + '\n'


def as_json(results, about):
    cases = []
    for result in results:
        servers = {}
        for name, rounds in result.figures.items():
            if rounds:
                metrics = sorted({m for f in rounds for m in f})
                servers[name] = {m: {'median': result.median(name, m),
                                     'min': min(result.values(name, m)),
                                     'max': max(result.values(name, m)),
                                     'rounds': result.values(name, m)} for m in metrics}
        targets = [{'metric': t.metric, 'against': t.against, 'limit': t.limit,
                    'found': v, 'holds': None if v is None else t.holds(v)}
                   for t, v in result.verdicts()]
        cases.append({'name': result.case.name, 'title': result.case.title,
                      'servers': servers, 'targets': targets,
                      'failures': result.failures})
    return json.dumps({'about': about, 'cases': cases}, indent=1) + '\n'
