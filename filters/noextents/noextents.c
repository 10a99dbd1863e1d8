/* SPDX-License-Identifier: BSD-3-Clause */
/* The noextents filter: clients see data everywhere.
 * Only describes; operations do not meet it.
 */
#include <nbdsrv-filter.h>

static int
noextents_describe(void *handle, struct nbdsrv_info *info)
{
  (void)handle;
  info->can &= ~(NBDSRV_CAN_EXTENTS | NBDSRV_CAN_SPARSE);
  return 0;
}

static struct nbdsrv_plugin filter = {
    .name = "noextents",
    .summary = "hides where holes are",
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .describe = noextents_describe,
};

NBDSRV_FILTER(filter)
