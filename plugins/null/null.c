/* SPDX-License-Identifier: BSD-3-Clause */
/* The null plugin: reads as zeroes, forgets what is written.
 * For measuring what lies in front of a plugin.
 */
#include "../common/nothing.h"
#include "../common/zeroes.h"

struct null {
  uint64_t size;
};

static const struct nbdsrv_param params[] = {
    {"size", NBDSRV_SIZE, NBDSRV_MAGIC, offsetof(struct null, size), "0",
     "size of the disk", NULL, NULL},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

static int
null_describe(void *handle, struct nbdsrv_info *info)
{
  const struct null *null = handle;

  info->export_size = null->size;
  info->can |= NBDSRV_CAN_FUA | NBDSRV_CAN_FAST_ZERO | NBDSRV_CAN_MULTI_CONN;
  info->inline_ops = NBDSRV_OP_ALL;
  return 0;
}

static struct nbdsrv_plugin plugin = {
    .name = "null",
    .summary = "reads as zeroes, forgets what is written",
    .params = params,
    .instance_size = sizeof(struct null),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .describe = null_describe,
    .read = zeroes_read,
    .write = nothing_write,
    .flush = nothing_flush,
    .trim = nothing_range,
    .zero = nothing_range,
    .cache = nothing_range,
    .extents = zeroes_extents,
    .lend = zeroes_lend,
};

NBDSRV_PLUGIN(plugin)
