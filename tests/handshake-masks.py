# SPDX-License-Identifier: BSD-3-Clause
# Switches that hide features from clients, to test those.
from harness import Server, main
from rawnbd import *


def test_mask_handshake():
    for mask, offered in ((0, 0), (1, 1), (2, 2), (3, 3)):
        with Server('--mask-handshake=%d' % mask, 'memory', '1M') as s:
            with Raw(s, flags=offered) as raw:
                assert raw.offered == offered


def test_without_fixed_newstyle_there_is_only_export_name():
    for mask, flags in ((0, 0), (2, 0), (3, 2), (3, 0)):
        with Server('--mask-handshake=%d' % mask, 'memory', '1M') as s, Raw(s, flags=flags) as raw:
            for option in OPT_LIST, OPT_STARTTLS, OPT_STRUCTURED_REPLY, OPT_EXTENDED, 99:
                assert raw.answer(option) == ERR_INVALID
            assert raw.answer(OPT_GO, raw.info_data()) == ERR_INVALID
            raw.option(OPT_EXPORT_NAME)
            raw.recv(10 if flags & 2 else 134)
            assert raw.works()


def test_flags_that_were_masked_may_not_be_set():
    for mask, flags in ((0, 1), (0, 2), (1, 2), (2, 1), (2, 3)):
        with Server('--mask-handshake=%d' % mask, 'memory', '1M') as s:
            with Raw(s, flags=flags) as raw:
                assert raw.is_closed()


def test_no_structured_replies():
    with Server('--no-sr', 'memory', '1M') as s, Raw(s) as raw:
        assert raw.answer(OPT_STRUCTURED_REPLY) == ERR_UNSUP
        assert raw.answer(OPT_EXTENDED) == ERR_UNSUP
        assert raw.go().works()


def test_no_meta_contexts():
    with Server('--no-mc', 'memory', '1M') as s, Raw(s) as raw:
        raw.structured()
        data = raw.meta_data('', ['base:allocation'])
        assert raw.answer(OPT_SET_META, data) == ERR_UNSUP
        assert raw.answer(OPT_LIST_META, data) == ERR_UNSUP
        assert raw.go().works()


main(globals())
