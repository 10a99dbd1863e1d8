/* SPDX-License-Identifier: BSD-3-Clause */
/* The cache filter's parts. */
#ifndef NBDSRV_CACHE_H
#define NBDSRV_CACHE_H

#include "../common/disks.h"
#include "../common/pass.h"
#include "../common/toggle.h"

enum cache_mode { CACHE_WRITEBACK, CACHE_WRITETHROUGH, CACHE_UNSAFE };

struct cache {
  int mode;
  uint64_t min_block_size;
  uint64_t max_size;                      /* of each disk; 0: as large as that */
  uint32_t high_threshold, low_threshold; /* percent */
  const char *on_read_text;
  struct toggle on_read;
  struct disks disks;
  pthread_mutex_t flush_lock; /* one flush at a time */
};

struct handle {
  struct pass pass; /* first */
  struct cache *cache;
  struct below below;
  struct blocks *blocks;
  uint32_t flush_flags; /* for what is written below without a flush of its own */
};

/* writeback.c: what is dirty, to below. */

/* Blocks of the connection's disk. */
uint64_t writeback_end(const struct handle *h);

/* All blocks that are dirty when it is called; 0 or the first error. */
int writeback_all(struct handle *h);
/* What is dirty among some blocks, of which the caller has the range exclusively.
 * flags: FUA or 0. */
int writeback_range(struct handle *h, uint64_t first, uint64_t count, uint32_t flags);
/* One block, of which the caller has the range exclusively. flags: FUA or 0. */
int writeback_block(struct handle *h, uint64_t block, uint32_t flags);

/* reclaim.c: room for new blocks.  Neither does anything without a max_size. */

/* The blocks of the range were used. */
void reclaim_used(struct handle *h, uint64_t len, uint64_t off);
/* After an operation on len bytes: drops blocks if there are too many.  The caller
 * holds no range. */
void reclaim_run(struct handle *h, uint64_t len);

#endif
