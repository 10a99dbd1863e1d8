/* SPDX-License-Identifier: BSD-3-Clause */
/* Locks on ranges of blocks: requests that do not meet do not wait for each other.
 * First come, first served among those that do.
 */
#ifndef NBDSRV_FILTER_RANGELOCK_H
#define NBDSRV_FILTER_RANGELOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* One request's range, on its stack. */
struct range {
  uint64_t first, last;
  bool exclusive;
  struct range *next;
};

struct rangelock {
  pthread_mutex_t lock; /* guards what follows and all ranges in it */
  pthread_cond_t left;
  struct range *ranges; /* held or waited for, in the order of arrival */
};

void rangelock_init(struct rangelock *lock);
void rangelock_destroy(struct rangelock *lock);

/* Blocks until no range before it meets it; two that are not exclusive do not. */
void rangelock_enter(struct rangelock *lock, struct range *range, uint64_t first,
                     uint64_t last, bool exclusive);
void rangelock_leave(struct rangelock *lock, struct range *range);

#endif
