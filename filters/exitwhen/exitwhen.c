/* SPDX-License-Identifier: BSD-3-Clause */
/* The exitwhen filter: ends the server when something has happened and the last
 * client has left.
 * Looks when clients come and go; a thread of its own looks while there are none.
 */
#include <errno.h>
#include <pthread.h>
#include <time.h>

#include <nbdsrv-filter.h>

#include "events.h"

#define MOST_EVENTS 100

struct exitwhen {
  uint64_t poll; /* nanoseconds */
  unsigned count;
  struct event events[MOST_EVENTS];
  pthread_t thread;
  bool has_thread;
  pthread_mutex_t lock;   /* guards what follows */
  pthread_cond_t changed; /* clients or stopping */
  bool happened, stopping;
  unsigned clients;
};

#define EVENT_PARAM(name, help, value)                                                 \
  {                                                                                    \
    name, NBDSRV_FREE, NBDSRV_REPEAT, 0, NULL, help, NULL, value                       \
  }

static const struct nbdsrv_param params[] = {
    EVENT_PARAM("exit-when-file-created", "end when it is there", "FILE"),
    EVENT_PARAM("exit-when-file-deleted", "end when it is not there", "FILE"),
    EVENT_PARAM("exit-when-pipe-closed", "end when the pipe's other end is closed",
                "FD"),
    EVENT_PARAM("exit-when-process-exits", "end when the process has ended", "PID"),
    EVENT_PARAM("exit-when-script", "end when the script returns 88", "SCRIPT"),
    {"exit-when-poll", NBDSRV_DURATION, 0, offsetof(struct exitwhen, poll), "60",
     "how often to look while there are no clients", NULL, NULL},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

static int
exitwhen_config(void *inst, const char *key, const char *value)
{
  struct exitwhen *e = inst;
  int error;

  if (e->count == MOST_EVENTS) {
    nbdsrv_error("%s: at most %d events", key, MOST_EVENTS);
    return EINVAL;
  }
  error = event_parse(&e->events[e->count], key, value);
  if (!error)
    e->count++;
  return error;
}

static int
exitwhen_ready(void *inst)
{
  struct exitwhen *e = inst;
  pthread_condattr_t attr;

  pthread_mutex_init(&e->lock, NULL);
  pthread_condattr_init(&attr);
  pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  pthread_cond_init(&e->changed, &attr);
  pthread_condattr_destroy(&attr);
  return 0;
}

/* With the lock held.  What has happened once stays so. */
static bool
look(struct exitwhen *e)
{
  for (unsigned i = 0; i < e->count && !e->happened; i++)
    e->happened = event_happened(&e->events[i]);
  return e->happened;
}

static struct timespec
in_future(uint64_t ns)
{
  struct timespec ts;

  clock_gettime(CLOCK_MONOTONIC, &ts);
  ts.tv_sec += (time_t)(ns / 1000000000);
  ts.tv_nsec += (long)(ns % 1000000000);
  if (ts.tv_nsec >= 1000000000) {
    ts.tv_sec++;
    ts.tv_nsec -= 1000000000;
  }
  return ts;
}

static void *
watch(void *arg)
{
  struct exitwhen *e = arg;

  pthread_mutex_lock(&e->lock);
  while (!e->stopping) {
    struct timespec until;

    if (e->clients > 0) {
      pthread_cond_wait(&e->changed, &e->lock);
      continue;
    }
    if (look(e)) {
      nbdsrv_shutdown();
      break;
    }
    until = in_future(e->poll);
    pthread_cond_timedwait(&e->changed, &e->lock, &until);
  }
  pthread_mutex_unlock(&e->lock);
  return NULL;
}

static int
exitwhen_start(void *inst)
{
  struct exitwhen *e = inst;
  int error;

  if (e->count == 0)
    return 0;
  error = pthread_create(&e->thread, NULL, watch, e);
  e->has_thread = error == 0;
  return error;
}

static void
exitwhen_stop(void *inst)
{
  struct exitwhen *e = inst;

  pthread_mutex_lock(&e->lock);
  e->stopping = true;
  pthread_cond_signal(&e->changed);
  pthread_mutex_unlock(&e->lock);
  if (e->has_thread)
    pthread_join(e->thread, NULL);
  for (unsigned i = 0; i < e->count; i++)
    event_release(&e->events[i]);
  pthread_cond_destroy(&e->changed);
  pthread_mutex_destroy(&e->lock);
}

static int
exitwhen_admit(void *inst, const struct nbdsrv_client *client)
{
  struct exitwhen *e = inst;
  bool refuse;

  (void)client;
  pthread_mutex_lock(&e->lock);
  refuse = look(e);
  e->clients += !refuse;
  pthread_mutex_unlock(&e->lock);
  if (refuse)
    nbdsrv_error("the server is about to end");
  return refuse ? ESHUTDOWN : 0;
}

/* The thread looks as soon as there are no clients. */
static void
exitwhen_leave(void *inst, const struct nbdsrv_client *client)
{
  struct exitwhen *e = inst;

  (void)client;
  pthread_mutex_lock(&e->lock);
  e->clients--;
  pthread_cond_signal(&e->changed);
  pthread_mutex_unlock(&e->lock);
}

static struct nbdsrv_plugin filter = {
    .name = "exitwhen",
    .summary = "ends the server when something has happened",
    .params = params,
    .instance_size = sizeof(struct exitwhen),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .config = exitwhen_config,
    .ready = exitwhen_ready,
    .start = exitwhen_start,
    .stop = exitwhen_stop,
    .admit = exitwhen_admit,
    .leave = exitwhen_leave,
};

NBDSRV_FILTER(filter)
