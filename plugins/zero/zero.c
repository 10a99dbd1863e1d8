/* SPDX-License-Identifier: BSD-3-Clause */
/* The zero plugin: a disk of no bytes at all.
 * For testing how clients bear it.
 */
#include "../common/nothing.h"
#include "../common/zeroes.h"

static int
zero_describe(void *handle, struct nbdsrv_info *info)
{
  (void)handle;
  info->export_size = 0;
  info->can |= NBDSRV_CAN_MULTI_CONN;
  info->inline_ops = NBDSRV_OP_ALL;
  return 0;
}

static struct nbdsrv_plugin plugin = {
    .name = "zero",
    .summary = "a disk of length zero",
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .describe = zero_describe,
    .read = zeroes_read,
    .cache = nothing_range,
};

NBDSRV_PLUGIN(plugin)
