# SPDX-License-Identifier: BSD-3-Clause
# The greeting and the client's flags.
import struct

from harness import Server, main
from rawnbd import *


def test_fixed_newstyle_and_no_zeroes_are_offered():
    with Server('memory', '1M') as s, Raw(s) as raw:
        assert raw.offered == 3
        raw.go()
        assert raw.works()


def test_unknown_client_flag_ends_the_connection():
    for flags in (4, 0x80000000, 0x13):
        with Server('memory', '1M') as s:
            with Raw(s, flags=flags) as raw:
                assert raw.is_closed()
            with Raw(s) as raw:
                assert raw.go().works()


def test_client_that_goes_away_after_connecting():
    with Server('memory', '1M') as s:
        for _ in range(20):
            s.connect().close()
        with Raw(s) as raw:
            assert raw.go().works()


def test_wrong_option_magic_ends_the_connection():
    with Server('memory', '1M') as s, Raw(s) as raw:
        raw.option(OPT_LIST, magic=0x1234)
        assert raw.is_closed()


def test_oldstyle_of_a_read_only_disk():
    with Server('-o', '-r', 'memory', '1M') as s, Raw(s, greet=False) as raw:
        raw.size, raw.flags = struct.unpack('>16xQ2xH', raw.recv(28))
        assert raw.size == 1 << 20 and raw.flags & READ_ONLY
        assert raw.recv(124) == bytes(124)
        assert raw.write(0, b'x' * 512) == EPERM
        assert raw.works()


def test_oldstyle():
    with Server('-o', 'memory', '1M') as s, Raw(s, greet=False) as raw:
        magic, old, size = struct.unpack('>QQQ', raw.recv(24))
        assert (magic, old, size) == (NBDMAGIC, 0x420281861253, 1048576)
        zero, flags = struct.unpack('>HH', raw.recv(4))
        assert zero == 0 and flags & HAS_FLAGS and not flags & SEND_DF
        assert raw.recv(124) == bytes(124)
        assert raw.write(0, b'x' * 512) == 0
        assert raw.read(0, 512) == b'x' * 512


main(globals())
