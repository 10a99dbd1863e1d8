/* SPDX-License-Identifier: BSD-3-Clause */
/* A plugin for tests: a disk in memory that writes down each call it gets, and that
 * lacks, refuses or states what its parameters say.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <nbdsrv-plugin.h>

#define MOST_CONTEXTS 3

struct recorder {
  uint64_t size, keep, extent;
  const char *record, *error_op;
  uint32_t without, with; /* NBDSRV_CAN_*: cleared, added */
  uint32_t minimum, preferred, maximum, contexts;
  int32_t error, turns;
  uint64_t error_at;
  uint8_t *disk;
  int fd;
  atomic_int writing;
};

static const struct {
  const char *name;
  uint32_t can;
} abilities[] = {
    {"write", NBDSRV_CAN_WRITE},
    {"flush", NBDSRV_CAN_FLUSH},
    {"trim", NBDSRV_CAN_TRIM},
    {"zero", NBDSRV_CAN_ZERO},
    {"fast-zero", NBDSRV_CAN_FAST_ZERO},
    {"fua", NBDSRV_CAN_FUA},
    {"cache", NBDSRV_CAN_CACHE},
    {"extents", NBDSRV_CAN_EXTENTS},
    {"multi-conn", NBDSRV_CAN_MULTI_CONN},
    {"rotational", NBDSRV_IS_ROTATIONAL},
};

#define MEMBER(name, type, fallback, help)                                             \
  {                                                                                    \
#name, type, 0, offsetof(struct recorder, name), fallback, help, NULL, NULL        \
  }

