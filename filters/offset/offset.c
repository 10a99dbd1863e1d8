/* SPDX-License-Identifier: BSD-3-Clause */
/* The offset filter: shows a range of what lies below.
 * Gets the range from its parameters and checks it against the size at each open;
 * window.h does the rest.
 */
#include "../common/window.h"

struct offset {
  uint64_t offset, range;
};

static const struct nbdsrv_param params[] = {
    {"offset", NBDSRV_SIZE, 0, offsetof(struct offset, offset), "0",
     "where the range begins", NULL, NULL},
    {"range", NBDSRV_SIZE, 0, offsetof(struct offset, range), NULL,
     "how long it is; up to the end if not given", NULL, NULL},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

static int
offset_describe(void *handle, struct nbdsrv_info *info)
{
  struct window *w = handle;
  const struct offset *settings = w->pass.settings;
  uint64_t size = info->export_size;
  uint64_t offset = settings->offset, range = settings->range;

  if (offset > size || range > size - offset) {
    nbdsrv_error("offset %llu and range %llu lie beyond the size, %llu",
                 (unsigned long long)offset, (unsigned long long)range,
                 (unsigned long long)size);
    return EINVAL;
  }
  w->offset = offset;
  w->length = range ? range : size - offset;
  window_describe(w, info);
  return 0;
}

static struct nbdsrv_plugin filter = {
    .name = "offset",
    .summary = "shows a range of what lies below",
    .params = params,
    .instance_size = sizeof(struct offset),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .open = window_open,
    .close = free,
    .describe = offset_describe,
    .extents = window_extents,
    .before = window_before,
};

NBDSRV_FILTER(filter)
