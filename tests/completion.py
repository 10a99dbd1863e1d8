# SPDX-License-Identifier: BSD-3-Clause
# bash completion: what may stand at the cursor, asked of the binary itself.
import os

from harness import NBDSRV, SRCDIR, TempDir, main, run

COMPLETE = '''
source "$1"
COMP_LINE=$2 COMP_POINT=${#2} COMP_WORDBREAKS=$3
_nbdsrv
printf '%s\\n' "${COMPREPLY[@]}"
'''


def complete(line, breaks=' =:', cwd=None):
    with TempDir() as d:
        os.symlink(os.path.abspath(NBDSRV), d + '/nbdsrv')
        env = dict(os.environ, PATH=d + ':' + os.environ['PATH'])
        out = run(['bash', '-c', COMPLETE, 'bash', SRCDIR + '/completion/nbdsrv', line, breaks],
                  env=env, cwd=cwd or d).stdout
    return set(out.split('\n')) - {''}


def test_options():
    assert complete('nbdsrv --pidf') == {'--pidfile'}
    assert '-f' in complete('nbdsrv -')


def test_plugins_and_filters():
    assert complete('nbdsrv mem') == {'memory'}
    assert complete('nbdsrv --filter readon') == {'readonly'}
    assert complete('nbdsrv --filter=readon') == {'readonly'}
    assert complete('nbdsrv --filter=readon', breaks=' ') == {'--filter=readonly'}


def test_parameters_of_the_plugin():
    assert complete('nbdsrv -f memory siz') == {'size='}
    assert complete('nbdsrv null rdel') == set()


def test_parameters_of_filters():
    assert complete('nbdsrv --filter=delay memory rdel') == {'rdelay='}
    assert complete('nbdsrv --filter delay memory rdel') == {'rdelay='}


def test_arguments_of_options_are_no_plugins():
    assert complete('nbdsrv -U sock -P pid --log=stderr memory siz') == {'size='}


def test_values():
    assert complete('nbdsrv --log=sys') == {'syslog'}
    assert complete('nbdsrv file fadvise=seq') == {'sequential'}


def test_files():
    with TempDir() as d:
        open(d + '/disk.img', 'w').close()
        for line in 'nbdsrv di', 'nbdsrv file di', 'nbdsrv file file=di', 'nbdsrv -P di', 'nbdsrv --access=di':
            assert 'disk.img' in complete(line, cwd=d), line


main(globals())
