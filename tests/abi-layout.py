# SPDX-License-Identifier: BSD-3-Clause
# The headers against their frozen copy: nothing moved, nothing removed.
#
# From each header a C program is made that prints where every member of every struct
# lies, how large the structs are and what the constants are; the tables are compared.
import os
import re

from compile import CC, source_file
from harness import *

HEADERS = ('nbdsrv-plugin.h', 'nbdsrv-filter.h')
# Allocated by the server and given by pointer, or with a size that is looked at.
MAY_GROW = ('nbdsrv_plugin', 'nbdsrv_client', 'nbdsrv_info', 'nbdsrv_loan', 'nbdsrv_request', 'nbdsrv_op')


def code(folder):
    """Both headers without comments and line ends."""
    text = ''.join(source_file(os.path.join(folder, h)) for h in HEADERS)
    text = re.sub(r'/\*.*?\*/', ' ', text, flags=re.S)
    return re.sub(r'\\\n', ' ', text)


def structs(text):
    """{name: [(member, its declaration)]}"""
    found = {}
    for name, body in re.findall(r'^struct (\w+) \{(.*?)^\};', text, re.M | re.S):
        members = found[name] = []
        for declaration in body.split(';')[:-1]:
            declaration = ' '.join(declaration.split())
            pointer = re.match(r'.*?\(\*(\w+)\)\(', declaration)
            if pointer:
                members.append((pointer.group(1), declaration))
                continue
            first, *more = declaration.split(',')
            kind = first.rstrip('[]ABCDEFGHIJKLMNOPQRSTUVWXYZ_').rsplit(None, 1)[0]
            for part in [first[len(kind):], *more]:
                members.append((re.search(r'\w+', part).group(0), kind + ' ' + part.strip()))
    return found


def constants(text):
    names = re.findall(r'^#define (NBDSRV_[A-Z0-9_]+)[ \t]+\S', text, re.M)
    names += re.findall(r'^\s+(NBDSRV_\w+) = ', text, re.M)
    return [n for n in names if n not in ('NBDSRV_PUBLIC', 'NBDSRV_EXTERN_C', 'NBDSRV_PRINTF')]


def functions(text):
    return {m.group(2): ' '.join(m.group(0).split())
            for m in re.finditer(r'^extern ([^;(]*?\b(nbdsrv_\w+)\([^;]*)', text, re.M)}


def table(folder, d):
    """{'struct.member': (offset, size), 'struct': (size, 0), 'CONSTANT': (value, 0)}"""
    text = code(folder)
    lines = []
    for name, members in structs(text).items():
        lines.append('P("%s", sizeof (struct %s), 0);' % (name, name))
        for member, _ in members:
            at = 'struct %s, %s' % (name, member)
            lines.append('P("%s.%s", offsetof (%s), sizeof ((struct %s *)0)->%s);' % (
                name, member, at, name, member))
    lines += ['P("%s", (long long)(%s), 0);' % (n, n) for n in constants(text)]
    path = os.path.join(d, 'layout.c')
    with open(path, 'w') as f:
        f.write('#include <stdio.h>\n#include <nbdsrv-filter.h>\n'
                '#define P(name, a, b) printf ("%s %lld %lld\\n", name, (long long)(a), (long long)(b))\n'
                'int main (void) {\n' + '\n'.join(lines) + '\nreturn 0; }\n')
    run([*CC, '-I' + os.path.join(SRCDIR, folder), path, '-o', d + '/layout'])
    rows = (line.split() for line in run([d + '/layout']).stdout.splitlines())
    return {name: (int(a), int(b)) for name, a, b in rows}


def test_the_table_is_complete():
    """That the small parser above sees what there is."""
    with TempDir() as d:
        t = table('include', d)
    for name in ('nbdsrv_plugin', 'nbdsrv_plugin.read', 'nbdsrv_plugin.pad2', 'nbdsrv_client.gid',
                 'nbdsrv_info.contexts', 'nbdsrv_loan.iov', 'nbdsrv_op.extents', 'nbdsrv_param.help',
                 'nbdsrv_request.offset', 'NBDSRV_ABI', 'NBDSRV_FREE', 'NBDSRV_FLAG_FUA',
                 'NBDSRV_THREADS_PARALLEL', 'NBDSRV_CAN_MULTI_CONN'):
        assert name in t, name
    assert t['nbdsrv_plugin.after'][0] + 8 <= t['nbdsrv_plugin'][0]
    assert len(functions(code('include'))) > 30


def test_nothing_moved():
    with TempDir() as d:
        before, now = table('tests/abi/include', d), table('include', d)
    for name, value in before.items():
        assert name in now, name + ' is gone'
        if name in MAY_GROW:
            assert now[name][0] >= value[0], name
        else:
            assert now[name] == value, '%s was %s and is %s' % (name, value, now[name])


def test_new_members_come_last():
    before, now = structs(code('tests/abi/include')), structs(code('include'))
    for name, members in before.items():
        assert now[name][:len(members)] == members, 'members of %s changed' % name
        assert len(now[name]) == len(members) or name in MAY_GROW, name + ' grew'


def test_functions_stay():
    """With the same arguments, and the server has them."""
    exported = run(['nm', '-D', '--defined-only', BUILDDIR + '/server/nbdsrv']).stdout.split()
    now = functions(code('include'))
    for name, declaration in functions(code('tests/abi/include')).items():
        assert now.get(name) == declaration, '%s was %s and is %s' % (name, declaration, now.get(name))
        assert name in exported, name + ' is missing in the server'


main(globals())
