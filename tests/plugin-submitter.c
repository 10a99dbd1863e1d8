/* SPDX-License-Identifier: BSD-3-Clause */
/* A plugin for tests that only knows submit: a thread of its own completes requests,
 * batch= of them together and the last one first.  With gate= it does so when
 * someone has opened that FIFO for writing; GATE.full appears while it waits.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <nbdsrv-plugin.h>

#define WAITING_MOST 1024

struct submitter {
  uint64_t size, error_at;
  uint32_t batch;
  const char *gate;
  uint8_t *disk;
  pthread_t thread;
  pthread_mutex_t lock; /* guards what follows */
  pthread_cond_t changed;
  struct nbdsrv_request *waiting[WAITING_MOST];
  uint32_t count;
  int started, stopping;
};

static const struct nbdsrv_param params[] = {
    {"size", NBDSRV_SIZE, 0, offsetof(struct submitter, size), "1M", "of the disk",
     NULL, NULL},
    {"batch", NBDSRV_UINT32, 0, offsetof(struct submitter, batch), "1",
     "requests that are completed together", NULL, NULL},
    {"gate", NBDSRV_PATH, 0, offsetof(struct submitter, gate), NULL,
     "a FIFO whose opening lets requests be completed", NULL, NULL},
    {"error_at", NBDSRV_SIZE, 0, offsetof(struct submitter, error_at), "1E",
     "offset at which requests fail", NULL, NULL},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

static void
complete(struct submitter *s, struct nbdsrv_request *request)
{
  uint8_t *at = s->disk + request->offset;

  if (request->offset == s->error_at && request->length > 0) {
    nbdsrv_complete(request, EIO, "that block is bad");
    return;
  }
  if (request->op == NBDSRV_OP_READ)
    memcpy(request->buf, at, request->length);
  else if (request->op == NBDSRV_OP_WRITE)
    memcpy(at, request->buf, request->length);
  else if (request->op == NBDSRV_OP_ZERO)
    memset(at, 0, request->length);
  nbdsrv_complete(request, 0, NULL);
}

static void
wait_at_gate(const char *gate)
{
  char full[4096];
  int fd;

  snprintf(full, sizeof full, "%s.full", gate);
  fd = creat(full, 0600);
  if (fd >= 0)
    close(fd);
  fd = open(gate, O_RDONLY | O_CLOEXEC);
  if (fd >= 0)
    close(fd);
}

static void *
worker(void *arg)
{
  struct submitter *s = arg;
  struct nbdsrv_request *taken[WAITING_MOST];
  uint32_t count;

  pthread_mutex_lock(&s->lock);
  while (!s->stopping || s->count > 0) {
    if (s->count < s->batch && !s->stopping) {
      pthread_cond_wait(&s->changed, &s->lock);
      continue;
    }
    count = s->count;
    memcpy(taken, s->waiting, count * sizeof *taken);
    s->count = 0;
    pthread_mutex_unlock(&s->lock);
    if (s->gate && count > 0)
      wait_at_gate(s->gate);
    while (count > 0)
      complete(s, taken[--count]);
    pthread_mutex_lock(&s->lock);
  }
  pthread_mutex_unlock(&s->lock);
  return NULL;
}

static int
ready(void *inst)
{
  struct submitter *s = inst;

  pthread_mutex_init(&s->lock, NULL);
  pthread_cond_init(&s->changed, NULL);
  s->disk = calloc(1, s->size ? s->size : 1);
  return s->disk ? 0 : ENOMEM;
}

static int
start(void *inst)
{
  struct submitter *s = inst;
  int error = pthread_create(&s->thread, NULL, worker, s);

  s->started = error == 0;
  return error;
}

static void
stop(void *inst)
{
  struct submitter *s = inst;

  pthread_mutex_lock(&s->lock);
  s->stopping = 1;
  pthread_cond_signal(&s->changed);
  pthread_mutex_unlock(&s->lock);
  if (s->started)
    pthread_join(s->thread, NULL);
  free(s->disk);
}

static int
describe(void *handle, struct nbdsrv_info *info)
{
  info->export_size = ((struct submitter *)handle)->size;
  info->can |= NBDSRV_CAN_FUA | NBDSRV_CAN_MULTI_CONN;
  return 0;
}

static int
submit(void *handle, struct nbdsrv_request *request)
{
  struct submitter *s = handle;
  int error = 0;

  pthread_mutex_lock(&s->lock);
  if (s->count == WAITING_MOST)
    error = ENOMEM;
  else
    s->waiting[s->count++] = request;
  pthread_cond_signal(&s->changed);
  pthread_mutex_unlock(&s->lock);
  return error;
}

static struct nbdsrv_plugin plugin = {
    .name = "submitter",
    .summary = "a disk for tests that completes requests later, from its own thread",
    .params = params,
    .instance_size = sizeof(struct submitter),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .ready = ready,
    .start = start,
    .stop = stop,
    .describe = describe,
    .submit = submit,
    .submit_ops = NBDSRV_OP_READ | NBDSRV_OP_WRITE | NBDSRV_OP_FLUSH | NBDSRV_OP_TRIM |
                  NBDSRV_OP_ZERO,
};

NBDSRV_PLUGIN(plugin)
