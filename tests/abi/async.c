/* SPDX-License-Identifier: BSD-3-Clause */
/* An asynchronous plugin for the frozen header: requests are completed by a thread of
 * its own, the latest first.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <nbdsrv-plugin.h>

#define SIZE 1048576

struct instance {
  pthread_t thread;
  pthread_mutex_t lock; /* guards what follows */
  pthread_cond_t changed;
  struct nbdsrv_request *waiting; /* joined by opaque[0] */
  int ending;
  uint8_t disk[SIZE];
};

static void
answer(struct instance *i, struct nbdsrv_request *request)
{
  int error = 0;
  const char *text = NULL;

  if (request->op == NBDSRV_OP_WRITE)
    memcpy(i->disk + request->offset, request->buf, request->length);
  else if (memchr(i->disk + request->offset, '!', request->length)) {
    error = EIO;
    text = "there is a mark in it";
  } else
    memcpy(request->buf, i->disk + request->offset, request->length);
  nbdsrv_complete(request, error, text);
}

static void *
work(void *arg)
{
  struct instance *i = arg;

  pthread_mutex_lock(&i->lock);
  while (!i->ending) {
    struct nbdsrv_request *request = i->waiting;

    if (!request) {
      pthread_cond_wait(&i->changed, &i->lock);
      continue;
    }
    i->waiting = request->opaque[0];
    pthread_mutex_unlock(&i->lock);
    answer(i, request);
    pthread_mutex_lock(&i->lock);
  }
  pthread_mutex_unlock(&i->lock);
  return NULL;
}

static int
async_start(void *inst)
{
  struct instance *i = inst;

  pthread_mutex_init(&i->lock, NULL);
  pthread_cond_init(&i->changed, NULL);
  return pthread_create(&i->thread, NULL, work, i);
}

static void
async_stop(void *inst)
{
  struct instance *i = inst;

  pthread_mutex_lock(&i->lock);
  i->ending = 1;
  pthread_cond_signal(&i->changed);
  pthread_mutex_unlock(&i->lock);
  pthread_join(i->thread, NULL);
}

static int
async_describe(void *handle, struct nbdsrv_info *info)
{
  (void)handle;
  info->export_size = SIZE;
  info->can |= NBDSRV_CAN_WRITE;
  return 0;
}

static int
async_submit(void *handle, struct nbdsrv_request *request)
{
  struct instance *i = handle;

  if (request->length > SIZE / 2)
    return E2BIG;
  pthread_mutex_lock(&i->lock);
  request->opaque[0] = i->waiting;
  i->waiting = request;
  pthread_cond_signal(&i->changed);
  pthread_mutex_unlock(&i->lock);
  return 0;
}

static struct nbdsrv_plugin plugin = {
    .name = "abi-async",
    .instance_size = sizeof(struct instance),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .start = async_start,
    .stop = async_stop,
    .describe = async_describe,
    .submit = async_submit,
    .submit_ops = NBDSRV_OP_READ | NBDSRV_OP_WRITE,
};

NBDSRV_PLUGIN(plugin)
