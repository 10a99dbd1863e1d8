/* SPDX-License-Identifier: BSD-3-Clause */
/* The disk in memory that the memory and data plugins serve. */
#ifndef NBDSRV_MEMORY_DISK_H
#define NBDSRV_MEMORY_DISK_H

#include "../common/nothing.h"
#include "flat.h"
#include "store.h"

#include <nbdsrv-plugin.h>

/* Shared by all connections.  The first member of an instance, so that the instance is
 * a handle without further ado. */
struct disk {
  uint64_t size;
  struct store *store; /* NULL: flat is in use */
  struct flat flat;
};

/* For a parameter's table: allocator=. */
#define DISK_ALLOCATOR(offset)                                                         \
  {                                                                                    \
    "allocator", NBDSRV_STRING, 0, offset, "sparse",                                   \
        "how memory is got: sparse, or malloc[,mlock=true]", NULL, "NAME"              \
  }

/* Reads as zeroes at first.  0 or an errno value. */
int disk_init(struct disk *disk, uint64_t size, const char *allocator);
void disk_destroy(struct disk *disk); /* also one that was never made, all zeroes */

/* The calls of a plugin whose handle is the disk. */
int disk_describe(void *handle, struct nbdsrv_info *info);
int disk_read(void *handle, void *buf, uint64_t len, uint64_t off, uint32_t flags);
int disk_lend(void *handle, uint64_t len, uint64_t off, struct nbdsrv_loan *loan);
int disk_write(void *handle, const void *buf, uint64_t len, uint64_t off,
               uint32_t flags);
int disk_trim(void *handle, uint64_t len, uint64_t off, uint32_t flags);
int disk_zero(void *handle, uint64_t len, uint64_t off, uint32_t flags);
int disk_extents(void *handle, uint64_t len, uint64_t off, uint32_t flags,
                 struct nbdsrv_extents *extents);

#define DISK_CALLS                                                                     \
  .thread_model = NBDSRV_THREADS_PARALLEL, .describe = disk_describe,                  \
  .read = disk_read, .write = disk_write, .flush = nothing_flush, .trim = disk_trim,   \
  .zero = disk_zero, .cache = nothing_range, .extents = disk_extents,                  \
  .lend = disk_lend

#endif
