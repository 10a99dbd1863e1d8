# SPDX-License-Identifier: BSD-3-Clause
# What breaks a rule is answered with the right error, and the connection lives on.
import errno

from harness import RECORDER, Server, main
from rawnbd import *

SIZE = 1 << 20


def each_form():
    for form in 'simple', 'structured', 'extended':
        with Server('memory', str(SIZE)) as s, Raw(s) as raw:
            if form != 'simple':
                getattr(raw, form)()
            raw.set_context('base:allocation') if form != 'simple' else None
            yield raw.go()


def test_past_the_end():
    for raw in each_form():
        for offset, length in ((SIZE, 1), (SIZE - 1, 2), (SIZE + 4096, 512), (1 << 62, 512),
                               ((1 << 64) - 512, 512), ((1 << 64) - 1, 2)):
            assert raw.do(READ, offset, length).error == EINVAL
            assert raw.write(offset, b'x' * length) == ENOSPC
            assert raw.do(ZERO, offset, length).error == ENOSPC
            assert raw.do(TRIM, offset, length).error == EINVAL
            assert raw.do(CACHE, offset, length).error == EINVAL
        assert raw.works()


def test_unknown_commands_and_flags():
    for raw in each_form():
        for command in 8, 9, 100, 0xffff:
            assert raw.do(command, 0, 512).error == EINVAL
        for command in READ, ZERO, TRIM, CACHE, FLUSH:
            assert raw.do(command, 0, 0 if command == FLUSH else 512, 1 << 9).error == EINVAL
        assert raw.do(READ, 0, 512, NO_HOLE).error == EINVAL
        assert raw.do(TRIM, 0, 512, FAST_ZERO).error == EINVAL
        assert raw.works()


def test_length_of_zero():
    for raw in each_form():
        for command in READ, TRIM, ZERO, CACHE:
            assert raw.do(command, 0, 0).error == EINVAL
        assert raw.works()


def test_early_errors_of_a_structured_read_are_chunks():
    for raw in each_form():
        reply = raw.do(READ, SIZE, 512)
        assert reply.simple == (not raw.is_structured)


def test_wrong_magic_ends_only_that_connection():
    with Server('memory', str(SIZE)) as s, Raw(s) as good:
        good.go()
        with Raw(s) as raw:
            raw.go().send(READ, 0, 512, magic=0x11223344)
            assert raw.is_closed()
        with Raw(s) as raw:  # an extended request where none was agreed
            raw.go().send(READ, 0, 512, magic=0x21e41c71)
            assert raw.is_closed()
        assert good.works()


def test_errors_of_a_plugin_become_those_of_the_wire():
    known = {errno.EPERM: EPERM, errno.EROFS: EPERM, errno.EIO: EIO, errno.ENOMEM: ENOMEM,
             errno.EINVAL: EINVAL, errno.ENOSPC: ENOSPC, errno.EDQUOT: ENOSPC,
             errno.EFBIG: ENOSPC, errno.EOPNOTSUPP: EINVAL, errno.ESHUTDOWN: ESHUTDOWN,
             errno.ENOENT: EINVAL, errno.EBUSY: EINVAL}
    for local, wire in known.items():
        with Server(RECORDER, 'error=%d' % local) as s:
            for form in 'simple', 'structured', 'extended':
                with Raw(s) as raw:
                    if form != 'simple':
                        getattr(raw, form)()
                    raw.go()
                    for command in READ, WRITE, TRIM, CACHE:
                        reply = raw.do(command, 0, 512, 0, bytes(512) if command == WRITE else b'')
                        assert reply.error == wire, (local, command)
                        assert form == 'simple' or 'byte 0 is bad' in reply.text
                    assert raw.do(READ, 512, 512).error == 0


def test_errors_with_a_meaning_of_their_own():
    with Server(RECORDER, 'error=%d' % errno.EOVERFLOW) as s:
        with Raw(s) as raw:
            raw.go()
            for command in READ, TRIM, ZERO, CACHE:
                assert raw.do(command, 0, 512).error == EINVAL, command
        with Raw(s) as raw:
            raw.structured().go()
            for flags in 0, DF:
                assert raw.do(READ, 0, 512, flags).error == EOVERFLOW
            assert raw.write(0, bytes(512)) == EINVAL
    with Server(RECORDER, 'error=%d' % errno.ENOTSUP, 'error_op=write', 'without=zero') as s:
        with Raw(s) as raw:
            raw.go()
            assert raw.do(ZERO, 0, 512, FAST_ZERO).error == ENOTSUP
            assert raw.do(ZERO, 0, 512).error == EINVAL


def test_long_read_that_fails_has_no_content():
    with Server(RECORDER, 'size=8M', 'error=5', 'error_at=5M') as s:
        for form in 'simple', 'structured', 'extended':
            with Raw(s) as raw:
                if form != 'simple':
                    getattr(raw, form)()
                raw.go()
                reply = raw.do(READ, 0, 8 << 20)
                assert reply.error == EIO and not reply.parts
                assert raw.do(READ, 0, 5 << 20).error == 0


def test_read_only_refuses_and_consumes():
    with Server(RECORDER, 'without=write') as s, Raw(s) as raw:
        raw.structured().go()
        assert raw.flags & READ_ONLY
        for length in 1, 512, 100000, 1 << 20:
            assert raw.write(0, bytes(length)) == EPERM
        assert raw.do(ZERO, 0, 512).error == EPERM
        assert raw.do(TRIM, 0, 512).error == EPERM
        assert raw.do(READ, 0, 512).error == 0


def test_block_status_without_a_context():
    with Server('memory', str(SIZE)) as s, Raw(s) as raw:
        raw.structured().go()
        assert raw.do(STATUS, 0, 512).error == EINVAL
        assert raw.works()


def test_resize_is_not_offered_and_refused():
    with Server('memory', str(SIZE)) as s, Raw(s) as raw:
        assert not raw.go().flags & SEND_RESIZE
        assert raw.do(8, 0, 512).error == EINVAL


main(globals())
