# SPDX-License-Identifier: BSD-3-Clause
# --check-access, and which files of rules are refused.
import os

from access import Rules
from harness import Server, TempDir, main, nbdsrv, refused


def check(rules, question, *args):
    r = nbdsrv('--access=' + rules.path, '--check-access', question, *args, check=False)
    return r.returncode, r.stdout, r.stderr


def test_decisions_name_their_rule():
    with Rules('# who\nallow user=alice export=vm1  # hers\nread-only uid=0 export="vm 2"') as rules:
        for question, status, line in (
                ('user=alice export=vm1', 0, 'allow: %s:2: allow user=alice export=vm1\n'),
                ('uid=root export="vm 2"', 0, 'read-only: %s:3: read-only uid=0 export="vm 2"\n'),
                ('user=bob export=vm1', 1, 'deny: %s: no rule matches\n'),
                ('', 1, 'deny: %s: no rule matches\n')):
            assert check(rules, question) == (status, line % rules.path, ''), question


def test_what_a_question_may_say():
    with Rules("deny export='*'\nallow dn.CN=a issuer=CN=ca gid=1 gid=2 export=d\n"
               'allow address=10.0.0.0/8 tls=no export=a\nallow address=unix uid=5 export=u\n'
               'allow tls=yes export=t\nallow address=none export=n') as rules:
        for question, status in (
                ('export=*', 1), ('dn="CN=a,O=b" issuer=CN=ca gid=7 gid=2 export=d', 0),
                ('address=10.1.2.3 export=a', 0), ('address=::ffff:10.1.2.3 export=a', 0),
                ('address=10.1.2.3 tls=yes export=a', 1), ('uid=5 export=u', 0),
                ('uid=5 address=10.0.0.1 export=u', 1), ('user=a export=t', 0), ('tls=no export=t', 1),
                ('export=n', 1), ('address=none export=n', 0)):
            assert check(rules, question)[0] == status, question


def test_questions_that_make_no_sense():
    with Rules('allow') as rules:
        for question, text in (
                ('alice', 'no condition'), ('usr=alice', 'no key'), ('user=', None), ('tls=x', 'yes nor no'),
                ('export=a export=b', 'more than once'), ('dn.CN=a', 'a whole one'), ("user='a", 'not closed'),
                ('user=a\nallow', 'no question'), ('user=a # b', 'no question')):
            status, out, err = check(rules, question)
            if text:
                assert (status, out) == (2, '') and text in err and err.count('\n') == 1, (question, err)
            else:
                assert status == 0


def test_no_file_no_plugin_needed():
    r = nbdsrv('--check-access', 'user=a', check=False)
    assert r.returncode == 2 and '--access=FILE' in r.stderr
    with Rules('alow') as rules:
        status, _, err = check(rules, 'user=a')
        assert status == 2 and rules.path + ":1: 'alow' is no action" in err
    with Rules('allow') as rules:
        assert check(rules, 'user=a', 'no-such-plugin')[0] == 0


def test_files_that_are_refused():
    def said(path, *args):
        return refused('-U', '-', '--run', 'true', '--access=' + path, *args, 'memory', '1M')

    with TempDir() as d:
        assert 'No such file' in said(d + '/none')
        assert 'no regular file' in said(d)
        os.mkfifo(d + '/fifo')
        assert 'no regular file' in said(d + '/fifo')
        with open(d + '/long', 'w') as f:
            f.write('allow\n' + '#' * (1 << 20))
        assert 'too large' in said(d + '/long').lower()
    with Rules('deny') as rules:
        os.chmod(rules.path, 0o602)
        assert 'anybody may write' in said(rules.path)
        if os.geteuid() != 0:
            os.chmod(rules.path, 0)
            assert 'Permission denied' in said(rules.path)
    for text, complaint in (('', ': there is no rule in it'), ('allow\nallow export=[', ":2: 'export=[' has a ["),
                            ('\n\ndeny uid=no-such-user', ":3: 'uid=no-such-user' names no user")):
        with Rules(text) as rules:
            assert rules.path + complaint in said(rules.path), complaint


def test_rules_that_never_match_are_warned_about():
    def log(text, *args):
        with Rules(text) as rules, Server('memory', '1M', '--access=' + rules.path, *args) as s:
            return s.log()

    for text in 'allow user=a', 'deny dn.CN=a', 'deny issuer=CN=a', 'allow tls=yes':
        found = log(text)
        assert "rules:1: '%s' never matches without --tls" % text in found, found
    found = log('allow\ndeny export=a')
    assert "rules:1: 'allow' decides everything" in found, found
    assert 'warning' not in log('allow uid=0\nallow tls=no address=ipv4\ndeny')


main(globals())
