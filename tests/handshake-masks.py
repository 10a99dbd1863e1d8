# SPDX-License-Identifier: BSD-3-Clause
# Switches that hide features from clients, to test those.
from harness import Server, main
from rawnbd import *


def test_mask_handshake():
    for mask, offered in ((0, 0), (1, 1), (2, 2), (3, 3)):
        with Server('--mask-handshake=%d' % mask, 'memory', '1M') as s:
            with Raw(s, flags=offered) as raw:
                assert raw.offered == offered


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
