/* SPDX-License-Identifier: BSD-3-Clause */
/* Keeps the cache within its size: a hand goes round over the blocks that are held
 * and drops those that were not used since it last came by.
 * Gets uses of blocks from cache.c; what is dirty goes below first.
 */
#include "cache.h"

/* Blocks that one operation drops at most, beside as many as it may have brought. */
#define LEAST_STEPS 16u

void
reclaim_used(struct handle *h, uint64_t len, uint64_t off)
{
  struct blocks *b = h->blocks;
  uint64_t first = blocks_number(b, off);

  if (!h->cache->max_size)
    return;
  pthread_mutex_lock(&b->lock);
  /* Without memory for it a block only seems older than it is. */
  statemap_set(b->used, first, blocks_number(b, off + len - 1) - first + 1, 1);
  pthread_mutex_unlock(&b->lock);
}

/* With the lock held: moves the hand to a block to drop.  False: there is none. */
static bool
pick(struct blocks *b, uint64_t end, uint64_t *victim)
{
  for (uint64_t looked = 0; looked < 2 * end;) {
    unsigned state, used;
    uint64_t run;

    if (b->hand >= end)
      b->hand = 0;
    run = statemap_run(b->map, b->hand, end - b->hand, &state);
    if (state == BLOCK_HELD || state == BLOCK_DIRTY) {
      run = statemap_run(b->used, b->hand, run, &used);
      if (!used || statemap_set(b->used, b->hand, run, 0) != 0) {
        *victim = b->hand++;
        return true;
      }
    }
    b->hand += run;
    looked += run;
  }
  return false;
}

static bool
next_victim(struct handle *h, uint64_t *victim)
{
  const struct cache *c = h->cache;
  struct blocks *b = h->blocks;
  uint64_t most = c->max_size >> b->shift;
  bool found = false;

  pthread_mutex_lock(&b->lock);
  if (b->held > most / 100 * c->high_threshold + most % 100 * c->high_threshold / 100)
    b->reclaiming = true;
  else if (b->held <=
           most / 100 * c->low_threshold + most % 100 * c->low_threshold / 100)
    b->reclaiming = false;
  if (b->reclaiming)
    found = pick(b, writeback_end(h), victim);
  pthread_mutex_unlock(&b->lock);
  return found;
}

void
reclaim_run(struct handle *h, uint64_t len)
{
  uint64_t steps = LEAST_STEPS + 2 * (len >> h->blocks->shift), victim;
  int error = 0;

  if (!h->cache->max_size)
    return;
  /* An error of the layer below is not this client's: the block stays. */
  for (; steps > 0 && !error && next_victim(h, &victim); steps--) {
    struct range range;

    rangelock_enter(&h->blocks->ranges, &range, victim, victim, true);
    error = writeback_block(h, victim, h->flush_flags);
    if (!error)
      error = blocks_drop(h->blocks, victim, 1, BLOCK_BELOW);
    rangelock_leave(&h->blocks->ranges, &range);
  }
}
