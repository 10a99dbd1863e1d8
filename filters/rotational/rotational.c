/* SPDX-License-Identifier: BSD-3-Clause */
/* The rotational filter: says that a disk spins, or that it does not.
 * No operation passes through it.
 */
#include <nbdsrv-filter.h>

struct rotational {
  int rotational;
};

static const struct nbdsrv_param params[] = {
    {"rotational", NBDSRV_BOOL, 0, offsetof(struct rotational, rotational), "true",
     "what clients are told", NULL, NULL},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

static int
rotational_describe(void *handle, struct nbdsrv_info *info)
{
  const struct rotational *r = handle;

  if (r->rotational)
    info->can |= NBDSRV_IS_ROTATIONAL;
  else
    info->can &= ~NBDSRV_IS_ROTATIONAL;
  return 0;
}

static struct nbdsrv_plugin filter = {
    .name = "rotational",
    .summary = "says that a disk spins, or that it does not",
    .params = params,
    .instance_size = sizeof(struct rotational),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .describe = rotational_describe,
};

NBDSRV_FILTER(filter)
