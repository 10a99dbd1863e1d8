/* SPDX-License-Identifier: BSD-3-Clause */
/* What is made of a file below once, for the first client, and shared by all that have
 * the same file: the unpacked content, an index.
 */
#ifndef NBDSRV_FILTER_SHARED_H
#define NBDSRV_FILTER_SHARED_H

#include <pthread.h>

#include "fingerprint.h"

/* The first member of what is shared.  Guarded by the list's lock. */
struct shared {
  struct shared *next; /* the latest one first */
  struct fingerprint print;
  unsigned users;
  enum { SHARED_EMPTY, SHARED_BUSY, SHARED_READY } state;
};

/* Part of the instance. */
struct shared_list {
  size_t size;          /* of what is shared */
  unsigned most_unused; /* kept for the next client, though nobody uses them */
  /* Fills one, whose members behind the first are zero; undoes that. */
  int (*make)(struct shared_list *list, struct nbdsrv_next *next,
              struct shared *shared);
  void (*clear)(struct shared *shared);
  pthread_mutex_t lock; /* guards what follows */
  struct shared *first;
};

void shared_init(struct shared_list *list);
void shared_destroy(struct shared_list *list);

/* The one for what lies below, made by whichever client came first: the others wait.
 * 0 or an errno value.  Ends with shared_leave (). */
int shared_use(struct shared_list *list, struct nbdsrv_next *next,
               const struct nbdsrv_info *info, struct shared **result);
void shared_leave(struct shared_list *list, struct shared *shared);

#endif
