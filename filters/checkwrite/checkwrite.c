/* SPDX-License-Identifier: BSD-3-Clause */
/* The checkwrite filter: a write succeeds if it changes nothing.
 * Gets changes and compares them with what is below, which is only read.
 */
#include <stdbool.h>
#include <string.h>

#include "../common/compare.h"
#include "../common/pass.h"

static int
checkwrite_open(void *inst, const struct nbdsrv_client *client, void **handle)
{
  struct nbdsrv_client below = *client;

  below.readonly = 1;
  return pass_open(inst, &below, handle);
}

static int
checkwrite_describe(void *handle, struct nbdsrv_info *info)
{
  (void)handle;
  info->can |= NBDSRV_CAN_WRITE | NBDSRV_CAN_FLUSH | NBDSRV_CAN_FUA | NBDSRV_CAN_TRIM |
               NBDSRV_CAN_ZERO | NBDSRV_CAN_FAST_ZERO | NBDSRV_CAN_MULTI_CONN;
  info->can &= ~(NBDSRV_NO_ZERO | NBDSRV_NO_FUA);
  info->inline_ops |= NBDSRV_OP_FLUSH;
  return 0;
}

static int
verdict(int error, bool same)
{
  if (!error && !same) {
    nbdsrv_error("what is written is not what is there");
    error = EIO;
  }
  return error;
}

static int
checkwrite_write(void *handle, const void *buf, uint64_t len, uint64_t off,
                 uint32_t flags)
{
  bool same;
  int error = compare_below(((struct pass *)handle)->next, buf, len, off, &same);

  (void)flags;
  return verdict(error, same);
}

/* A copy of a hole is a hole: both have to read as zeroes. */
static int
checkwrite_zero(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  bool same;
  int error = compare_below(((struct pass *)handle)->next, NULL, len, off, &same);

  (void)flags;
  return verdict(error, same);
}

static int
checkwrite_flush(void *handle, uint32_t flags)
{
  (void)handle;
  (void)flags;
  return 0;
}

static struct nbdsrv_plugin filter = {
    .name = "checkwrite",
    .summary = "checks that writes change nothing",
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .open = checkwrite_open,
    .describe = checkwrite_describe,
    .close = free,
    .write = checkwrite_write,
    .zero = checkwrite_zero,
    .trim = checkwrite_zero,
    .flush = checkwrite_flush,
};

NBDSRV_FILTER(filter)
