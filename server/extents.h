/* SPDX-License-Identifier: BSD-3-Clause */
/* Lists of extents as layers fill them: ascending, without gaps, joined. */
#ifndef NBDSRV_EXTENTS_H
#define NBDSRV_EXTENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nbdsrv-filter.h"

struct extent {
  uint64_t offset, length;
  uint32_t type;
};

struct nbdsrv_extents {
  uint64_t start;   /* where the list begins */
  uint64_t end;     /* where the question ends: extents that begin here are refused */
  uint64_t reached; /* where the next extent must begin or contain */
  uint32_t context; /* 0: base:allocation */
  bool one;         /* REQ_ONE: stop after the first */
  struct extent *list;
  size_t count, room;
};

/* Empties a list (allocated or zeroed) for a new question; keeps its memory. */
void extents_begin(struct nbdsrv_extents *extents, uint64_t length, uint64_t offset,
                   uint32_t context, bool one);
void extents_release(struct nbdsrv_extents *extents); /* frees the list's memory */

/* Moves all ends of extents to multiples of block, a power of two, as the protocol asks
 * for where a minimum block size was told; size is the disk's.  A block with several
 * types is a hole, or zero, only where all of it is; of other contexts it has all
 * bits.  0 or ENOMEM. */
int extents_align(struct nbdsrv_extents *extents, uint32_t block, uint64_t size);

#endif
