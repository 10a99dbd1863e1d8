/* SPDX-License-Identifier: BSD-3-Clause */
/* Blocks of a disk kept in a temporary file, beside the disk that lies below: cow and
 * cache.
 */
#ifndef NBDSRV_FILTER_BLOCKS_H
#define NBDSRV_FILTER_BLOCKS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <nbdsrv-filter.h>

#include "rangelock.h"
#include "statemap.h"

enum block_state {
  BLOCK_BELOW = 0, /* only below */
  BLOCK_HELD = 1,  /* in the file */
  BLOCK_ZERO = 2,  /* reads as zeroes, in no file */
  BLOCK_DIRTY = 3, /* in the file, and not yet below (cache) */
};

/* One for each disk; connections share it. */
struct blocks {
  char *name;              /* of the disk; disks.h */
  unsigned shift;          /* blocks of 1 << shift bytes */
  int fd;                  /* an unlinked sparse file, each block at its own offset */
  struct rangelock ranges; /* of block numbers */
  atomic_uint_fast64_t complained; /* when it was last said that the file is full */
  pthread_mutex_t lock;            /* guards what follows */
  struct statemap *map;
  uint64_t held;         /* blocks HELD or DIRTY */
  struct statemap *used; /* cache's reclaim.c: 1 where used of late ... */
  uint64_t hand;         /* ... the next block that it looks at ... */
  bool reclaiming;       /* ... and whether there are too many */
  struct blocks *next;
};

/* What a connection reads through: the layer below, and its size. */
struct below {
  struct nbdsrv_next *next;
  uint64_t size;
};

/* 0 or an errno value with nbdsrv_error ().  The file lies in $TMPDIR or /var/tmp. */
int blocks_new(const char *name, unsigned shift, struct blocks **blocks);
void blocks_free(struct blocks *blocks); /* and all behind next */

/* log2 of a size that is a power of two and at least 4096; EINVAL with a sentence. */
int blocks_shift(const char *what, uint64_t size, unsigned *shift);

static inline uint64_t
blocks_number(const struct blocks *b, uint64_t off)
{
  return off >> b->shift;
}

/* The range lock over all blocks that len bytes at off touch. */
void blocks_enter(struct blocks *b, struct range *range, uint64_t len, uint64_t off,
                  bool exclusive);
void blocks_leave(struct blocks *b, struct range *range);

/* The whole blocks inside a range of bytes; the disk's last one may be short.  False:
 * there are none. */
bool blocks_inside(const struct blocks *b, uint64_t size, uint64_t len, uint64_t off,
                   uint64_t *first, uint64_t *count);

/* The state of the block at off, and how many of len bytes from there on share it. */
uint64_t blocks_run(struct blocks *b, uint64_t len, uint64_t off,
                    enum block_state *state);
int blocks_set(struct blocks *b, uint64_t first, uint64_t count,
               enum block_state state);

/* Reads from wherever the bytes are. */
int blocks_read(struct blocks *b, const struct below *below, void *buf, uint64_t len,
                uint64_t off);

/* Copies blocks that are only below, and that the range touches, to the file.  Takes
 * the range. */
int blocks_fetch(struct blocks *b, const struct below *below, uint64_t len,
                 uint64_t off);

/* The callers of all that follows hold the range, exclusively. */

/* Stores bytes; buf NULL: zeroes.  The blocks get that state: HELD or DIRTY. */
int blocks_write(struct blocks *b, const struct below *below, const void *buf,
                 uint64_t len, uint64_t off, enum block_state state);

/* The same for zeroes, whole blocks of which become ZERO. */
int blocks_zero(struct blocks *b, const struct below *below, uint64_t len, uint64_t off,
                enum block_state state);

/* Gives blocks another state and the file's space back. */
int blocks_drop(struct blocks *b, uint64_t first, uint64_t count,
                enum block_state state);

/* Extents of base:allocation.  held_below: what is HELD is the same below. */
int blocks_extents(struct blocks *b, const struct below *below, bool held_below,
                   uint64_t len, uint64_t off, uint32_t flags,
                   struct nbdsrv_extents *extents);

#endif
