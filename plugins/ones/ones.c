/* SPDX-License-Identifier: BSD-3-Clause */
/* The ones plugin: one byte repeated for ever, 0xff; forgets what is written.
 * Lends one small piece of memory over and over.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../common/nothing.h"

#include <nbdsrv-plugin.h>

#define PIECE ((uint64_t)256 * 1024) /* stays in a processor's cache */

struct ones {
  uint64_t size;
  uint32_t byte;
  uint8_t *piece; /* PIECE times the byte */
};

static const struct nbdsrv_param params[] = {
    {"size", NBDSRV_SIZE, NBDSRV_MAGIC, offsetof(struct ones, size), "0",
     "size of the disk", NULL, NULL},
    {"byte", NBDSRV_UINT32, 0, offsetof(struct ones, byte), "0xff",
     "the byte, 0 to 255, to repeat", NULL, "N"},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

static int
ones_ready(void *inst)
{
  struct ones *ones = inst;

  if (ones->byte > 0xff) {
    nbdsrv_error("byte: %u is more than 255", ones->byte);
    return EINVAL;
  }
  ones->piece = malloc(PIECE);
  if (!ones->piece)
    return ENOMEM;
  memset(ones->piece, (int)ones->byte, PIECE);
  return 0;
}

static void
ones_stop(void *inst)
{
  struct ones *ones = inst;
  free(ones->piece);
}

static int
ones_describe(void *handle, struct nbdsrv_info *info)
{
  const struct ones *ones = handle;

  info->export_size = ones->size;
  info->can |= NBDSRV_CAN_FUA | NBDSRV_CAN_FAST_ZERO | NBDSRV_CAN_MULTI_CONN;
  info->inline_ops = NBDSRV_OP_ALL;
  return 0;
}

static int
ones_read(void *handle, void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  const struct ones *ones = handle;

  (void)off;
  (void)flags;
  memset(buf, (int)ones->byte, len);
  return 0;
}

static int
ones_lend(void *handle, uint64_t len, uint64_t off, struct nbdsrv_loan *loan)
{
  const struct ones *ones = handle;

  (void)off;
  if (len > NBDSRV_LOAN_MAX * PIECE)
    return EAGAIN;
  for (loan->count = 0; len > 0; loan->count++) {
    uint64_t n = len < PIECE ? len : PIECE;
    loan->iov[loan->count] = (struct iovec){ones->piece, n};
    len -= n;
  }
  return 0;
}

static struct nbdsrv_plugin plugin = {
    .name = "ones",
    .summary = "one byte repeated, forgets what is written",
    .params = params,
    .instance_size = sizeof(struct ones),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .ready = ones_ready,
    .stop = ones_stop,
    .describe = ones_describe,
    .read = ones_read,
    .write = nothing_write,
    .flush = nothing_flush,
    .trim = nothing_range,
    .zero = nothing_range,
    .cache = nothing_range,
    .lend = ones_lend,
};

NBDSRV_PLUGIN(plugin)
