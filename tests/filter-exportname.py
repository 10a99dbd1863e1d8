# SPDX-License-Identifier: BSD-3-Clause
# The exportname filter.
import errno
import os

from harness import Server, TempDir, main, refused, run

NAMES = ['one', 'three', 'two']


class Directory(TempDir):
    def __enter__(self):
        path = super().__enter__()
        for i, name in enumerate(NAMES):
            with open(os.path.join(path, name), 'wb') as f:
                f.write(name.encode() * 512)
        return path


def listed(s):
    """{name: description}"""
    import nbd
    h = nbd.NBD()
    h.set_opt_mode(True)
    h.connect_unix(s.socket)
    found = {}
    h.opt_list(lambda name, description: found.update({name: description}) or 0)
    h.opt_abort()
    return found


def described(s, export=''):
    import nbd
    h = nbd.NBD()
    h.set_opt_mode(True)
    h.set_full_info(True)
    h.connect_unix(s.socket)
    h.set_export_name(export)
    h.opt_info()
    try:
        text = h.get_export_description()
    except nbd.Error:
        text = None
    name = h.get_canonical_export_name()
    h.opt_abort()
    return name, text


def rejected(s, export):
    return run(['nbdinfo', s.uri_of(export)], check=False).returncode != 0


def test_keep():
    with Directory() as d, Server('--filter=exportname', 'file', 'dir=' + d) as s:
        assert sorted(listed(s)) == NAMES
        assert s.nbd('two').pread(3, 0) == b'two'
        assert rejected(s, '')


def test_default_export():
    with Directory() as d, Server('--filter=exportname', 'file', 'dir=' + d,
                                  'default-export=two') as s:
        assert s.nbd().pread(3, 0) == b'two'
        assert s.nbd('one').pread(3, 0) == b'one'
        assert described(s)[0] == 'two'


def test_lists():
    import nbd
    with Directory() as d:
        for mode, expected in (('empty', []), ('defaultonly', ['one']),
                               ('explicit', ['a', 'b'])):
            with Server('--filter=exportname', 'file', 'dir=' + d, 'default-export=one',
                        'exportname-list=' + mode, 'exportname=a', 'exportname=b') as s:
                assert sorted(listed(s)) == expected
        with Server('--filter=exportname', 'file', 'dir=' + d, 'exportname-list=error') as s:
            try:
                listed(s)
                assert False
            except nbd.Error:
                pass
            assert s.nbd('one').pread(3, 0) == b'one'


def test_strict():
    with Directory() as d, Server('--filter=exportname', 'file', 'dir=' + d,
                                  'exportname-strict=true', 'exportname-list=explicit',
                                  'exportname=one', 'exportname=three') as s:
        assert s.nbd('one').pread(3, 0) == b'one'
        assert s.nbd('three').pread(5, 0) == b'three'
        assert rejected(s, 'two')
        assert rejected(s, '')


def test_descriptions():
    with Directory() as d:
        for desc, expected in (
                ('none', lambda name: None),
                ('fixed:some text', lambda name: 'some text'),
                ('script:echo this is $name', lambda name: 'this is ' + name),
                ('script:exit 1', lambda name: None)):
            with Server('--filter=exportname', 'file', 'dir=' + d, 'exportdesc=' + desc) as s:
                for name in NAMES:
                    assert described(s, name) == (name, expected(name)), described(s, name)
                for name, text in listed(s).items():
                    assert (text or None) == expected(name), text


def test_a_name_is_no_code():
    with Server('--filter=exportname', 'memory', '1M', 'exportdesc=script:echo "$name"') as s:
        name = 'x"; exit 1; `exit 2`$(exit 3)'
        assert described(s, name) == (name, name)


def test_variables_of_the_server_do_not_count():
    with Server('--filter=exportname', 'memory', '1M', 'exportdesc=script:echo "$name"', env={'name': 'wrong'}) as s:
        assert described(s, 'right') == ('right', 'right')


def test_a_script_that_says_too_much():
    with Server('--filter=exportname', 'memory', '1M',
                'exportdesc=script:head -c 100000 /dev/zero | tr "\\0" x') as s:
        assert described(s)[1] == 'x' * 4096


def test_wrong_words():
    assert 'exportdesc' in refused('--filter=exportname', 'memory', '1M', 'exportdesc=x')
    assert 'exportname-list' in refused('--filter=exportname', 'memory', '1M',
                                        'exportname-list=x')


main(globals())
