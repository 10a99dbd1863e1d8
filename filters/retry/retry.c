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

struct call {
  uint32_t op, flags;
  uint64_t len, off;
  union {
    void *in;
    const void *out;
  } buf;
  struct nbdsrv_extents *extents;
};

/* Into a list of its own: one that failed half-way is thrown away. */
static int
extents_once(struct nbdsrv_next *next, const struct call *call)
{
  struct nbdsrv_extents *tried =
      nbdsrv_extents_new(call->extents, call->len, call->off);
  int error = ENOMEM;

  if (tried)
    error = nbdsrv_next_extents(next, call->len, call->off, call->flags, tried);
  for (size_t i = 0; !error && i < nbdsrv_extents_count(tried); i++) {
    uint64_t offset, length;
    uint32_t type;

    nbdsrv_extents_get(tried, i, &offset, &length, &type);
    if (nbdsrv_extents_add(call->extents, offset, length, type) != 0)
      break;
  }
  nbdsrv_extents_free(tried);
  return error;
}

static int
call_once(struct nbdsrv_next *next, const struct call *c)
{
  switch (c->op) {
  case NBDSRV_OP_READ:
    return nbdsrv_next_read(next, c->buf.in, c->len, c->off, c->flags);
  case NBDSRV_OP_WRITE:
    return nbdsrv_next_write(next, c->buf.out, c->len, c->off, c->flags);
  case NBDSRV_OP_FLUSH:
    return nbdsrv_next_flush(next, c->flags);
  case NBDSRV_OP_TRIM:
    return nbdsrv_next_trim(next, c->len, c->off, c->flags);
  case NBDSRV_OP_ZERO:
    return nbdsrv_next_zero(next, c->len, c->off, c->flags);
  case NBDSRV_OP_CACHE:
    return nbdsrv_next_cache(next, c->len, c->off, c->flags);
  default:
    return extents_once(next, c);
  }
}

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
    error = h->open_error ? h->open_error : call_once(h->client->next, call);
  pthread_rwlock_unlock(&h->lock);
  *final = *final || !error || is_final(call, error);
  return error;
}

static int
call_patiently(struct handle *h, const struct call *call)
{
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

static int
retry_read(void *handle, void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  return call_patiently(
      handle,
      &(struct call){
          .op = NBDSRV_OP_READ, .flags = flags, .len = len, .off = off, .buf.in = buf});
}

static int
retry_write(void *handle, const void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  return call_patiently(handle, &(struct call){.op = NBDSRV_OP_WRITE,
                                               .flags = flags,
                                               .len = len,
                                               .off = off,
                                               .buf.out = buf});
}

static int
retry_flush(void *handle, uint32_t flags)
{
  return call_patiently(handle, &(struct call){.op = NBDSRV_OP_FLUSH, .flags = flags});
}

static int
retry_trim(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  return call_patiently(handle, &(struct call){NBDSRV_OP_TRIM, flags, len, off});
}

static int
retry_zero(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  return call_patiently(handle, &(struct call){NBDSRV_OP_ZERO, flags, len, off});
}

static int
retry_cache(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  return call_patiently(handle, &(struct call){NBDSRV_OP_CACHE, flags, len, off});
}

static int
retry_extents(void *handle, uint64_t len, uint64_t off, uint32_t flags,
              struct nbdsrv_extents *extents)
{
  return call_patiently(handle, &(struct call){.op = NBDSRV_OP_EXTENTS,
                                               .flags = flags,
                                               .len = len,
                                               .off = off,
                                               .extents = extents});
}

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
