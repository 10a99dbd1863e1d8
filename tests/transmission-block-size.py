# SPDX-License-Identifier: BSD-3-Clause
# Block sizes: told, kept where the client promised to keep them.
import struct

from harness import RECORDER, Server, main
from rawnbd import *

STRICT = (RECORDER, 'size=8M', 'minimum=4096', 'preferred=65536', 'maximum=1048576')


def block_size(found):
    return struct.unpack('>III', found[3])


def test_defaults_are_told_when_asked():
    with Server(RECORDER) as s, Raw(s) as raw:
        assert block_size(raw.info(OPT_INFO, '', [3])) == (1, 4096, 64 << 20)
        assert 3 not in raw.info(OPT_INFO)


def test_what_the_plugin_states_is_told():
    with Server(*STRICT) as s, Raw(s) as raw:
        assert block_size(raw.info(OPT_GO, '', [3])) == (4096, 65536, 1 << 20)


def test_a_minimum_is_told_even_unasked():
    with Server(*STRICT) as s, Raw(s) as raw:
        assert block_size(raw.info(OPT_GO))[0] == 4096


def test_preferred_is_never_below_the_minimum():
    for minimum, least in ((512, 4096), (4096, 4096), (65536, 65536)):
        with Server(RECORDER, 'minimum=%d' % minimum) as s, Raw(s) as raw:
            assert block_size(raw.info(OPT_GO, '', [3])) == (minimum, least, 64 << 20)


def test_sizes_that_make_no_sense_are_refused():
    for sizes in (['minimum=3'], ['minimum=131072'], ['preferred=5000'],
                  ['minimum=8192', 'preferred=4096'], ['preferred=65536', 'maximum=4096']):
        with Server(RECORDER, *sizes) as s, Raw(s) as raw:
            kind, text = raw.ask(OPT_GO, raw.info_data())[-1]
            assert kind & ERR and text, sizes


def test_unaligned_requests_of_one_who_promised():
    for form in 'structured', 'extended':
        with Server(*STRICT) as s, Raw(s) as raw:
            getattr(raw, form)().set_context('base:allocation')
            raw.go('', [3])
            for command in READ, ZERO, TRIM, CACHE, STATUS:
                for offset, length in ((1, 4096), (0, 4095), (2048, 2048), (4096, 4097)):
                    assert raw.do(command, offset, length).error == EINVAL, (command, offset, length)
                assert raw.do(command, 4096, 8192).error == 0
            assert raw.write(512, b'x' * 4096) == EINVAL
            assert raw.write(8192, b'x' * 512) == EINVAL
            assert raw.write(8192, b'x' * 4096) == 0
            assert raw.read(8192, 4096) == b'x' * 4096


def test_unaligned_requests_of_one_who_did_not():
    with Server(*STRICT) as s:
        with Raw(s) as raw:
            raw.info(OPT_INFO, '', [3])  # to ask is not to promise
            raw.go()
            assert raw.write(1000, b'x' * 3000) == 0
            assert raw.read(999, 3) == b'\0xx'
        with Raw(s) as raw:
            raw.option(OPT_EXPORT_NAME)
            raw.recv(10)
            assert raw.read(999, 3) == b'\0xx'


def check_blocks(start, length, extents, step, types, join):
    """Every block has what all of it has: in base:allocation only what both parts have."""
    at = start
    for n, flags in extents:
        assert n > 0 and ((at + n) % 4096 == 0 or at + n == 1000000), extents
        assert at < start + length, extents
        for block in range(at, at + n, 4096):
            first, last = (types[b // step % 2] for b in (block, min(block + 4095, 999999)))
            assert flags in (join(first, last), join(first, first) if len(extents) == 1 else None), (block, flags)
        at += n


def test_extents_end_at_blocks():
    for form, promise in ('structured', [3]), ('extended', [3]), ('structured', []):
        with Server(RECORDER, 'size=1000000', 'minimum=4096', 'extent=10000', 'contexts=1') as s, Raw(s) as raw:
            ids = getattr(raw, form)().set_context('base:allocation', 'x-other:three')
            raw.go('', promise)
            for start, length in (0, 999424), (8192, 4096), (12288, 65536), (995328, 4096):
                for flags in 0, REQ_ONE:
                    extents = raw.do(STATUS, start, length, flags).extents
                    base, other = extents[ids['base:allocation']], extents[ids['x-other:three']]
                    check_blocks(start, length, base, 10000, (3, 0), lambda a, b: a & b)
                    check_blocks(start, length, other, 20000, (13, 10), lambda a, b: a | b)
                    assert flags or length < 10000 or len(base) > 1


def test_block_status_keeps_the_largest_payload():
    for form, size in ('structured', 8), ('extended', 16):
        with Server(RECORDER, 'size=8M', 'extent=512', 'preferred=512', 'maximum=4096') as s, Raw(s) as raw:
            context = getattr(raw, form)().set_context('base:allocation')['base:allocation']
            raw.go('', [3])
            assert len(raw.do(STATUS, 0, 8 << 20).extents[context]) == 4096 // size


def test_the_largest_payload_binds_payloads_only():
    with Server(*STRICT) as s, Raw(s) as raw:
        raw.structured().go('', [3])
        most = 1 << 20
        assert raw.do(READ, 0, most).error == 0
        assert raw.do(READ, 0, most + 4096).error == EINVAL
        assert raw.write(0, bytes(most)) == 0
        assert raw.write(0, bytes(most + 4096)) == EINVAL
        for command in ZERO, TRIM, CACHE:
            assert raw.do(command, 0, 8 << 20).error == 0
        assert raw.do(READ, 0, 4096).error == 0


main(globals())
