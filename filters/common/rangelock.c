/* SPDX-License-Identifier: BSD-3-Clause */
/* Locks on ranges, as a list: there are as many as requests under way, not more. */
#include "rangelock.h"

void
rangelock_init(struct rangelock *lock)
{
  pthread_mutex_init(&lock->lock, NULL);
  pthread_cond_init(&lock->left, NULL);
  lock->ranges = NULL;
}

void
rangelock_destroy(struct rangelock *lock)
{
  pthread_cond_destroy(&lock->left);
  pthread_mutex_destroy(&lock->lock);
}

static bool
meets_earlier(const struct rangelock *lock, const struct range *range)
{
  for (const struct range *r = lock->ranges; r != range; r = r->next)
    if (r->first <= range->last && range->first <= r->last &&
        (r->exclusive || range->exclusive))
      return true;
  return false;
}

void
rangelock_enter(struct rangelock *lock, struct range *range, uint64_t first,
                uint64_t last, bool exclusive)
{
  struct range **end;

  *range = (struct range){first, last, exclusive, NULL};
  pthread_mutex_lock(&lock->lock);
  for (end = &lock->ranges; *end; end = &(*end)->next)
    ;
  *end = range;
  while (meets_earlier(lock, range))
    pthread_cond_wait(&lock->left, &lock->lock);
  pthread_mutex_unlock(&lock->lock);
}

void
rangelock_leave(struct rangelock *lock, struct range *range)
{
  struct range **link;

  pthread_mutex_lock(&lock->lock);
  for (link = &lock->ranges; *link != range; link = &(*link)->next)
    ;
  *link = range->next;
  if (lock->ranges)
    pthread_cond_broadcast(&lock->left);
  pthread_mutex_unlock(&lock->lock);
}
