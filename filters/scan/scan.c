/* SPDX-License-Identifier: BSD-3-Clause */
/* The scan filter: has the layer below cache the disk, from its beginning to its end,
 * while clients read.
 * Looks at reads, to stay ahead of them; a thread of one of the connections makes the
 * cache calls.
 */
#include <pthread.h>
#include <stdbool.h>

#include "../common/pass.h"

#define LEAST_SIZE 512u
#define MOST_SIZE  (32u * 1024 * 1024)

struct handle;

struct scan {
  int ahead, clock, forever;
  uint64_t size;
  pthread_mutex_t lock;    /* guards what follows */
  struct handle *handles;  /* of the connections that could scan */
  struct handle *scanning; /* the one whose thread does, or NULL */
  uint64_t position;       /* what is cached next */
  bool finished;           /* all of it was once */
};

struct handle {
  struct pass pass; /* first */
  struct handle *next, **previous;
  uint64_t size; /* of the disk */
  bool is_default, listed, stopping;
  pthread_t thread; /* while it is the one that scans */
};

static const struct nbdsrv_param params[] = {
    {"scan-ahead", NBDSRV_BOOL, 0, offsetof(struct scan, ahead), "true",
     "skip what lies before a client's reads", NULL, NULL},
    {"scan-clock", NBDSRV_BOOL, 0, offsetof(struct scan, clock), "true",
     "go on where it stopped when a client comes after all had left", NULL, NULL},
    {"scan-forever", NBDSRV_BOOL, 0, offsetof(struct scan, forever), "false",
     "begin again at the end of the disk", NULL, NULL},
    {"scan-size", NBDSRV_SIZE, 0, offsetof(struct scan, size), "2M",
     "bytes in one cache call, a power of two", NULL, NULL},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

static int
scan_ready(void *inst)
{
  struct scan *s = inst;

  if (s->size < LEAST_SIZE || s->size > MOST_SIZE || (s->size & (s->size - 1))) {
    nbdsrv_error("scan-size: %llu is no power of two from 512 to 32M",
                 (unsigned long long)s->size);
    return EINVAL;
  }
  pthread_mutex_init(&s->lock, NULL);
  return 0;
}

static void
scan_stop(void *inst)
{
  pthread_mutex_destroy(&((struct scan *)inst)->lock);
}

/* With the lock held: what to cache; false: nothing any more. */
static bool
next_range(struct handle *h, uint64_t *len, uint64_t *off)
{
  struct scan *s = h->pass.settings;

  if (s->position >= h->size) {
    s->finished = !s->forever;
    s->position = 0;
  }
  if (h->stopping || s->finished)
    return false;
  *off = s->position;
  *len = s->size - *off % s->size; /* after a skip up to the next whole block */
  if (*len > h->size - *off)
    *len = h->size - *off;
  s->position += *len;
  return true;
}

/* A range that cannot be cached is left out: a client that reads it will be told.  When
 * a whole disk of them went by, it ends. */
static void *
scan_thread(void *arg)
{
  struct handle *h = arg;
  struct scan *s = h->pass.settings;
  uint64_t len, off, failed = 0;

  pthread_mutex_lock(&s->lock);
  while (failed < h->size && next_range(h, &len, &off)) {
    pthread_mutex_unlock(&s->lock);
    if (nbdsrv_next_cache(h->pass.next, len, off, 0) == 0)
      failed = 0;
    else
      failed += len;
    pthread_mutex_lock(&s->lock);
  }
  pthread_mutex_unlock(&s->lock);
  return NULL;
}

/* With the lock held. */
static void
let_scan(struct scan *s, struct handle *h)
{
  if (pthread_create(&h->thread, NULL, scan_thread, h) == 0)
    s->scanning = h;
  else
    nbdsrv_debug("no scanning: there is no thread for it");
}

static int
scan_open(void *inst, const struct nbdsrv_client *client, void **handle)
{
  int error = pass_open_size(inst, client, sizeof(struct handle), handle);

  if (!error)
    ((struct handle *)*handle)->is_default = client->export_name[0] == '\0';
  return error;
}

static const char *
obstacle(const struct handle *h, const struct nbdsrv_info *info)
{
  if (!h->is_default)
    return "only the default export is scanned";
  if (nbdsrv_thread_model() != NBDSRV_THREADS_PARALLEL)
    return "calls below are not parallel";
  if (!(info->can & NBDSRV_CAN_CACHE))
    return "nothing below takes cache calls; try --filter=cache after this one";
  return NULL;
}

static void
enlist(struct scan *s, struct handle *h)
{
  pthread_mutex_lock(&s->lock);
  if (!s->handles && !s->clock) {
    s->position = 0;
    s->finished = false;
  }
  h->listed = true;
  h->previous = &s->handles;
  h->next = s->handles;
  if (h->next)
    h->next->previous = &h->next;
  s->handles = h;
  if (!s->scanning)
    let_scan(s, h);
  pthread_mutex_unlock(&s->lock);
}

static int
scan_describe(void *handle, struct nbdsrv_info *info)
{
  struct handle *h = handle;
  struct scan *s = h->pass.settings;
  const char *why = obstacle(h, info);

  h->size = info->export_size;
  info->hook_ops = s->ahead && !why ? NBDSRV_OP_READ : 0;
  if (why)
    nbdsrv_debug("no scanning: %s", why);
  else
    enlist(s, h);
  return 0;
}

static void
scan_close(void *handle)
{
  struct handle *h = handle;
  struct scan *s = h->pass.settings;
  bool was_scanning;

  pthread_mutex_lock(&s->lock);
  if (h->listed) {
    *h->previous = h->next;
    if (h->next)
      h->next->previous = h->previous;
  }
  h->stopping = true;
  was_scanning = s->scanning == h;
  pthread_mutex_unlock(&s->lock);
  if (was_scanning) {
    pthread_join(h->thread, NULL);
    pthread_mutex_lock(&s->lock);
    s->scanning = NULL;
    if (s->handles)
      let_scan(s, s->handles); /* who stays goes on with it */
    pthread_mutex_unlock(&s->lock);
  }
  free(h);
}

static int
scan_before(void *handle, struct nbdsrv_op *op)
{
  struct scan *s = ((struct pass *)handle)->settings;
  uint64_t end = op->offset + op->length;

  pthread_mutex_lock(&s->lock);
  if (!s->finished && s->position < end)
    s->position = end;
  pthread_mutex_unlock(&s->lock);
  return 0;
}

static struct nbdsrv_plugin filter = {
    .name = "scan",
    .summary = "has the disk cached while clients read it",
    .params = params,
    .instance_size = sizeof(struct scan),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .ready = scan_ready,
    .stop = scan_stop,
    .open = scan_open,
    .describe = scan_describe,
    .close = scan_close,
    .before = scan_before,
};

NBDSRV_FILTER(filter)
