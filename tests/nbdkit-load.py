# SPDX-License-Identifier: BSD-3-Clause
"""Which objects load as plugins of nbdkit, and what is said of those that do not."""
import re

from compile import build
from harness import *
from nbdkitlib import *

# In the order in which nbdkit 1.0 to 1.32 added them; questions came with their calls.
MEMBERS = ['dump_plugin', 'can_zero', 'can_fua', 'magic_config_key', 'can_multi_conn', 'can_extents',
           'can_cache', 'thread_model', 'can_fast_zero', 'preconnect', 'get_ready',
           'after_fork', 'list_exports', 'default_export', 'export_description', 'cleanup', 'block_size']

TINY = '''
#define NBDKIT_API_VERSION 2
#include <stdlib.h>
#include <nbdkit-plugin.h>
extern struct nbdkit_plugin *plugin_init (void);
int tiny_debug_flag;
static int tiny_loaded;
static void *
o (int readonly)
{
  nbdkit_error ("the flag is %%d, at first %%d", tiny_debug_flag, tiny_loaded);
  return NBDKIT_HANDLE_NOT_NEEDED;
}
static void l (void) { tiny_loaded = tiny_debug_flag; }
static int64_t s (void *h) { return 512; }
static int r (void *h, void *b, uint32_t c, uint64_t off, uint32_t f) { return 0; }
extern void nbdkit_of_the_future (void);
static inline void crash (void) { *(volatile int *) 8 = 1; }
static struct { struct nbdkit_plugin p; void *later[9]; } plugin = {
  .p = { ._struct_size = sizeof (struct nbdkit_plugin), ._api_version = 2, ._thread_model = 3,
         .name = "tiny", .load = l, .open = o, .get_size = s, .pread = r }, .later = { (void *) 1, (void *) 1 } };
%s
struct nbdkit_plugin *plugin_init (void) { %s; return &plugin.p; }
'''


def tiny(d, init='', text=''):
    return build(TINY % (text, init), 'tiny.so', d, include='/usr/include', options=['-Wno-unused-function'])


def why_not(init='', text=''):
    """The one line for a plugin whose plugin_init () does this."""
    with TempDir() as d:
        line = refused('-U', d + '/s', tiny(d, init, text))
        assert '/tiny.so' in line, line
        return line


def test_every_size_of_struct():
    for until in MEMBERS[MEMBERS.index('magic_config_key'):]:
        calls = same(until=until)
        assert not [c for c in calls for m in MEMBERS[MEMBERS.index(until):] if c.split()[0] == m], (until, calls)


def test_every_size_of_struct_of_api_1():
    for until in ['errno_is_preserved', *MEMBERS]:
        same(api=1, until=until)


def test_struct_of_the_future():
    with TempDir() as d:
        with Bridged(tiny(d, 'plugin.p._struct_size = sizeof plugin')) as s:
            assert s.nbd().get_size() == 512


def test_api_of_the_future():
    assert 'version 3 of nbdkit' in why_not('plugin.p._api_version = 3')
    assert 'version 0 of nbdkit' in why_not('plugin.p._api_version = 0')


def test_function_of_the_future():
    assert 'undefined symbol: nbdkit_of_the_future' in why_not('nbdkit_of_the_future ()')


def test_incomplete_plugins():
    assert 'gave no plugin' in why_not('return NULL')
    assert 'smaller' in why_not('plugin.p._struct_size = 16')
    assert 'thread model 4' in why_not('plugin.p._thread_model = 4')
    for member in 'name', 'open', 'get_size', 'pread':
        assert 'has no ' + member in why_not('plugin.p.%s = NULL' % member)
    for name in '', 'a b', '-a', 'a/b':
        assert 'name' in why_not('plugin.p.name = "%s"' % name)


def test_crash_while_loading():
    for init, text in [('crash ()', ''), ('abort ()', ''),
                       ('', '__attribute__((constructor)) static void early (void) { crash (); }'),
                       ('plugin.p.load = crash', '')]:
        assert 'crashed while it was loaded' in why_not(init, text)


def test_it_is_no_filter():
    with TempDir() as d:
        assert 'is a plugin of nbdkit, not a filter' in refused('--filter=' + tiny(d), 'memory', '1M')


def test_debug_flags():
    with TempDir() as d:
        with Bridged('-D', 'tiny.flag=42', tiny(d)) as s:
            s.nbd()
            assert 'the flag is 42, at first 42' in s.log()


def test_umask():
    """nbdkit's plugins find the same one whoever starts the server."""
    with TempDir() as d:
        found = []
        for program in NBDKIT, NBDSRV:
            args = [program, '-U', '-', plugin('eval'), 'get_size=echo 1', 'pread=echo', 'get_ready=umask >%s/umask' % d,
                    '--run', 'true']
            run(args, umask=0o77)
            found.append(lines(d + '/umask'))
        assert found[0] == found[1] == ['0022'], found


def test_help_and_version():
    with TempDir() as d:
        path = recorder(d)
        text = nbdsrv('--help', path).stdout
        for part in 'recorder', 'writes down its calls', path, 'A plugin for tests.', 'bare=<WORD> nothing':
            assert part in text, text
        assert nbdsrv('--version', path).stdout.splitlines()[1] == 'recorder 1.2.3'


def test_bare_words():
    with TempDir() as d:
        path, log = recorder(d), d + '/log'

        def given(*words, without=''):
            env = dict(os.environ, RECORDER_LOG=log, RECORDER_WITHOUT=without)
            r = nbdsrv('--dump-plugin', path, *words, env=env, check=False)
            found = [line for line in lines(log) if line.startswith('config ')]
            os.unlink(log)
            return found if r.returncode == 0 else r.stderr

        assert given('a', 'b=') == 'nbdsrv: recorder: error: no such parameter: b\n'
        assert given('a', '1=b', 'errno=2', 'c') == ['config bare=a', 'config bare=1=b', 'config errno=2',
                                                     'config bare=c']
        # without a magic key the first word is a script, and others are wrong
        assert given('a', 'script=b', without='magic_config_key') == ['config script=a', 'config script=b']
        assert 'bare' in given('a', 'b', without='magic_config_key')
        assert 'unknown parameter' in given('a=b', without='config')


def exported():
    out = run(['nm', '-D', '--defined-only', BUILDDIR + '/server/nbdsrv']).stdout
    return set(re.findall(r' T (nbdkit_\w+)$', out, re.M))


def test_every_function_of_the_header():
    text = ''
    for name in 'nbdkit-common.h', 'nbdkit-plugin.h':
        with open('/usr/include/' + name) as f:
            text += f.read()
    declared = set(re.findall(r'NBDKIT_EXTERN_DECL \([^(]*?\b(nbdkit_\w+),', text))
    assert len(declared) > 35, declared
    assert not declared - exported(), declared - exported()
    later = {'nbdkit_' + name for name in [
        'disconnect', 'parse_probability', 'parse_delay', 'peer_security_context', 'peer_tls_dn',
        'peer_tls_issuer_dn', 'debug_hexdump', 'debug_hexdiff', 'extents_new', 'extents_count', 'get_extent', 'name',
        'timestamp']}
    assert not later - exported(), later - exported()


def test_every_import_of_every_plugin():
    imports = set()
    for name in os.listdir(plugin_dir()):
        if name.endswith('.so'):
            out = run(['nm', '-D', '--undefined-only', os.path.join(plugin_dir(), name)]).stdout
            imports |= set(re.findall(r' U (nbdkit_\w+)$', out, re.M))
    assert len(imports) > 20, imports
    assert not imports - exported(), imports - exported()


main(globals())
