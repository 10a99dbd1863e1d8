/* SPDX-License-Identifier: BSD-3-Clause */
/* A chunk of a sparse array: its memory and the map of its allocated pages. */
#ifndef NBDSRV_MEMORY_CHUNK_H
#define NBDSRV_MEMORY_CHUNK_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "arena.h"

#define PAGE_BITS 12
#define PAGE      ((uint64_t)1 << PAGE_BITS)
#define PAGES     ((unsigned)(CHUNK / PAGE))

/* Lives as long as the array. */
struct chunk {
  pthread_mutex_t lock;             /* for whoever changes the map */
  uint8_t *data;                    /* CHUNK bytes, for good */
  _Atomic uint64_t map[PAGES / 64]; /* allocated pages; written under lock */
  unsigned used;                    /* how many these are; guarded by lock */
  bool huge;                        /* may have a huge page; guarded by lock */
};

static inline bool
chunk_has(const struct chunk *c, unsigned page)
{
  return atomic_load_explicit(&c->map[page / 64], memory_order_acquire) >> (page % 64) &
         1;
}

/* How many pages from first on, before end, are like first: allocated or not.  At least
 * one, whatever others change meanwhile. */
static inline unsigned
chunk_run(const struct chunk *c, unsigned first, unsigned end, bool *allocated)
{
  uint64_t word = atomic_load_explicit(&c->map[first / 64], memory_order_acquire);
  unsigned page = first;

  *allocated = word >> (first % 64) & 1;
  for (;;) {
    uint64_t differ = (*allocated ? ~word : word) >> (page % 64);
    page = differ ? page + (unsigned)__builtin_ctzll(differ) : (page / 64 + 1) * 64;
    if (differ || page >= end)
      break;
    word = atomic_load_explicit(&c->map[page / 64], memory_order_acquire);
  }
  return (page < end ? page : end) - first;
}

/* Whether pages [first, end) are all allocated, or all not. */
static inline bool
chunk_all(const struct chunk *c, unsigned first, unsigned end, bool allocated)
{
  bool kind;

  return chunk_run(c, first, end, &kind) == end - first && kind == allocated;
}

/* What of [off, off + len) lies in the chunk of off. */
static inline uint64_t
chunk_part(uint64_t len, uint64_t off)
{
  uint64_t left = CHUNK - (off & (CHUNK - 1));
  return len < left ? len : left;
}

#endif
