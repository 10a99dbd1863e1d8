/* SPDX-License-Identifier: BSD-3-Clause */
/* The memory plugin: a disk in memory, for as long as the server runs.
 * Gets parameters; disk.c does the rest.
 */
#include <stdio.h>

#include "disk.h"

struct memory {
  struct disk disk; /* first */
  const char *allocator;
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
    .ready = memory_ready,
    .stop = memory_stop,
    DISK_CALLS,
    .dump = memory_dump,
};

NBDSRV_PLUGIN(plugin)
