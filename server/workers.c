/* SPDX-License-Identifier: BSD-3-Clause */
/* A pool of threads for what would block.
 * Gets jobs from dispatch.c; each runs once, on some thread of the pool.
 * Idle threads wait on a stack, so that the one that ran last, whose cache is
 * warm, runs next and the others grow old and leave.
 */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "workers.h"

#define IDLE_SECONDS 5

struct worker {
  sem_t called;        /* to run job or, without one, to leave */
  struct job *job;     /* set before it is called */
  struct worker *next; /* below it on the stack of idle ones */
  bool idle;           /* on that stack: guarded by the pool's lock */
};

struct workers {
  pthread_mutex_t lock; /* guards everything here and the idle members */
  pthread_cond_t gone;
  struct job *first, **last;
  struct worker *idle;
  unsigned count;
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

/* With the pool's lock: takes a worker off the stack, to be called soon. */
static struct worker *
pop_idle(struct workers *w, struct job *job)
{
  struct worker *worker = w->idle;

  w->idle = worker->next;
  worker->idle = false;
  worker->job = job;
  return worker;
}

void
workers_free(struct workers *w)
{
  if (!w)
    return;
  pthread_mutex_lock(&w->lock);
  w->stopping = true;
  while (w->idle)
    sem_post(&pop_idle(w, NULL)->called);
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
  self->idle = false;
}

/* False: not called for a long time.  Should somebody set the clock it may be short. */
static bool
wait_for_call(struct worker *self)
{
  struct timespec until;
  int r;

  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += IDLE_SECONDS;
  do
    r = sem_timedwait(&self->called, &until);
  while (r == -1 && errno == EINTR);
  return r == 0;
}

/* Without the pool's lock: who is called goes to work without meeting the others there.
 * NULL after a long time without work, or at the end. */
static struct job *
wait_for_job(struct workers *w, struct worker *self)
{
  bool alone;

  if (wait_for_call(self))
    return self->job;
  pthread_mutex_lock(&w->lock);
  alone = self->idle;
  if (alone)
    leave_stack(w, self);
  pthread_mutex_unlock(&w->lock);
  if (alone)
    return NULL;
  while (sem_wait(&self->called) == -1) /* taken off the stack just now */
    ;
  return self->job;
}

/* The next job, or NULL to leave.  Takes the pool's lock and gives it up. */
static struct job *
next_job(struct workers *w, struct worker *self)
{
  struct job *job;
  bool idle;

  pthread_mutex_lock(&w->lock);
  job = w->first;
  idle = !job && !w->stopping;
  if (job) {
    w->first = job->next;
    if (!w->first)
      w->last = &w->first;
  } else if (idle) {
    self->next = w->idle;
    w->idle = self;
    self->idle = true;
  }
  pthread_mutex_unlock(&w->lock);
  return idle ? wait_for_job(w, self) : job;
}

static void *
worker_main(void *arg)
{
  struct workers *w = arg;
  struct worker self = {.job = NULL};
  struct job *job;

  sem_init(&self.called, 0, 0);
  while ((job = next_job(w, &self)))
    job->run(job);
  pthread_mutex_lock(&w->lock);
  w->count--;
  pthread_cond_signal(&w->gone);
  pthread_mutex_unlock(&w->lock);
  sem_destroy(&self.called);
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

/* With the pool's lock: jobs that found no idle worker wait for the next one that has
 * time, or for a new one.  Those to be run here, if there are no threads to be had at
 * all: better slowly than never. */
static struct job *
enqueue(struct workers *w, struct job *first)
{
  *w->last = first;
  for (struct job *job = first; job; job = job->next)
    w->last = &job->next;
  while (first && add_worker(w))
    first = first->next;
  if (w->count > 0)
    return NULL;
  first = w->first;
  w->first = NULL;
  w->last = &w->first;
  return first;
}

void
workers_submit(struct workers *w, struct job *first)
{
  struct worker *called = NULL, **last = &called;

  if (!first)
    return;
  pthread_mutex_lock(&w->lock);
  for (; first && w->idle; first = first->next) {
    *last = pop_idle(w, first);
    last = &(*last)->next;
  }
  *last = NULL;
  if (first)
    first = enqueue(w, first);
  pthread_mutex_unlock(&w->lock);
  while (called) {
    struct worker *next = called->next; /* it may be on the stack again at once */
    sem_post(&called->called);
    called = next;
  }
  while (first) {
    struct job *next = first->next;
    first->run(first);
    first = next;
  }
}
