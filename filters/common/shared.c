/* SPDX-License-Identifier: BSD-3-Clause */
/* Things made once for all clients that have the same file.
 * Gets clients; hands each the thing, after the filter has made it for one of them.
 */
#include <errno.h>
#include <stdlib.h>

#include "shared.h"

/* Between two looks at whether another client is done. */
#define LOOK_NS 20000000u

void
shared_init(struct shared_list *list)
{
  pthread_mutex_init(&list->lock, NULL);
}

static void
shared_free(struct shared_list *list, struct shared *shared)
{
  if (shared->state == SHARED_READY)
    list->clear(shared);
  free(shared->print.name);
  free(shared);
}

void
shared_destroy(struct shared_list *list)
{
  while (list->first) {
    struct shared *next = list->first->next;
    shared_free(list, list->first);
    list->first = next;
  }
  pthread_mutex_destroy(&list->lock);
}

void
shared_leave(struct shared_list *list, struct shared *shared)
{
  unsigned unused = 0;

  pthread_mutex_lock(&list->lock);
  shared->users--;
  for (struct shared **p = &list->first; *p;) {
    struct shared *s = *p;
    if (s->users == 0 && (s->state != SHARED_READY || ++unused > list->most_unused)) {
      *p = s->next;
      shared_free(list, s);
    } else
      p = &s->next;
  }
  pthread_mutex_unlock(&list->lock);
}

/* The one with that fingerprint, which is taken over, or a new one; in use. */
static struct shared *
find(struct shared_list *list, struct fingerprint *print)
{
  struct shared *shared;

  pthread_mutex_lock(&list->lock);
  for (shared = list->first; shared; shared = shared->next)
    if (fingerprint_same(&shared->print, print))
      break;
  if (shared || (shared = calloc(1, list->size)) == NULL)
    free(print->name);
  else {
    shared->print = *print;
    shared->next = list->first;
    list->first = shared;
  }
  if (shared)
    shared->users++;
  pthread_mutex_unlock(&list->lock);
  return shared;
}

/* One client makes it.  If it cannot, or goes away meanwhile, the next one tries. */
static int
complete(struct shared_list *list, struct nbdsrv_next *next, struct shared *shared)
{
  int error = 0;

  pthread_mutex_lock(&list->lock);
  while (!error && shared->state != SHARED_READY) {
    bool mine = shared->state == SHARED_EMPTY;

    if (mine)
      shared->state = SHARED_BUSY;
    pthread_mutex_unlock(&list->lock);
    error = mine ? list->make(list, next, shared) : nbdsrv_sleep(LOOK_NS);
    pthread_mutex_lock(&list->lock);
    if (mine)
      shared->state = error ? SHARED_EMPTY : SHARED_READY;
  }
  pthread_mutex_unlock(&list->lock);
  return error;
}

int
shared_use(struct shared_list *list, struct nbdsrv_next *next,
           const struct nbdsrv_info *info, struct shared **result)
{
  struct fingerprint print;
  int error = fingerprint_take(&print, next, info);

  if (error) {
    free(print.name);
    return error;
  }
  *result = find(list, &print);
  if (!*result)
    return ENOMEM;
  error = complete(list, next, *result);
  if (error)
    shared_leave(list, *result);
  return error;
}
