/* SPDX-License-Identifier: BSD-3-Clause */
/* Address space for the chunks of a sparse array.
 * Gets requests for a chunk's worth of it from store.c; hands out pieces of large
 * anonymous mappings and decides which of them may have a huge page.
 */
#include <stdlib.h>
#include <sys/mman.h>

#include "arena.h"

/* Each arena is twice as large as the one before, within these bounds, and less where
 * that much is refused: where all memory is locked (--swap), all of it is used. */
#define FEWEST_CHUNKS 8u
#define MOST_CHUNKS   128u

/* A kernel allows a process some 65,000 mappings; each split makes one more. */
#define MOST_SPLITS 16384u

struct arena {
  struct arena *next;
  uint8_t *base;
  unsigned chunks;
  uint64_t huge[MOST_CHUNKS / 64]; /* chunks that may have a huge page */
};

void
arenas_init(struct arenas *arenas)
{
  *arenas = (struct arenas){.list = NULL};
  pthread_mutex_init(&arenas->lock, NULL);
}

void
arenas_destroy(struct arenas *arenas)
{
  while (arenas->list) {
    struct arena *arena = arenas->list;
    arenas->list = arena->next;
    munmap(arena->base, arena->chunks * CHUNK);
    free(arena);
  }
  pthread_mutex_destroy(&arenas->lock);
}

/* Maps chunks of them on a boundary of CHUNK; NULL if refused. */
static uint8_t *
map_aligned(unsigned chunks)
{
  size_t size = chunks * CHUNK, before, after;
  uint8_t *base = mmap(NULL, size + CHUNK, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

  if (base == MAP_FAILED)
    return NULL;
  before = (size_t)(-(uintptr_t)base & (CHUNK - 1));
  after = CHUNK - before;
  if (before > 0)
    munmap(base, before);
  if (after > 0)
    munmap(base + before + size, after);
  madvise(base + before, size, MADV_NOHUGEPAGE); /* a sparse disk stays sparse */
  return base + before;
}

static struct arena *
new_arena(const struct arena *before)
{
  struct arena *arena = calloc(1, sizeof *arena);
  unsigned chunks = before ? 2 * before->chunks : FEWEST_CHUNKS;

  if (!arena)
    return NULL;
  for (chunks = chunks < MOST_CHUNKS ? chunks : MOST_CHUNKS; chunks > 0; chunks /= 2) {
    arena->chunks = chunks;
    arena->base = map_aligned(chunks);
    if (arena->base)
      return arena;
  }
  free(arena);
  return NULL;
}

uint8_t *
arenas_take(struct arenas *arenas)
{
  uint8_t *chunk = NULL;

  pthread_mutex_lock(&arenas->lock);
  if (!arenas->list || arenas->taken == arenas->list->chunks) {
    struct arena *fresh = new_arena(arenas->list);
    if (!fresh)
      goto out;
    fresh->next = arenas->list;
    arenas->list = fresh;
    arenas->taken = 0;
  }
  chunk = arenas->list->base + arenas->taken++ * CHUNK;
out:
  pthread_mutex_unlock(&arenas->lock);
  return chunk;
}

/* Neighbours beyond either end count as small. */
static unsigned
is_huge(const struct arena *arena, unsigned i)
{
  return i < arena->chunks && (arena->huge[i / 64] >> (i % 64) & 1);
}

/* Changes what a chunk is noted as.  False: it is that already, or there would be too
 * many splits. */
static bool
note(struct arenas *arenas, const uint8_t *chunk, bool huge)
{
  struct arena *arena;
  unsigned i, splits;
  bool change;

  pthread_mutex_lock(&arenas->lock);
  arena = arenas->list;
  while (chunk < arena->base || chunk >= arena->base + arena->chunks * CHUNK)
    arena = arena->next;
  i = (unsigned)((size_t)(chunk - arena->base) / CHUNK);
  splits = arenas->splits + 2 - 2 * (is_huge(arena, i - 1) != is_huge(arena, i)) -
           2 * (is_huge(arena, i + 1) != is_huge(arena, i));
  change = is_huge(arena, i) != huge && (splits <= MOST_SPLITS || !huge);
  if (change) {
    arena->huge[i / 64] ^= (uint64_t)1 << (i % 64);
    arenas->splits = splits;
  }
  pthread_mutex_unlock(&arenas->lock);
  return change;
}

void
arenas_allow_huge(struct arenas *arenas, uint8_t *chunk)
{
  if (note(arenas, chunk, true))
    madvise(chunk, CHUNK, MADV_HUGEPAGE);
}

void
arenas_forbid_huge(struct arenas *arenas, uint8_t *chunk)
{
  if (note(arenas, chunk, false))
    madvise(chunk, CHUNK, MADV_NOHUGEPAGE);
}
