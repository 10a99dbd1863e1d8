# SPDX-License-Identifier: BSD-3-Clause
# Plugins that answer reads by lending only, well and badly.
from compile import build
from harness import Server, TempDir, main, pattern
from rawnbd import *

LENDER = r"""
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <nbdsrv-plugin.h>
struct lender { const char *file; int64_t more; uint32_t parts; int as_file; int fd; uint8_t *memory; };
static const struct nbdsrv_param params[] = {
    {"file", NBDSRV_PATH, 0, offsetof(struct lender, file), NULL, "x", NULL, NULL},
    {"more", NBDSRV_INT64, 0, offsetof(struct lender, more), "0", "x", NULL, NULL},
    {"parts", NBDSRV_UINT32, 0, offsetof(struct lender, parts), "1", "x", NULL, NULL},
    {"as-file", NBDSRV_BOOL, 0, offsetof(struct lender, as_file), "false", "x", NULL, NULL},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL}};
static int ready(void *inst)
{
  struct lender *l = inst;
  l->fd = open(l->file, O_RDONLY | O_CLOEXEC);
  l->memory = malloc(1 << 21);
  return l->fd == -1 ? errno : read(l->fd, l->memory, 1 << 20) == 1 << 20 ? 0 : EIO;
}
static void stop(void *inst) { struct lender *l = inst; close(l->fd); free(l->memory); }
static int describe(void *h, struct nbdsrv_info *info)
{ (void)h; info->export_size = 1 << 20; info->can |= NBDSRV_CAN_MULTI_CONN; return 0; }
static void release(void *h, struct nbdsrv_loan *loan) { (void)h; free(loan->opaque); }
static int lend(void *h, uint64_t len, uint64_t off, struct nbdsrv_loan *loan)
{
  struct lender *l = h;
  loan->opaque = malloc(1); /* a loan that is not given back is a leak */
  loan->release = release;
  loan->count = l->as_file ? 0 : l->parts;
  loan->fd = l->as_file ? l->fd : -1;
  loan->fd_offset = off;
  for (uint32_t i = 0; i < loan->count && i < NBDSRV_LOAN_MAX; i++) {
    uint64_t n = i + 1 == loan->count ? len - len / l->parts * i : len / l->parts;
    loan->iov[i] = (struct iovec){l->memory + off + len / l->parts * i, n};
  }
  if (!l->as_file)
    loan->iov[0].iov_len += l->more;
  return 0;
}
static struct nbdsrv_plugin plugin = {.name = "lender", .params = params,
    .instance_size = sizeof(struct lender), .thread_model = NBDSRV_THREADS_PARALLEL,
    .ready = ready, .stop = stop, .describe = describe, .lend = lend};
NBDSRV_PLUGIN(plugin)
"""


def each_form(*args):
    with TempDir() as d:
        build('#include <unistd.h>\n' + LENDER, 'lender.so', d)
        data = pattern(1 << 20)
        with open(d + '/disk', 'wb') as f:
            f.write(data)
        for filters in [], ['--filter=swab'], ['--filter=cow']:
            with Server(*filters, d + '/lender.so', 'file=' + d + '/disk', *args) as s:
                for form in 'simple', 'structured', 'extended':
                    with Raw(s) as raw:
                        if form != 'simple':
                            getattr(raw, form)()
                        yield raw.go(), data, '--filter=swab' in filters


def test_memory_and_files_are_lent():
    for args in ['parts=1'], ['parts=3'], ['parts=16'], ['as-file=true']:
        for raw, data, swabbed in each_form(*args):
            for length, offset in (512, 0), (65536, 4096), (1 << 20, 0), (200000, 1000):
                wanted = bytearray(data[offset:offset + length])
                if swabbed:
                    wanted[0::2], wanted[1::2] = wanted[1::2], wanted[0::2]
                assert raw.read(offset, length) == wanted, (args, length)


def test_loans_of_another_length_are_errors():
    for args in ['more=-1'], ['more=1'], ['more=4096', 'parts=2'], ['parts=17'], ['parts=0']:
        for raw, _, _ in each_form(*args):
            for length in 512, 65536:
                reply = raw.do(READ, 0, length)
                assert reply.error == EIO, args
                assert not raw.is_structured or 'lends' in reply.text


main(globals())
