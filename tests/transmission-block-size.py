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
