# SPDX-License-Identifier: BSD-3-Clause
"""The results as one SVG: a group of horizontal bars for each case.

Each group has a scale of its own, its longest bar is as wide as there is room.
Colours follow the reader's light or dark setting.
"""
from xml.sax.saxutils import escape

from cases import METRICS

WIDTH, LEFT, RIGHT = 720, 110, 90
BAR, GAP, HEAD, GROUP_GAP = 14, 4, 24, 18
SHOWN = ['nbdsrv', 'reference', 'nbdkit', 'qemu-nbd', 'nbd-server']
CLASSES = {'nbdsrv': 'own', 'reference': 'limit'}

STYLE = """
    text { font: 12px system-ui, sans-serif; fill: #1f2328; }
    .title { font-weight: 600; }
    .page { fill: #ffffff; }
    .own { fill: #1a7f37; }
    .limit { fill: #8c959f; }
    .other { fill: #54aeff; }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3; }
      .page { fill: #0d1117; }
      .own { fill: #3fb950; }
      .limit { fill: #6e7681; }
      .other { fill: #316dca; }
    }
"""


def _stand_in(name, result):
    """Where a file is served, the reference is the one that reads and writes it."""
    if name == 'reference' and result.figures['reference-file']:
        return 'reference-file'
    return name


def _group(result, top):
    """Lines of SVG and the height they take."""
    metric = result.case.metrics[0]
    title, digits, _ = METRICS[metric]
    values = [(name, result.median(_stand_in(name, result), metric)) for name in SHOWN]
    values = [(name, value) for name, value in values if value is not None]
    if not values:
        return [], 0
    longest = max(value for _, value in values) or 1
    lines = ['<text class="title" x="10" y="%d">%s (%s)</text>'
             % (top + 14, escape(result.case.title), escape(title))]
    y = top + HEAD
    for name, value in values:
        width = max(1, (WIDTH - LEFT - RIGHT) * value / longest)
        lines += [
            '<text x="%d" y="%d" text-anchor="end">%s</text>' % (LEFT - 8, y + 11, name),
            '<rect class="%s" x="%d" y="%d" width="%.1f" height="%d" rx="2"/>'
            % (CLASSES.get(name, 'other'), LEFT, y, width, BAR),
            '<text x="%.1f" y="%d">%s</text>'
            % (LEFT + width + 6, y + 11, '{:,.{}f}'.format(value, digits))]
        y += BAR + GAP
    return lines, y - top + GROUP_GAP


def as_svg(results):
    body = ['<text class="title" x="10" y="24">CPU time that a server needs, median of '
            'several rounds: shorter is better</text>']
    top = 44
    for result in results:
        if result.case.picture:
            lines, height = _group(result, top)
            body += lines
            top += height
    head = ('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" '
            'viewBox="0 0 %d %d" role="img" aria-label="CPU time of NBD servers, shorter '
            'is better">' % (WIDTH, top, WIDTH, top))
    return '\n'.join([head, '<style>%s</style>' % STYLE,
                      '<rect class="page" width="%d" height="%d"/>' % (WIDTH, top),
                      *body, '</svg>', ''])
