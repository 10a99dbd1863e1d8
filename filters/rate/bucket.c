/* SPDX-License-Identifier: BSD-3-Clause */
/* Token buckets.  Bits flow in at the rate and are taken out by requests; what a
 * request takes and is not there yet it has to wait for, behind those before it.
 */
#include "bucket.h"

/* The longest wait; more would only make numbers overflow. */
#define MOST_SECONDS 1e9

void
bucket_init(struct bucket *b, uint64_t rate, double burst, uint64_t now_ns)
{
  pthread_mutex_init(&b->lock, NULL);
  b->rate = rate;
  b->burst = burst;
  b->level = (double)rate * burst;
  b->filled_ns = now_ns;
}

void
bucket_destroy(struct bucket *b)
{
  pthread_mutex_destroy(&b->lock);
}

/* With the lock held. */
static void
fill(struct bucket *b, uint64_t now_ns)
{
  double most = (double)b->rate * b->burst;

  if (now_ns > b->filled_ns)
    b->level += (double)(now_ns - b->filled_ns) / 1e9 * (double)b->rate;
  if (b->level > most)
    b->level = most;
  b->filled_ns = now_ns;
}

void
bucket_set_rate(struct bucket *b, uint64_t rate, uint64_t now_ns)
{
  pthread_mutex_lock(&b->lock);
  if (rate != b->rate) {
    fill(b, now_ns);
    b->rate = rate;
    fill(b, now_ns);
  }
  pthread_mutex_unlock(&b->lock);
}

uint64_t
bucket_take(struct bucket *b, uint64_t bits, uint64_t now_ns)
{
  double seconds = 0;

  pthread_mutex_lock(&b->lock);
  if (b->rate > 0) {
    fill(b, now_ns);
    b->level -= (double)bits;
    if (b->level < 0)
      seconds = -b->level / (double)b->rate;
  }
  pthread_mutex_unlock(&b->lock);
  return (uint64_t)((seconds < MOST_SECONDS ? seconds : MOST_SECONDS) * 1e9);
}
