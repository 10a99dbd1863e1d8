/* SPDX-License-Identifier: BSD-3-Clause */
/* The partition filter: shows one partition of the disk below.
 * Gets its number; table.c finds the range, window.h shows it.
 */
#include "../common/window.h"
#include "table.h"

struct partition {
  uint32_t number;
  uint64_t sector;
};

static const struct nbdsrv_param params[] = {
    {"partition", NBDSRV_UINT32, NBDSRV_REQUIRED, offsetof(struct partition, number),
     NULL, "number of the partition, from 1; logical ones of an MBR from 5", NULL,
     NULL},
    {"partition-sectorsize", NBDSRV_SIZE, 0, offsetof(struct partition, sector), NULL,
     "512 or 4096; if not given a GPT is looked for at both, and an MBR counts 512",
     NULL, NULL},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

static int
partition_ready(void *inst)
{
  const struct partition *p = inst;

  if (p->number == 0) {
    nbdsrv_error("partition: numbers begin at 1");
    return EINVAL;
  }
  if (p->sector != 0 && p->sector != 512 && p->sector != 4096) {
    nbdsrv_error("partition-sectorsize is 512 or 4096");
    return EINVAL;
  }
  return 0;
}

static int
read_below(void *opaque, void *buf, uint64_t len, uint64_t off)
{
  return nbdsrv_next_read(opaque, buf, len, off, 0);
}

static int
partition_describe(void *handle, struct nbdsrv_info *info)
{
  struct window *w = handle;
  const struct partition *settings = w->pass.settings;
  int error =
      table_find(read_below, w->pass.next, info->export_size,
                 (unsigned)settings->sector, settings->number, &w->offset, &w->length);

  if (!error)
    window_describe(w, info);
  return error;
}

static struct nbdsrv_plugin filter = {
    .name = "partition",
    .summary = "shows one partition of the disk below",
    .params = params,
    .instance_size = sizeof(struct partition),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .ready = partition_ready,
    .open = window_open,
    .close = free,
    .describe = partition_describe,
    .extents = window_extents,
    .before = window_before,
};

NBDSRV_FILTER(filter)
