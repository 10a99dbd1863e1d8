# SPDX-License-Identifier: BSD-3-Clause
"""Plugins of ours that stand in for nbdkit's, by their bare names: both serve the same
for the same command line."""
import nbd

from harness import *
from nbdkitlib import *


def test_full():
    for size in '1', '513', 'size=10M':
        compare('full', size)
    with Reference('full', '1M') as r, Server('full', '1M') as s:
        theirs, ours = r.nbd(), s.nbd()
        for step in (lambda h: h.pwrite(bytes(512), 0), lambda h: h.pwrite(b'x', 1), lambda h: h.trim(4096, 0),
                     lambda h: h.zero(4096, 0), lambda h: h.zero(4096, 0, nbd.CMD_FLAG_NO_HOLE),
                     lambda h: h.zero(4096, 0, nbd.CMD_FLAG_FAST_ZERO), lambda h: h.cache(4096, 0),
                     lambda h: h.pread(4096, 0)):
            assert try_out(step, ours) == try_out(step, theirs)
        theirs.shutdown()


def test_info():
    for mode, name in (('exportname', 'a name'), ('base64exportname', 'QUJD REVG\nR0g='), ('address', ''),
                       ('EXPORTNAME', 'x')):
        compare('info', mode, export=name)
    for mode in 'time', 'mode=uptime', 'conntime':
        with Reference('info', mode) as r, Server('info', mode) as s:
            assert facts(s.nbd(setup=asks_for_infos)) == facts(r.nbd(setup=asks_for_infos))


def test_pattern():
    for size in '1', '7', '8', '511', '1M', 'size=1000001':
        compare('pattern', size)


def test_random():
    for size, seed in ('1', '0'), ('1000', '1'), ('65537', str(2**32 - 1)), ('3M', '0x1234'):
        compare('random', size, 'seed=' + seed)


def test_sparse_random():
    # Some of nbdkit's take runlength in bytes only.
    for args in (['1'], ['12345', 'percent=100'], ['4M', 'percent=50', 'runlength=16384'], ['1M', 'percent=0'],
                 ['4M', 'percent=50', 'runlength=16384', 'random-content=true'],
                 ['5M', 'percent=100', 'random-content=true'], ['4M', 'percent=90', 'runlength=8192'],
                 ['3000001', 'percent=33.3', 'runlength=1'],
                 ['3M', 'percent=20', 'runlength=3000'], ['3M', 'percent=95', 'runlength=5000'], ['20G']):
        for seed in '1', str(2**32 - 1):
            compare('sparse-random', *args, 'seed=' + seed)


def test_zero():
    with Reference('zero') as r, Server('zero') as s:
        assert facts(s.nbd(setup=asks_for_infos)) == facts(r.nbd(setup=asks_for_infos))
        assert exports(s) == exports(r)


main(globals())
