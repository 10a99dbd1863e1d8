/* SPDX-License-Identifier: BSD-3-Clause */
/* The openonce filter: opens what lies below once for all clients of an export.
 * Gets every operation; hands it to the layers that were opened for the first client.
 */
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "../common/call.h"
#include "../common/pass.h"

/* So many are kept open, whatever names clients come up with. */
#define MOST_KEPT 64

/* Layers that are open. */
struct kept {
  struct kept *next;
  char *export_name;
  int readonly;
  unsigned users;
  struct nbdsrv_next *layers;
  pthread_mutex_t turn; /* held in calls of layers that take one at a time */
};

struct openonce {
  pthread_mutex_t lock; /* guards what follows, and is held while opening */
  struct kept *list;    /* the last one used first */
  unsigned count;
};

struct handle {
  struct pass pass;      /* first; next: the layers that this client uses */
  struct kept *kept;     /* NULL: they are its own */
  pthread_mutex_t *turn; /* or NULL: need not be taken */
};

static int
openonce_ready(void *inst)
{
  struct openonce *o = inst;

  pthread_mutex_init(&o->lock, NULL);
  return 0;
}

static void
kept_free(struct kept *kept)
{
  nbdsrv_next_free(kept->layers);
  pthread_mutex_destroy(&kept->turn);
  free(kept->export_name);
  free(kept);
}

static void
openonce_stop(void *inst)
{
  struct openonce *o = inst;

  while (o->list) {
    struct kept *next = o->list->next;
    kept_free(o->list);
    o->list = next;
  }
  pthread_mutex_destroy(&o->lock);
}

/* All that follows has the lock. */

static struct kept *
take_out(struct openonce *o, struct kept **where)
{
  struct kept *kept = *where;

  *where = kept->next;
  o->count--;
  return kept;
}

static void
put_first(struct openonce *o, struct kept *kept)
{
  kept->next = o->list;
  o->list = kept;
  o->count++;
}

static struct kept *
find(struct openonce *o, const struct nbdsrv_client *client)
{
  for (struct kept **p = &o->list; *p; p = &(*p)->next)
    if (strcmp((*p)->export_name, client->export_name) == 0 &&
        (*p)->readonly == client->readonly) {
      struct kept *kept = take_out(o, p);
      put_first(o, kept);
      return kept;
    }
  return NULL;
}

/* False: all are in use. */
static bool
make_room(struct openonce *o)
{
  struct kept **unused = NULL;

  if (o->count < MOST_KEPT)
    return true;
  for (struct kept **p = &o->list; *p; p = &(*p)->next)
    if ((*p)->users == 0)
      unused = p;
  if (unused)
    kept_free(take_out(o, unused));
  return unused != NULL;
}

static int
open_kept(struct openonce *o, const struct nbdsrv_client *client, struct kept **result)
{
  struct kept *kept = calloc(1, sizeof *kept);
  int error = ENOMEM;

  if (!kept)
    return ENOMEM;
  pthread_mutex_init(&kept->turn, NULL);
  kept->readonly = client->readonly;
  kept->export_name = strdup(client->export_name);
  kept->layers = nbdsrv_next_new(client->next);
  if (kept->export_name && kept->layers)
    error = nbdsrv_next_open(kept->layers, client);
  if (error) {
    kept_free(kept);
    return error;
  }
  put_first(o, kept);
  *result = kept;
  return 0;
}

/* ---------------------------------------------------------------------------- */

static int
openonce_open(void *inst, const struct nbdsrv_client *client, void **handle)
{
  struct openonce *o = inst;
  struct handle *h = calloc(1, sizeof *h);
  int error = 0;

  if (!h)
    return ENOMEM;
  h->pass.settings = o;
  pthread_mutex_lock(&o->lock);
  h->kept = find(o, client);
  if (!h->kept && make_room(o))
    error = open_kept(o, client, &h->kept);
  if (h->kept) {
    h->kept->users++;
    h->pass.next = h->kept->layers;
    if (nbdsrv_thread_model() == NBDSRV_THREADS_SERIALIZE_REQUESTS)
      h->turn = &h->kept->turn;
  }
  pthread_mutex_unlock(&o->lock);
  if (!error && !h->kept) {
    error = nbdsrv_next_open(client->next, client);
    h->pass.next = client->next;
  }
  if (error)
    free(h);
  else
    *handle = h;
  return error;
}

static void
openonce_close(void *handle)
{
  struct handle *h = handle;
  struct openonce *o = h->pass.settings;

  if (h->kept) {
    pthread_mutex_lock(&o->lock);
    h->kept->users--;
    pthread_mutex_unlock(&o->lock);
  }
  free(h);
}

/* As what lies below, which may be told not to wait unless there are turns to take. */
static int
openonce_describe(void *handle, struct nbdsrv_info *info)
{
  const struct handle *h = handle;
  uint32_t own = info->own_ops;
  int error = nbdsrv_next_describe(h->pass.next, info);

  info->own_ops = own;
  info->hook_ops = 0;
  if (h->turn)
    info->inline_ops = info->nowait_ops = 0;
  return error;
}

static int
openonce_call(void *handle, const struct call *call)
{
  const struct handle *h = handle;
  int error;

  if (h->turn)
    pthread_mutex_lock(h->turn);
  error = call_below(h->pass.next, call);
  if (h->turn)
    pthread_mutex_unlock(h->turn);
  return error;
}

CALL_MEMBERS(openonce, openonce_call)

static struct nbdsrv_plugin filter = {
    .name = "openonce",
    .summary = "opens what lies below once for all clients",
    .instance_size = sizeof(struct openonce),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .ready = openonce_ready,
    .stop = openonce_stop,
    .open = openonce_open,
    .describe = openonce_describe,
    .close = openonce_close,
    .read = openonce_read,
    .write = openonce_write,
    .flush = openonce_flush,
    .trim = openonce_trim,
    .zero = openonce_zero,
    .cache = openonce_cache,
    .extents = openonce_extents,
};

NBDSRV_FILTER(filter)
