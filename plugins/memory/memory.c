/* SPDX-License-Identifier: BSD-3-Clause */
/* The memory plugin: a disk in memory, for as long as the server runs.
 * Gets parameters; disk.c does the rest.
 */
#include <stdio.h>

#include "../common/nothing.h"
#include "disk.h"

struct memory {
  const char *allocator;
  struct disk disk;
};

static const struct nbdsrv_param params[] = {
    {"size", NBDSRV_SIZE, NBDSRV_MAGIC | NBDSRV_REQUIRED,
     offsetof(struct memory, disk.size), NULL,
     "size of the disk, from bytes to exabytes", NULL, NULL},
    DISK_ALLOCATOR(offsetof(struct memory, allocator)),
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

static int
memory_ready(void *inst)
{
  struct memory *m = inst;
  return disk_init(&m->disk, m->disk.size, m->allocator);
}

static void
memory_stop(void *inst)
{
  struct memory *m = inst;
  disk_destroy(&m->disk);
}

static int
memory_open(void *inst, const struct nbdsrv_client *client, void **handle)
{
  struct memory *m = inst;

  (void)client;
  *handle = &m->disk;
  return 0;
}

static void
memory_dump(void)
{
  puts("mlock=yes");
}

static struct nbdsrv_plugin plugin = {
    .name = "memory",
    .summary = "a disk in memory, sparse, gone when the server ends",
    .params = params,
    .instance_size = sizeof(struct memory),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .ready = memory_ready,
    .stop = memory_stop,
    .open = memory_open,
    .describe = disk_describe,
    .read = disk_read,
    .write = disk_write,
    .flush = nothing_flush,
    .trim = disk_trim,
    .zero = disk_zero,
    .cache = nothing_range,
    .extents = disk_extents,
    .lend = disk_lend,
    .dump = memory_dump,
};

NBDSRV_PLUGIN(plugin)
