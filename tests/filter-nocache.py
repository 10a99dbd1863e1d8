# SPDX-License-Identifier: BSD-3-Clause
# The nocache filter.
from harness import Server, TempDir, main


def count(d, action):
    return open(d + '/log').read().count(' %s id=' % action)


def test_modes():
    with TempDir() as d:
        for mode, offered, reads, caches in (([], False, 0, 0), (['cachemode=none'], False, 0, 0),
                                             (['cachemode=emulate'], True, 2, 0),
                                             (['cachemode=nop'], True, 0, 0)):
            with Server('--filter=nocache', '--filter=log', 'memory', '1M',
                        'logfile=' + d + '/log', *mode) as s:
                h = s.nbd()
                assert h.can_cache() == offered
                if offered:
                    h.cache(300000, 0)
                assert count(d, 'Read') == reads and count(d, 'Cache') == caches


main(globals())
