/* SPDX-License-Identifier: BSD-3-Clause */
/* The cacheextents filter: keeps the last answer about extents.
 * Gets block status requests; a hook sees what changes the disk, after which nothing
 * that was kept is right.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "../common/pass.h"

#define CHANGES (NBDSRV_OP_WRITE | NBDSRV_OP_TRIM | NBDSRV_OP_ZERO)

struct cacheextents {
  atomic_uint changes; /* of all clients */
};

struct handle {
  struct pass pass;            /* first */
  pthread_mutex_t lock;        /* guards what follows */
  struct nbdsrv_extents *kept; /* or NULL */
  unsigned changes;            /* before it was asked for */
};

static int
cacheextents_open(void *inst, const struct nbdsrv_client *client, void **handle)
{
  int error = pass_open_size(inst, client, sizeof(struct handle), handle);

  if (!error)
    pthread_mutex_init(&((struct handle *)*handle)->lock, NULL);
  return error;
}

static void
cacheextents_close(void *handle)
{
  struct handle *h = handle;

  nbdsrv_extents_free(h->kept);
  pthread_mutex_destroy(&h->lock);
  free(h);
}

static int
cacheextents_describe(void *handle, struct nbdsrv_info *info)
{
  (void)handle;
  if (!(info->can & NBDSRV_CAN_EXTENTS))
    info->own_ops = 0;
  info->hook_ops = info->own_ops ? CHANGES : 0;
  return 0;
}

static void
cacheextents_after(void *handle, struct nbdsrv_op *op, int *error)
{
  struct cacheextents *c = ((struct handle *)handle)->pass.settings;

  (void)op;
  (void)error; /* it may have changed something all the same */
  atomic_fetch_add(&c->changes, 1);
}

/* Adds what a list says from off on.  False: nothing. */
static bool
answer(const struct nbdsrv_extents *list, uint64_t off, struct nbdsrv_extents *extents)
{
  bool any = false;

  for (size_t i = 0; i < nbdsrv_extents_count(list); i++) {
    uint64_t offset, length;
    uint32_t type;

    nbdsrv_extents_get(list, i, &offset, &length, &type);
    if (offset + length <= off)
      continue;
    if (!any && offset > off) /* the list begins behind it */
      break;
    if (nbdsrv_extents_add(extents, offset, length, type) != 0)
      break;
    any = true;
  }
  return any;
}

/* Asks for all of the range, also where the client wants the first extent only. */
static int
ask(struct handle *h, uint64_t len, uint64_t off, uint32_t flags,
    struct nbdsrv_extents *extents)
{
  struct cacheextents *c = h->pass.settings;
  unsigned changes = atomic_load(&c->changes);
  struct nbdsrv_extents *list = nbdsrv_extents_new(NULL, len, off);
  int error = list ? nbdsrv_next_extents(h->pass.next, len, off,
                                         flags & ~NBDSRV_FLAG_REQ_ONE, list)
                   : ENOMEM;

  if (error) {
    nbdsrv_extents_free(list);
    return error;
  }
  answer(list, off, extents);
  pthread_mutex_lock(&h->lock);
  nbdsrv_extents_free(h->kept);
  h->kept = list;
  h->changes = changes;
  pthread_mutex_unlock(&h->lock);
  return 0;
}

static int
cacheextents_extents(void *handle, uint64_t len, uint64_t off, uint32_t flags,
                     struct nbdsrv_extents *extents)
{
  struct handle *h = handle;
  struct cacheextents *c = h->pass.settings;
  bool known = false;

  if (nbdsrv_extents_context(extents) != 0)
    return nbdsrv_next_extents(h->pass.next, len, off, flags, extents);
  pthread_mutex_lock(&h->lock);
  if (h->kept && h->changes == atomic_load(&c->changes))
    known = answer(h->kept, off, extents);
  pthread_mutex_unlock(&h->lock);
  return known ? 0 : ask(h, len, off, flags, extents);
}

static struct nbdsrv_plugin filter = {
    .name = "cacheextents",
    .summary = "keeps the last answer about extents",
    .instance_size = sizeof(struct cacheextents),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .open = cacheextents_open,
    .describe = cacheextents_describe,
    .close = cacheextents_close,
    .extents = cacheextents_extents,
    .after = cacheextents_after,
};

NBDSRV_FILTER(filter)