static const struct nbdsrv_param params[] = {
    MEMBER(size, NBDSRV_SIZE, "1M", "of the disk"),
    MEMBER(keep, NBDSRV_SIZE, "1G",
           "bytes that are kept; what is written behind is lost"),
    MEMBER(record, NBDSRV_PATH, NULL, "where the calls are written down"),
    MEMBER(minimum, NBDSRV_UINT32, NULL, "block size stated"),
    MEMBER(preferred, NBDSRV_UINT32, NULL, "block size stated"),
    MEMBER(maximum, NBDSRV_UINT32, NULL, "payload stated"),
    MEMBER(contexts, NBDSRV_UINT32, NULL, "further contexts, 0 to 3"),
    MEMBER(extent, NBDSRV_SIZE, "64k", "length of extents, hole and data in turn"),
    MEMBER(error, NBDSRV_INT32, NULL, "errno value for calls that touch error_at"),
    MEMBER(error_at, NBDSRV_SIZE, "0", "offset of the bad byte"),
    MEMBER(turns, NBDSRV_BOOL, NULL, "writes in turns; those that meet fail"),
    MEMBER(error_op, NBDSRV_STRING, NULL, "the only call that fails: read, zero ..."),
    {"without", NBDSRV_FREE, NBDSRV_REPEAT, 0, NULL, "an ability to lack", NULL,
     "ABILITY"},
    {"with", NBDSRV_FREE, NBDSRV_REPEAT, 0, NULL, "an ability to add", NULL, "ABILITY"},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

static int
config(void *inst, const char *key, const char *value)
{
  struct recorder *r = inst;

  for (size_t i = 0; i < sizeof abilities / sizeof *abilities; i++)
    if (strcmp(abilities[i].name, value) == 0) {
      *(strcmp(key, "with") == 0 ? &r->with : &r->without) |= abilities[i].can;
      return 0;
    }
  nbdsrv_error("recorder: no ability '%s'", value);
  return EINVAL;
}

static int
ready(void *inst)
{
  struct recorder *r = inst;

  r->fd =
      r->record ? open(r->record, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
  r->keep = r->keep < r->size ? r->keep : r->size;
  r->disk = calloc(1, r->keep ? r->keep : 1);
  return r->disk ? 0 : ENOMEM;
}

static void
stop(void *inst)
{
  struct recorder *r = inst;

  free(r->disk);
  if (r->fd >= 0)
    close(r->fd);
}

static int
describe(void *handle, struct nbdsrv_info *info)
{
  static const char *const names[MOST_CONTEXTS + 1] = {
      "x-recorder:one", "x-recorder:two", "x-other:three", NULL};
  static const char *const *const choice[MOST_CONTEXTS + 1] = {NULL, names + 2,
                                                               names + 1, names};
  struct recorder *r = handle;

  info->export_size = r->size;
  info->can |= NBDSRV_CAN_MULTI_CONN | NBDSRV_CAN_FUA | NBDSRV_CAN_FAST_ZERO | r->with;
  info->can &= ~r->without;
  info->block_minimum = r->minimum;
  info->block_preferred = r->preferred;
  info->block_maximum = r->maximum;
  info->turn_ops = r->turns ? NBDSRV_OP_WRITE : 0;
  info->contexts = r->contexts <= MOST_CONTEXTS ? choice[r->contexts] : NULL;
  return 0;
}

/* One line a call, written at once; the error that it is to meet. */
static int
record(struct recorder *r, const char *what, uint64_t len, uint64_t off, uint32_t flags)
{
  if (r->fd >= 0)
    dprintf(r->fd, "%s %llu %llu %u\n", what, (unsigned long long)len,
            (unsigned long long)off, flags);
  if (r->error_op && strcmp(r->error_op, what) != 0)
    return 0;
  if (r->error && off <= r->error_at && r->error_at - off < len) {
    nbdsrv_error("byte %llu is bad", (unsigned long long)r->error_at);
    return r->error;
  }
  return 0;
}

/* How much of a range is kept. */
static size_t
kept(const struct recorder *r, uint64_t len, uint64_t off)
{
  if (off >= r->keep)
    return 0;
  return len < r->keep - off ? len : r->keep - off;
}

static int
read_data(void *handle, void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  struct recorder *r = handle;
  int error = record(r, "read", len, off, flags);

  if (!error) {
    size_t n = kept(r, len, off);
    memcpy(buf, r->disk + off, n);
    memset((char *)buf + n, 0, len - n);
  }
  return error;
}

static int
write_data(void *handle, const void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  struct recorder *r = handle;
  int error = record(r, "write", len, off, flags);
  bool in_turn = r->turns && !(flags & NBDSRV_FLAG_FUA);

  if (in_turn && atomic_fetch_add(&r->writing, 1) > 0) {
    nbdsrv_error("two writes at a time");
    error = EIO;
  }
  if (!error)
    memcpy(r->disk + off, buf, kept(r, len, off));
  if (in_turn) {
    sched_yield(); /* so that others may meet it here */
    atomic_fetch_sub(&r->writing, 1);
  }
  return error;
}

static int
flush(void *handle, uint32_t flags)
{
  return record(handle, "flush", 0, 0, flags);
}

static int
trim(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  return record(handle, "trim", len, off, flags);
}

static int
zero(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  struct recorder *r = handle;
  int error = record(r, "zero", len, off, flags);

  if (!error)
    memset(r->disk + off, 0, kept(r, len, off));
  return error;
}

static int
cache(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  return record(handle, "cache", len, off, flags);
}

/* Holes and data in turn; context n has its extents n times as long. */
static int
extents(void *handle, uint64_t len, uint64_t off, uint32_t flags,
        struct nbdsrv_extents *list)
{
  struct recorder *r = handle;
  uint32_t context = nbdsrv_extents_context(list);
  uint64_t step = r->extent * (context + 1), at = off - off % step;
  int error = record(r, "extents", len, off, flags);

  while (!error && at < off + len && at < r->size) {
    uint32_t type = at / step % 2 ? 0 : NBDSRV_EXTENT_HOLE | NBDSRV_EXTENT_ZERO;
    error = nbdsrv_extents_add(list, at, step, context ? context * 10 + type : type);
    at += step;
  }
  return error == ERANGE ? 0 : error;
}

static struct nbdsrv_plugin plugin = {
    .name = "recorder",
    .summary = "a disk for tests that writes down each call",
    .params = params,
    .instance_size = sizeof(struct recorder),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .config = config,
    .ready = ready,
    .stop = stop,
    .describe = describe,
    .read = read_data,
    .write = write_data,
    .flush = flush,
    .trim = trim,
    .zero = zero,
    .cache = cache,
    .extents = extents,
};

NBDSRV_PLUGIN(plugin)
