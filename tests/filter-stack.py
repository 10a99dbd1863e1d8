# SPDX-License-Identifier: BSD-3-Clause
# Several filters on top of each other, used by real clients.
import errno
import os

from blockmodel import compare, operate_at_once
from compile import build
from harness import BUILDDIR, Server, TempDir, expect_error, main, nbdsrv, pattern, run

MiB = 1 << 20
GPT = '''label: gpt
    start=2048, size=32768
    start=34816, size=32768
    '''


def partitioned(d):
    """A disk with two partitions of 16 MiB; the second one's content."""
    path, data = d + '/disk', pattern(16 * MiB)
    with open(path, 'wb') as f:
        f.truncate(40 * MiB)
    run(['sh', '-c', 'PATH=$PATH:/usr/sbin:/sbin; printf %s "$1" | sfdisk -q "$0"', path, GPT])
    with open(path, 'r+b') as f:
        f.seek(17 * MiB)
        f.write(data)
    return path, data


def test_log_readonly_offset_partition():
    with TempDir() as d:
        path, data = partitioned(d)
        with Server('--filter=log', '--filter=readonly', '--filter=offset', '--filter=partition',
                    'file', path, 'partition=2', 'offset=1M', 'range=8M',
                    'logfile=' + d + '/log') as s:
            run(['nbdcopy', s.uri, d + '/copy'])
            run(['qemu-img', 'convert', '-f', 'raw', s.uri, '-O', 'raw', d + '/copy2'])
            assert s.nbd().is_read_only()
        assert open(d + '/copy', 'rb').read() == data[MiB:9 * MiB]
        assert open(d + '/copy2', 'rb').read() == data[MiB:9 * MiB]
        assert 'offset=0x0 count=' in open(d + '/log').read()


def test_cache_over_cow_over_partition():
    with TempDir() as d:
        path, data = partitioned(d)
        before = open(path, 'rb').read()
        with Server('--filter=cache', '--filter=cow', '--filter=partition', 'file', path,
                    'partition=2', 'cache-max-size=2M') as s:
            model = bytearray(data)
            operate_at_once(s, model, 4, 100, fua=1)
            run(['nbdcopy', s.uri, d + '/copy'])
        assert open(d + '/copy', 'rb').read() == model
        assert open(path, 'rb').read() == before


def test_retry_over_a_shaky_disk():
    """What fails now and then below is never seen above; the retries tell."""
    with TempDir() as d:
        data = pattern(4 * MiB)
        with Server('--filter=rate', '--filter=retry', '--filter=log', '--filter=error', 'memory',
                    '4M', 'rate=100G', 'retries=1000', 'retry-delay=1us', 'retry-exponential=no',
                    'error-rate=10%', 'logfile=' + d + '/log') as s:
            with open(d + '/image', 'wb') as f:
                f.write(data)
            run(['nbdcopy', '--request-size=65536', d + '/image', s.uri])
            compare(s.nbd(), data)
        assert open(d + '/log').read().count(' Connect ') > 4


def test_a_filesystem_on_cow():
    with TempDir() as d, Server('--filter=cow', '--filter=log', 'memory', '64M',
                                'logfile=' + d + '/log') as s:
        run(['sh', '-c', 'PATH=$PATH:/usr/sbin:/sbin; truncate -s 64M $0 && mke2fs -q -F -t ext4 $0',
             d + '/fs'])
        run(['nbdcopy', d + '/fs', s.uri])
        run(['nbdcopy', s.uri, d + '/back'])
        assert open(d + '/fs', 'rb').read() == open(d + '/back', 'rb').read()
        assert ' Write ' not in open(d + '/log').read()


def test_qemu_io_patterns():
    for filters in ['--filter=cow'], ['--filter=cache'], ['--filter=delay', 'wdelay=1us']:
        with Server(*[f for f in filters if f[0] == '-'], 'memory', '16M',
                    *[f for f in filters if f[0] != '-']) as s:
            out = run(['qemu-io', '-f', 'raw', s.uri,
                       '-c', 'write -P 0x11 0 1M', '-c', 'write -P 0x22 70000 1000',
                       '-c', 'write -z 512k 64k', '-c', 'discard 1M 1M', '-c', 'flush',
                       '-c', 'read -P 0x11 0 70000', '-c', 'read -P 0x22 70000 1000',
                       '-c', 'read -P 0x11 71000 1000', '-c', 'read -P 0 512k 64k']).stdout
            assert 'Pattern verification failed' not in out, out


SHORTENER = """
#include <nbdsrv-filter.h>
struct inst { uint64_t length; };
static const struct nbdsrv_param params[] = {
    {"becomes", NBDSRV_SIZE, 0, offsetof(struct inst, length), NULL, "x", NULL, NULL},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL}};
static int before(void *handle, struct nbdsrv_op *op)
{ op->length = ((struct inst *)handle)->length; return 0; }
static struct nbdsrv_plugin filter = {.name = "shortener", .params = params,
    .instance_size = sizeof(struct inst), .thread_model = NBDSRV_THREADS_PARALLEL, .before = before};
NBDSRV_FILTER(filter)
"""


def test_lengths_that_a_hook_may_not_change():
    with TempDir() as d:
        path = build(SHORTENER, 'shortener.so', d)
        for becomes, allowed in (4096, True), (512, False), (8192, False), (0, False):
            with Server('--filter=' + path, 'memory', '1M', 'becomes=%d' % becomes) as s:
                h = s.nbd()
                for call in (h.pread, 4096, 0), (h.pwrite, b'x' * 4096, 0):
                    if allowed:
                        call[0](*call[1:])
                    else:
                        expect_error(errno.EINVAL, *call)
                if becomes in (512, 4096):
                    h.trim(4096, 0)
                else:
                    expect_error(errno.EINVAL, h.trim, 4096, 0)


def test_every_filter_shows_its_parameters():
    filters = [f for f in os.listdir(BUILDDIR)
               if f.startswith('nbdsrv-') and f.endswith('-filter.la')]
    assert len(filters) > 10
    for f in filters:
        name = f[len('nbdsrv-'):-len('-filter.la')]
        shown = nbdsrv('--filter=' + name, 'null', '--help').stdout
        assert 'filter %s:' % name in shown, shown


main(globals())
