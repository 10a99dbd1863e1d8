/* SPDX-License-Identifier: BSD-3-Clause */
/* The spinning filter: lets operations wait as a disk with moving heads does.
 * Gets reads and writes of all kinds; hands them on when the head has arrived.
 */
#include <pthread.h>

#include "../common/call.h"
#include "../common/clock.h"
#include "../common/pass.h"

#define MOST_HEADS 1024
#define TRACK      (1024u * 1024) /* what is read without moving the head */
#define LONGEST    1e15           /* nanoseconds of a seek, so that sums of them fit */

/* Heads that move together. */
struct arm {
  uint64_t position; /* of its heads, each in its part of the disk */
  uint64_t free_ns;  /* when it has done all that was asked of it so far */
};

struct spinning {
  uint32_t heads;
  int separate;
  uint64_t min_ns, half_ns, max_ns;
  pthread_mutex_t lock; /* guards arms */
  struct arm *arms;     /* one, or as many as heads */
};

struct handle {
  struct pass pass; /* first */
  uint64_t part;    /* of the disk that one head has, in bytes */
};

static const struct nbdsrv_param params[] = {
    {"heads", NBDSRV_UINT32, 0, offsetof(struct spinning, heads), "1",
     "number of heads, each with its part of the disk", NULL, NULL},
    {"separate-heads", NBDSRV_BOOL, 0, offsetof(struct spinning, separate), "false",
     "heads move each for itself", NULL, NULL},
    {"min-seek-time", NBDSRV_DURATION, 0, offsetof(struct spinning, min_ns), "0.01",
     "from one track to the next", NULL, NULL},
    {"half-seek-time", NBDSRV_DURATION, 0, offsetof(struct spinning, half_ns), "0.2",
     "across half of the disk", NULL, NULL},
    {"max-seek-time", NBDSRV_DURATION, 0, offsetof(struct spinning, max_ns), "0.5",
     "across all of it", NULL, NULL},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

static int
spinning_ready(void *inst)
{
  struct spinning *s = inst;

  if (s->heads == 0 || s->heads > MOST_HEADS) {
    nbdsrv_error("heads: %u is not from 1 to %u", s->heads, MOST_HEADS);
    return EINVAL;
  }
  s->arms = calloc(s->separate ? s->heads : 1, sizeof *s->arms);
  if (!s->arms)
    return ENOMEM;
  pthread_mutex_init(&s->lock, NULL);
  return 0;
}

static void
spinning_stop(void *inst)
{
  struct spinning *s = inst;

  pthread_mutex_destroy(&s->lock);
  free(s->arms);
}

static int
spinning_open(void *inst, const struct nbdsrv_client *client, void **handle)
{
  return pass_open_size(inst, client, sizeof(struct handle), handle);
}

static int
spinning_describe(void *handle, struct nbdsrv_info *info)
{
  struct handle *h = handle;
  const struct spinning *s = h->pass.settings;

  info->can |= NBDSRV_IS_ROTATIONAL;
  info->own_ops = NBDSRV_OP_READ | NBDSRV_OP_WRITE | NBDSRV_OP_ZERO | NBDSRV_OP_CACHE;
  h->part = info->export_size / s->heads + (info->export_size % s->heads != 0);
  return 0;
}

/* The curve through the three times that are given. */
static uint64_t
seek_ns(const struct spinning *s, uint64_t part, uint64_t from, uint64_t to)
{
  uint64_t distance = from < to ? to - from : from - to;
  double d = (double)distance / (double)part;
  double min = (double)s->min_ns, half = (double)s->half_ns, max = (double)s->max_ns;
  double a = 2 * (max + min - 2 * half), b = max - min - a;
  double ns = (a * d + b) * d + min;

  if (from / TRACK == to / TRACK || ns < 0)
    return 0;
  return ns < LONGEST ? (uint64_t)ns : (uint64_t)LONGEST;
}

/* Requests for an arm wait one after the other, in the order in which they come. */
static int
move(struct handle *h, uint64_t len, uint64_t off)
{
  struct spinning *s = h->pass.settings;
  struct arm *arm = &s->arms[s->separate ? off / h->part : 0];
  uint64_t to = off % h->part, end = to + len < h->part ? to + len : h->part;
  uint64_t now = clock_ns(), wait;

  pthread_mutex_lock(&s->lock);
  if (arm->free_ns < now)
    arm->free_ns = now;
  arm->free_ns += seek_ns(s, h->part, arm->position, to);
  arm->position = end;
  wait = arm->free_ns - now;
  pthread_mutex_unlock(&s->lock);
  return wait ? nbdsrv_sleep(wait) : 0;
}

static int
spinning_call(void *handle, const struct call *call)
{
  struct handle *h = handle;
  int error = move(h, call->len, call->off);

  return error ? error : call_below(h->pass.next, call);
}

CALL_MEMBERS(spinning, spinning_call)

static struct nbdsrv_plugin filter = {
    .name = "spinning",
    .summary = "lets operations wait as a disk with moving heads does",
    .params = params,
    .instance_size = sizeof(struct spinning),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .ready = spinning_ready,
    .stop = spinning_stop,
    .open = spinning_open,
    .describe = spinning_describe,
    .close = free,
    .read = spinning_read,
    .write = spinning_write,
    .flush = spinning_flush,
    .trim = spinning_trim,
    .zero = spinning_zero,
    .cache = spinning_cache,
    .extents = spinning_extents,
};

NBDSRV_FILTER(filter)
