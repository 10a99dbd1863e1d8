/* SPDX-License-Identifier: BSD-3-Clause */
/* The full plugin: reads as zeroes; there is no space left to write to.
 * For testing how clients bear a thin-provisioned disk that has run full.
 */
#include <errno.h>

#include "../common/nothing.h"
#include "../common/zeroes.h"

struct full {
  uint64_t size;
};

static const struct nbdsrv_param params[] = {
    {"size", NBDSRV_SIZE, NBDSRV_MAGIC | NBDSRV_REQUIRED, offsetof(struct full, size),
     NULL, "size of the disk", NULL, NULL},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

static int
full_describe(void *handle, struct nbdsrv_info *info)
{
  const struct full *full = handle;

  info->export_size = full->size;
  info->can |= NBDSRV_CAN_FAST_ZERO | NBDSRV_CAN_MULTI_CONN;
  info->inline_ops = NBDSRV_OP_ALL;
  return 0;
}

static int
full_write(void *handle, const void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  (void)handle;
  (void)buf;
  (void)len;
  (void)off;
  (void)flags;
  return ENOSPC;
}

static int
full_trim(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  return full_write(handle, NULL, len, off, flags);
}

static int
full_zero(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  return flags & NBDSRV_FLAG_FAST_ZERO ? ENOTSUP : full_trim(handle, len, off, flags);
}

static struct nbdsrv_plugin plugin = {
    .name = "full",
    .summary = "reads as zeroes, has no space left",
    .params = params,
    .instance_size = sizeof(struct full),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .describe = full_describe,
    .read = zeroes_read,
    .write = full_write,
    .trim = full_trim,
    .zero = full_zero,
    .cache = nothing_range,
    .extents = zeroes_extents,
    .lend = zeroes_lend,
};

NBDSRV_PLUGIN(plugin)
