/* SPDX-License-Identifier: BSD-3-Clause */
/* The retry filter: after an error reopens what lies below and tries again.
 * Gets every operation; hands it down until it succeeds or has been tried enough.
 */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <nbdsrv-filter.h>

#include "../common/call.h"
#include "client.h"

struct retry {
  uint32_t retries;
  uint64_t delay; /* nanoseconds */
  int exponential, readonly, open;
};

struct handle {
  const struct retry *settings;
  struct nbdsrv_client *client; /* a copy, for opening again */
  uint64_t size;                /* as the client knows it */
  pthread_rwlock_t lock;        /* read: during a call below; write: to reopen.
                                   guards what follows */
  int open_error;               /* 0: what lies below is open */
  unsigned generation;          /* counts the reopenings */
  bool readonly;                /* reopened so by retry-readonly */
};

static const struct nbdsrv_param params[] = {
    {"retries", NBDSRV_UINT32, 0, offsetof(struct retry, retries), "5",
     "how often an operation is tried again", NULL, NULL},
    {"retry-delay", NBDSRV_DURATION, 0, offsetof(struct retry, delay), "2",
     "time before the first retry", NULL, NULL},
    {"retry-exponential", NBDSRV_BOOL, 0, offsetof(struct retry, exponential), "yes",
     "each wait is twice as long as the one before", NULL, NULL},
    {"retry-readonly", NBDSRV_BOOL, 0, offsetof(struct retry, readonly), "no",
     "reopen for reading only", NULL, NULL},
    {"retry-open", NBDSRV_BOOL, 0, offsetof(struct retry, open), "yes",
     "retry also when a client connects", NULL, NULL},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

/* Before retry number n, from 0. */
static int
wait_before(const struct retry *r, unsigned n)
{
  uint64_t ns = r->delay;

  if (r->exponential)
    ns = n < 63 && ns <= UINT64_MAX >> (n + 1) ? ns << n : UINT64_MAX / 2;
  nbdsrv_debug("retry %u of %u in %llu ms", n + 1, r->retries,
               (unsigned long long)(ns / 1000000));
  return nbdsrv_sleep(ns);
}

/* ----------------------------------------------------------------- opening */

static int
open_below(struct handle *h)
{
  struct nbdsrv_info info = {.size = sizeof info};
  struct nbdsrv_next *next = h->client->next;
  int error = nbdsrv_next_open(next, h->client);

  if (!error)
    error = nbdsrv_next_describe(next, &info);
  if (!error && h->generation > 0 && info.export_size < h->size) {
    nbdsrv_error("reopened, it is only %llu bytes large",
                 (unsigned long long)info.export_size);
    error = EIO;
  }
  if (error)
    nbdsrv_next_close(next); /* a layer of several may have been opened */
  return error;
}

/* A name that is not there will not come by waiting. */
static int
open_patiently(struct handle *h)
{
  const struct retry *r = h->settings;
  int error = open_below(h);

  for (unsigned n = 0; error && error != ENOENT && r->open && n < r->retries; n++) {
    int interrupted = wait_before(r, n);
    if (interrupted)
      return interrupted;
    error = open_below(h);
  }
  return error;
}

static void
reopen(struct handle *h, unsigned generation)
{
  pthread_rwlock_wrlock(&h->lock);
  if (h->generation == generation) { /* else another request has done it */
    nbdsrv_next_close(h->client->next);
    if (h->settings->readonly) {
      h->client->readonly = 1;
      h->readonly = true;
    }
    h->generation++;
    h->open_error = open_below(h);
  }
  pthread_rwlock_unlock(&h->lock);
}

static int
retry_open(void *inst, const struct nbdsrv_client *client, void **handle)
{
  struct handle *h = calloc(1, sizeof *h);
  pthread_rwlockattr_t attr;
  int error;

  if (!h)
    return ENOMEM;
  h->settings = inst;
  h->client = client_copy(client);
  error = h->client ? open_patiently(h) : ENOMEM;
  if (error) {
    client_free(h->client);
    free(h);
    return error;
  }
  pthread_rwlockattr_init(&attr); /* new calls do not keep a reopening waiting */
  pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
  pthread_rwlock_init(&h->lock, &attr);
  pthread_rwlockattr_destroy(&attr);
  *handle = h;
  return 0;
}

static int
retry_describe(void *handle, struct nbdsrv_info *info)
{
  struct handle *h = handle;

  h->size = info->export_size;
  return 0;
}

static void
retry_close(void *handle)
{
  struct handle *h = handle;

  pthread_rwlock_destroy(&h->lock);
  client_free(h->client);
  free(h);
}

/* -------------------------------------------------------------------- data */

/* Errors that are an answer, or that no reopening would change. */
static bool
is_final(const struct call *c, int error)
{
  return error == ESHUTDOWN || (error == ENOTSUP && (c->flags & NBDSRV_FLAG_FAST_ZERO));
}

#define CHANGES (NBDSRV_OP_WRITE | NBDSRV_OP_TRIM | NBDSRV_OP_ZERO)

/* One try.  *final: trying again is of no use. */
static int
try_call(struct handle *h, const struct call *call, unsigned *generation, bool *final)
{
  int error;

  pthread_rwlock_rdlock(&h->lock);
  *generation = h->generation;
  *final = h->readonly && (call->op & CHANGES);
  if (*final)
    error = EROFS;
  else
    error = h->open_error ? h->open_error : call_below(h->client->next, call);
  pthread_rwlock_unlock(&h->lock);
  *final = *final || !error || is_final(call, error);
  return error;
}

static int
call_patiently(void *handle, const struct call *call)
{
  struct handle *h = handle;

  for (unsigned n = 0;; n++) {
    unsigned generation;
    bool final;
    int error = try_call(h, call, &generation, &final), interrupted;

    if (final || n == h->settings->retries)
      return error;
    interrupted = wait_before(h->settings, n);
    if (interrupted)
      return interrupted;
    reopen(h, generation);
  }
}

CALL_MEMBERS(retry, call_patiently)

static struct nbdsrv_plugin filter = {
    .name = "retry",
    .summary = "reopens what lies below after an error, and tries again",
    .params = params,
    .instance_size = sizeof(struct retry),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .open = retry_open,
    .describe = retry_describe,
    .close = retry_close,
    .read = retry_read,
    .write = retry_write,
    .flush = retry_flush,
    .trim = retry_trim,
    .zero = retry_zero,
    .cache = retry_cache,
    .extents = retry_extents,
};

NBDSRV_FILTER(filter)
