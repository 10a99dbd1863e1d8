# SPDX-License-Identifier: BSD-3-Clause
# The rotational filter.
from harness import RECORDER, Server, main, refused


def is_rotational(*args):
    with Server('--filter=rotational', *args) as s:
        h = s.nbd()
        h.pwrite(b'x' * 512, 0)
        assert h.pread(512, 0) == b'x' * 512
        return h.is_rotational()


def test_set():
    assert is_rotational('memory', '1M')
    assert is_rotational('memory', '1M', 'rotational=true')


def test_cleared():
    assert not is_rotational('memory', '1M', 'rotational=false')
    assert not is_rotational(RECORDER, 'with=rotational', 'rotational=false')
    assert is_rotational(RECORDER, 'with=rotational')


def test_a_wrong_word():
    assert 'rotational' in refused('--filter=rotational', 'memory', '1M', 'rotational=maybe')


main(globals())
