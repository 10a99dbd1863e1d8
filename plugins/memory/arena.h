/* SPDX-License-Identifier: BSD-3-Clause */
/* Address space for the chunks of a sparse array, in few large mappings.
 *
 * What is taken is never given back, only emptied, so that a pointer into it stays
 * good.  Pages start out small; a chunk that has become dense is made of one huge page,
 * which costs the processor less to find.
 */
#ifndef NBDSRV_MEMORY_ARENA_H
#define NBDSRV_MEMORY_ARENA_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHUNK_BITS 21 /* the size of a huge page on most machines */
#define CHUNK      ((uint64_t)1 << CHUNK_BITS)

struct arena;

struct arenas {
  pthread_mutex_t lock; /* guards all that follows */
  struct arena *list;   /* the newest first; chunks are taken from it */
  unsigned taken;       /* chunks of the newest */
  unsigned splits;      /* places where huge and small pages meet: mappings in use */
};

void arenas_init(struct arenas *arenas);
void arenas_destroy(struct arenas *arenas); /* unmaps everything */

/* CHUNK bytes of zeroes, aligned to CHUNK; NULL: ENOMEM. */
uint8_t *arenas_take(struct arenas *arenas);

/* Lets a chunk use a huge page, or forbids it again.  filled: it has small pages in it
 * that are to be joined now. False: the kernel or our limits say no. */
bool arenas_make_huge(struct arenas *arenas, uint8_t *chunk, bool filled);
void arenas_make_small(struct arenas *arenas, uint8_t *chunk);

#endif
