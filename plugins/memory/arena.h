/* SPDX-License-Identifier: BSD-3-Clause */
/* Address space for the chunks of a sparse array, in few large mappings.
 *
 * What is taken is never given back, only emptied, so that a pointer into it stays
 * good.  A chunk has small pages, or a huge one where it is going to be dense.
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

/* Lets an empty chunk use a huge page, or forbids it again.  (Joining small pages that
 * are there makes everybody wait for longer than it ever saves.)  Advice: the kernel or
 * our limits may say no. */
void arenas_allow_huge(struct arenas *arenas, uint8_t *chunk);
void arenas_forbid_huge(struct arenas *arenas, uint8_t *chunk);

#endif
