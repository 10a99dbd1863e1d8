/* SPDX-License-Identifier: BSD-3-Clause */
/* A pool of threads for what would block.
 * Gets jobs from dispatch.c; each runs once, on some thread of the pool.
 * Idle threads wait on a stack, so that the one that ran last, whose cache is
 * warm, runs next and the others grow old and leave.
 */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "workers.h"

#define IDLE_SECONDS 5

struct worker {
  pthread_cond_t wake;
  struct worker *next; /* below it on the stack of idle ones */
  bool idle;
};

struct workers {
  pthread_mutex_t lock; /* guards everything here and the idle members */
  pthread_cond_t gone;
  struct job *first, **last;
  struct worker *idle;
  unsigned idle_count, count;
  bool stopping;
};

int
workers_new(struct workers **result)
{
  struct workers *w = calloc(1, sizeof *w);

  if (!w)
    return ENOMEM;
  pthread_mutex_init(&w->lock, NULL);
  pthread_cond_init(&w->gone, NULL);
  w->last = &w->first;
  *result = w;
  return 0;
}

void
workers_free(struct workers *w)
{
  if (!w)
    return;
  pthread_mutex_lock(&w->lock);
  w->stopping = true;
  for (struct worker *idle = w->idle; idle; idle = idle->next)
    pthread_cond_signal(&idle->wake);
  while (w->count > 0)
    pthread_cond_wait(&w->gone, &w->lock);
  pthread_mutex_unlock(&w->lock);
  pthread_cond_destroy(&w->gone);
  pthread_mutex_destroy(&w->lock);
  free(w);
}

static void
leave_stack(struct workers *w, struct worker *self)
{
  struct worker **p = &w->idle;

  while (*p != self)
    p = &(*p)->next;
  *p = self->next;
  w->idle_count--;
  self->idle = false;
}

/* With the lock held.  False after a long time without work. */
static bool
wait_for_work(struct workers *w, struct worker *self)
{
  struct timespec until;
  int r = 0;

  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += IDLE_SECONDS;
  self->next = w->idle;
  w->idle = self;
  w->idle_count++;
  self->idle = true;
  while (self->idle && !w->stopping && r == 0)
    r = pthread_cond_timedwait(&self->wake, &w->lock, &until);
  if (!self->idle) /* taken off the stack by workers_submit */
    return true;
  leave_stack(w, self);
  return w->first != NULL;
}

static void *
worker_main(void *arg)
{
  struct workers *w = arg;
  struct worker self = {0};
  pthread_condattr_t attr;

  pthread_condattr_init(&attr);
  pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  pthread_cond_init(&self.wake, &attr);
  pthread_condattr_destroy(&attr);

  pthread_mutex_lock(&w->lock);
  do {
    while (w->first) {
      struct job *job = w->first;
      w->first = job->next;
      if (!w->first)
        w->last = &w->first;
      pthread_mutex_unlock(&w->lock);
      job->run(job);
      pthread_mutex_lock(&w->lock);
    }
  } while (!w->stopping && wait_for_work(w, &self));
  w->count--;
  pthread_cond_signal(&w->gone);
  pthread_mutex_unlock(&w->lock);
  pthread_cond_destroy(&self.wake);
  return NULL;
}

static bool
add_worker(struct workers *w)
{
  pthread_attr_t attr;
  pthread_t thread;
  bool ok;

  pthread_attr_init(&attr);
  pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
  ok = pthread_create(&thread, &attr, worker_main, w) == 0;
  pthread_attr_destroy(&attr);
  w->count += ok;
  return ok;
}

/* With the lock held: one thread awake for each job that waits. */
static void
raise_workers(struct workers *w, unsigned added)
{
  while (added > 0 && w->idle) {
    struct worker *idle = w->idle;
    w->idle = idle->next;
    w->idle_count--;
    idle->idle = false;
    pthread_cond_signal(&idle->wake);
    added--;
  }
  while (added > 0 && add_worker(w))
    added--;
}

void
workers_submit(struct workers *w, struct job *first)
{
  struct job *run_here = NULL;
  unsigned added = 0;

  if (!first)
    return;
  pthread_mutex_lock(&w->lock);
  *w->last = first;
  for (struct job *job = first; job; job = job->next) {
    w->last = &job->next;
    added++;
  }
  raise_workers(w, added);
  if (w->count == 0) { /* no thread to be had at all: better slowly than never */
    run_here = w->first;
    w->first = NULL;
    w->last = &w->first;
  }
  pthread_mutex_unlock(&w->lock);
  while (run_here) {
    struct job *job = run_here;
    run_here = job->next;
    job->run(job);
  }
}
