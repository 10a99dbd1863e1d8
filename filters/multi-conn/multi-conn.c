/* SPDX-License-Identifier: BSD-3-Clause */
/* The multi-conn filter: a flush of one client that holds for all of them.
 * Gets flushes and, where it has to turn FUA into a flush, changes; hooks see what
 * makes a connection need one.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "../common/pass.h"

#define CHANGES (NBDSRV_OP_WRITE | NBDSRV_OP_TRIM | NBDSRV_OP_ZERO)

enum mode { AUTO, EMULATE, PLUGIN, DISABLE, UNSAFE };
enum track { CONNECTION, FAST, OFF };

struct multi_conn {
  int mode, track, by_name;
  atomic_bool dirty;      /* track FAST: something was changed since the last flush */
  pthread_mutex_t lock;   /* guards what follows; held while others are flushed */
  struct handle *clients; /* whose layers below can be flushed */
};

struct handle {
  struct pass pass; /* first */
  enum mode mode;   /* what auto has become */
  char *name;       /* of the export */
  atomic_bool dirty;
  struct handle *next, **link; /* guarded by the instance's lock */
};

static const struct nbdsrv_param params[] = {
    {"multi-conn-mode", NBDSRV_ENUM, 0, offsetof(struct multi_conn, mode), "auto",
     "who sees to it that a flush holds for all", "auto|emulate|plugin|disable|unsafe",
     NULL},
    {"multi-conn-track-dirty", NBDSRV_ENUM, 0, offsetof(struct multi_conn, track),
     "connection", "which flushes are left out", "connection|fast|off", NULL},
    {"multi-conn-exportname", NBDSRV_BOOL, 0, offsetof(struct multi_conn, by_name),
     "false", "only clients of the same export are flushed", NULL, NULL},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

static int
multi_conn_ready(void *inst)
{
  pthread_mutex_init(&((struct multi_conn *)inst)->lock, NULL);
  return 0;
}

static void
multi_conn_stop(void *inst)
{
  pthread_mutex_destroy(&((struct multi_conn *)inst)->lock);
}

static int
multi_conn_open(void *inst, const struct nbdsrv_client *client, void **handle)
{
  struct multi_conn *m = inst;
  int error = pass_open_size(inst, client, sizeof(struct handle), handle);
  struct handle *h;

  if (error)
    return error;
  h = *handle;
  h->name = strdup(client->export_name);
  if (!h->name) {
    free(h);
    return ENOMEM;
  }
  pthread_mutex_lock(&m->lock);
  h->next = m->clients;
  h->link = &m->clients;
  if (h->next)
    h->next->link = &h->next;
  m->clients = h;
  pthread_mutex_unlock(&m->lock);
  return 0;
}

static void
multi_conn_close(void *handle)
{
  struct handle *h = handle;
  struct multi_conn *m = h->pass.settings;

  pthread_mutex_lock(&m->lock);
  *h->link = h->next;
  if (h->next)
    h->next->link = h->link;
  pthread_mutex_unlock(&m->lock);
  free(h->name);
  free(h);
}

static enum mode
choose_mode(const struct multi_conn *m, uint32_t can)
{
  if (m->mode != AUTO)
    return (enum mode)m->mode;
  if (nbdsrv_thread_model() == NBDSRV_THREADS_SERIALIZE_CONNECTIONS)
    return DISABLE;
  return can & NBDSRV_CAN_MULTI_CONN ? PLUGIN : EMULATE;
}

static int
multi_conn_describe(void *handle, struct nbdsrv_info *info)
{
  struct handle *h = handle;
  const struct multi_conn *m = h->pass.settings;
  bool tracks = m->track != OFF;

  h->mode = choose_mode(m, info->can);
  if (h->mode == EMULATE && !(info->can & NBDSRV_CAN_FLUSH)) {
    nbdsrv_error("multi-conn-mode=emulate: there is no flush below");
    return EINVAL;
  }
  if (h->mode == DISABLE)
    info->can &= ~NBDSRV_CAN_MULTI_CONN;
  else if (h->mode != PLUGIN)
    info->can |= NBDSRV_CAN_MULTI_CONN;
  info->hook_ops = info->own_ops = 0;
  if (h->mode == EMULATE) {
    info->can |= NBDSRV_CAN_FUA;
    info->own_ops = NBDSRV_OP_FLUSH | CHANGES;
    info->hook_ops = tracks ? NBDSRV_OP_READ : 0;
  } else if (h->mode == PLUGIN && tracks) {
    info->own_ops = NBDSRV_OP_FLUSH;
    info->hook_ops = CHANGES | NBDSRV_OP_READ;
  }
  return 0;
}

/* After the operation: a flush that begins later must not be left out. */
static void
mark(struct handle *h, bool is_change)
{
  struct multi_conn *m = h->pass.settings;

  atomic_store(&h->dirty, true);
  if (is_change)
    atomic_store(&m->dirty, true);
}

/* A read may have brought in what a flush elsewhere makes old. */
static void
multi_conn_after(void *handle, struct nbdsrv_op *op, int *error)
{
  (void)error; /* it may have changed something all the same */
  mark(handle, (op->op & CHANGES) != 0);
}

static bool
needs_flush(struct handle *h)
{
  const struct multi_conn *m = h->pass.settings;

  return m->track != CONNECTION || atomic_exchange(&h->dirty, false);
}

static int
flush_one(struct handle *h)
{
  int error = needs_flush(h) ? nbdsrv_next_flush(h->pass.next, 0) : 0;

  if (error)
    atomic_store(&h->dirty, true);
  return error;
}

static int
flush_all(struct handle *h)
{
  const struct multi_conn *m = h->pass.settings;
  int error = 0;

  for (struct handle *c = m->clients; c; c = c->next)
    if (!m->by_name || strcmp(c->name, h->name) == 0) {
      int e = flush_one(c);
      error = error ? error : e;
    }
  return error;
}

/* One at a time: what one leaves out another has done, and has to have ended. */
static int
multi_conn_flush(void *handle, uint32_t flags)
{
  struct handle *h = handle;
  struct multi_conn *m = h->pass.settings;
  int error = 0;

  (void)flags;
  pthread_mutex_lock(&m->lock);
  if (m->track != FAST || atomic_exchange(&m->dirty, false)) {
    error = h->mode == EMULATE ? flush_all(h) : flush_one(h);
    if (error)
      atomic_store(&m->dirty, true);
  }
  pthread_mutex_unlock(&m->lock);
  return error;
}

/* emulate: FUA on one connection is a flush of all. */
static int
changed(struct handle *h, uint32_t flags, int error)
{
  mark(h, true);
  return !error && (flags & NBDSRV_FLAG_FUA) ? multi_conn_flush(h, 0) : error;
}

static int
multi_conn_write(void *handle, const void *buf, uint64_t len, uint64_t off,
                 uint32_t flags)
{
  struct handle *h = handle;
  uint32_t rest = flags & ~NBDSRV_FLAG_FUA;

  return changed(h, flags, nbdsrv_next_write(h->pass.next, buf, len, off, rest));
}

static int
multi_conn_trim(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  struct handle *h = handle;
  uint32_t rest = flags & ~NBDSRV_FLAG_FUA;

  return changed(h, flags, nbdsrv_next_trim(h->pass.next, len, off, rest));
}

static int
multi_conn_zero(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  struct handle *h = handle;
  uint32_t rest = flags & ~NBDSRV_FLAG_FUA;

  return changed(h, flags, nbdsrv_next_zero(h->pass.next, len, off, rest));
}

static struct nbdsrv_plugin filter = {
    .name = "multi-conn",
    .summary = "makes a flush hold for all clients",
    .params = params,
    .instance_size = sizeof(struct multi_conn),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .ready = multi_conn_ready,
    .stop = multi_conn_stop,
    .open = multi_conn_open,
    .describe = multi_conn_describe,
    .close = multi_conn_close,
    .write = multi_conn_write,
    .flush = multi_conn_flush,
    .trim = multi_conn_trim,
    .zero = multi_conn_zero,
    .after = multi_conn_after,
};

NBDSRV_FILTER(filter)
