/* SPDX-License-Identifier: BSD-3-Clause */
/* The tar filter: shows one entry of the tar file below.
 * Gets its name; find.c finds the range, window.h shows it.
 */
#include <pthread.h>

#include "../common/window.h"
#include "find.h"

struct tar {
  const char *entry, *program;
  uint64_t limit;
  pthread_mutex_t lock; /* guards found */
  struct tar_place found;
};

static const struct nbdsrv_param params[] = {
    {"tar-entry", NBDSRV_STRING, NBDSRV_REQUIRED, offsetof(struct tar, entry), NULL,
     "name of the entry, as tar tf shows it", NULL, "NAME"},
    {"tar-limit", NBDSRV_SIZE, 0, offsetof(struct tar, limit), "0",
     "look for it in so much of the file; 0: all of it", NULL, NULL},
    {"tar", NBDSRV_STRING, NBDSRV_HIDDEN, offsetof(struct tar, program), NULL,
     "accepted: no program is needed", NULL, "PROGRAM"},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

static int
tar_ready(void *inst)
{
  pthread_mutex_init(&((struct tar *)inst)->lock, NULL);
  return 0;
}

static void
tar_stop(void *inst)
{
  pthread_mutex_destroy(&((struct tar *)inst)->lock);
}

static int
read_below(void *opaque, void *buf, uint64_t len, uint64_t off)
{
  return nbdsrv_next_read(opaque, buf, len, off, 0);
}

/* Most often it is where it was for the client before. */
static int
tar_describe(void *handle, struct nbdsrv_info *info)
{
  struct window *w = handle;
  struct tar *t = w->pass.settings;
  struct tar_source source = {read_below, w->pass.next, info->export_size, t->limit};
  struct tar_place place;
  int error = 0;

  pthread_mutex_lock(&t->lock);
  place = t->found;
  pthread_mutex_unlock(&t->lock);
  if (!tar_is_there(&source, &place)) {
    error = tar_find(&source, t->entry, &place);
    if (error)
      return error;
    pthread_mutex_lock(&t->lock);
    t->found = place;
    pthread_mutex_unlock(&t->lock);
  }
  w->offset = place.offset;
  w->length = place.length;
  window_describe(w, info);
  return 0;
}

static struct nbdsrv_plugin filter = {
    .name = "tar",
    .summary = "shows one entry of the tar file below",
    .params = params,
    .instance_size = sizeof(struct tar),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .ready = tar_ready,
    .stop = tar_stop,
    .open = window_open,
    .close = free,
    .describe = tar_describe,
    .extents = window_extents,
    .before = window_before,
};

NBDSRV_FILTER(filter)
