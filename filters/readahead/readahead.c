/* SPDX-License-Identifier: BSD-3-Clause */
/* The readahead filter: announces to the layer below what a client that reads one
 * range after the other will read next.
 * Looks at reads; a thread of the connection makes the cache calls.
 */
#include <pthread.h>
#include <stdbool.h>

#include "../common/pass.h"

#define LEAST_WINDOW (64u * 1024)
#define MOST_WINDOW  (4u * 1024 * 1024)

struct handle {
  struct pass pass; /* first */
  uint64_t size;
  pthread_t thread;
  pthread_mutex_t lock;  /* guards what follows */
  pthread_cond_t wanted; /* next_len or stopping changed */
  bool has_thread, stopping;
  uint64_t expected;           /* where the next read begins if it is one in a row */
  uint64_t window;             /* how far ahead */
  uint64_t reached;            /* what is announced ends here */
  uint64_t next_off, next_len; /* for the thread; 0: nothing */
};

static int
readahead_open(void *inst, const struct nbdsrv_client *client, void **handle)
{
  int error = pass_open_size(inst, client, sizeof(struct handle), handle);
  struct handle *h = *handle;

  if (error)
    return error;
  pthread_mutex_init(&h->lock, NULL);
  pthread_cond_init(&h->wanted, NULL);
  return 0;
}

static void
readahead_close(void *handle)
{
  struct handle *h = handle;

  pthread_mutex_lock(&h->lock);
  h->stopping = true;
  pthread_cond_signal(&h->wanted);
  pthread_mutex_unlock(&h->lock);
  if (h->has_thread)
    pthread_join(h->thread, NULL);
  pthread_cond_destroy(&h->wanted);
  pthread_mutex_destroy(&h->lock);
  free(h);
}

static int
readahead_describe(void *handle, struct nbdsrv_info *info)
{
  struct handle *h = handle;

  h->size = info->export_size;
  info->hook_ops = NBDSRV_OP_READ;
  if (nbdsrv_thread_model() != NBDSRV_THREADS_PARALLEL) {
    nbdsrv_debug("no reading ahead: calls below are not parallel");
    info->hook_ops = 0;
  } else if (!(info->can & NBDSRV_CAN_CACHE)) {
    nbdsrv_debug("no reading ahead: nothing below takes cache calls");
    info->hook_ops = 0;
  }
  return 0;
}

static void *
announce(void *arg)
{
  struct handle *h = arg;

  pthread_mutex_lock(&h->lock);
  while (!h->stopping) {
    uint64_t len = h->next_len, off = h->next_off;

    if (len == 0) {
      pthread_cond_wait(&h->wanted, &h->lock);
      continue;
    }
    h->next_len = 0;
    pthread_mutex_unlock(&h->lock);
    nbdsrv_next_cache(h->pass.next, len, off, 0); /* if it fails, the read will tell */
    pthread_mutex_lock(&h->lock);
  }
  pthread_mutex_unlock(&h->lock);
  return NULL;
}

/* With the lock held: the window behind a read goes to the thread. */
static void
want(struct handle *h, uint64_t end)
{
  uint64_t from = h->reached > end ? h->reached : end;
  uint64_t to = h->size - end < h->window ? h->size : end + h->window;

  if (to <= from || (to - from < h->window / 2 && to < h->size))
    return; /* few and large calls are cheaper */
  h->next_off = from;
  h->next_len = to - from;
  h->reached = to;
  if (!h->has_thread)
    h->has_thread = pthread_create(&h->thread, NULL, announce, h) == 0;
  pthread_cond_signal(&h->wanted);
}

static int
readahead_before(void *handle, struct nbdsrv_op *op)
{
  struct handle *h = handle;
  uint64_t end = op->offset + op->length;

  pthread_mutex_lock(&h->lock);
  if (op->offset == h->expected && op->offset > 0) {
    h->window = h->window * 2 < MOST_WINDOW ? h->window * 2 : MOST_WINDOW;
    want(h, end);
  } else {
    h->window = LEAST_WINDOW;
    h->reached = 0;
  }
  h->expected = end;
  pthread_mutex_unlock(&h->lock);
  return 0;
}

static struct nbdsrv_plugin filter = {
    .name = "readahead",
    .summary = "announces what will be read next",
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .open = readahead_open,
    .describe = readahead_describe,
    .close = readahead_close,
    .before = readahead_before,
};

NBDSRV_FILTER(filter)
