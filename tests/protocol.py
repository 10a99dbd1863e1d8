# SPDX-License-Identifier: BSD-3-Clause
# protocol.md: the tests that it names exist.
import re

from harness import SRCDIR, main


def test_rules_have_tests():
    rows = [line for line in open(SRCDIR + '/tests/protocol.md') if line.startswith('|')]
    rows = [row for row in rows if not re.match(r'\| (rule \||---)', row)]
    assert len(rows) > 90
    for row in rows:
        script, test = re.search(r'\| ([a-z0-9-]+) (test_\w+) \|$', row).groups()
        source = open('%s/tests/%s.py' % (SRCDIR, script)).read()
        assert '\ndef %s():\n' % test in source, row


main(globals())
