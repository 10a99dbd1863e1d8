/* SPDX-License-Identifier: BSD-3-Clause */
/* The cow filter: changes go to a temporary file and are gone with the server.
 * Gets every operation but what lies below never sees a change; blocks.c keeps what
 * was changed.
 */
#include "../common/disks.h"
#include "../common/pass.h"
#include "../common/toggle.h"

struct cow {
  uint64_t block_size;
  int on_cache;
  const char *on_read_text;
  struct toggle on_read;
  struct disks disks;
};

struct handle {
  struct pass pass; /* first */
  struct below below;
  struct blocks *blocks;
};

static const struct nbdsrv_param params[] = {
    {"cow-block-size", NBDSRV_SIZE, 0, offsetof(struct cow, block_size), "64k",
     "what is copied at least", NULL, NULL},
    {"cow-on-cache", NBDSRV_BOOL, 0, offsetof(struct cow, on_cache), "false",
     "keep what clients want to have cached", NULL, NULL},
    {"cow-on-read", NBDSRV_STRING, 0, offsetof(struct cow, on_read_text), "false",
     "keep what clients read; a path: while it exists", NULL, "BOOL|/PATH"},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

static int
cow_ready(void *inst)
{
  struct cow *c = inst;
  unsigned shift;
  int error = toggle_parse("cow-on-read", c->on_read_text, &c->on_read);

  if (!error)
    error = blocks_shift("cow-block-size", c->block_size, &shift);
  return error ? error : disks_init(&c->disks, shift);
}

static void
cow_stop(void *inst)
{
  disks_destroy(&((struct cow *)inst)->disks);
}

static int
cow_open(void *inst, const struct nbdsrv_client *client, void **handle)
{
  return pass_open_reading(inst, client, sizeof(struct handle), handle);
}

static int
cow_describe(void *handle, struct nbdsrv_info *info)
{
  struct handle *h = handle;
  struct cow *c = h->pass.settings;

  h->below = (struct below){h->pass.next, info->export_size};
  info->can |= NBDSRV_CAN_WRITE | NBDSRV_CAN_FLUSH | NBDSRV_CAN_TRIM | NBDSRV_CAN_ZERO |
               NBDSRV_CAN_FAST_ZERO | NBDSRV_CAN_FUA | NBDSRV_CAN_EXTENTS |
               NBDSRV_CAN_MULTI_CONN;
  info->can &= ~(NBDSRV_NO_ZERO | NBDSRV_NO_FUA);
  if (c->on_cache)
    info->can |= NBDSRV_CAN_CACHE;
  info->contexts = NULL; /* they say nothing about what was changed */
  return disks_find(&c->disks, info, &h->blocks);
}

/* Without the range lock: a block comes to the file before its state says so, and
 * never leaves again but for zeroes. */
static int
cow_read(void *handle, void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  struct handle *h = handle;
  const struct cow *c = h->pass.settings;

  (void)flags;
  if (toggle_is_on(&c->on_read))
    blocks_fetch(h->blocks, &h->below, len,
                 off); /* without room for it, it can still be read */
  return blocks_read(h->blocks, &h->below, buf, len, off);
}

static int
cow_write(void *handle, const void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  struct handle *h = handle;
  struct range range;
  int error;

  (void)flags;
  blocks_enter(h->blocks, &range, len, off, true);
  error = blocks_write(h->blocks, &h->below, buf, len, off, BLOCK_HELD);
  blocks_leave(h->blocks, &range);
  return error;
}

/* What is written lives as long as the server: there is nothing more stable. */
static int
cow_flush(void *handle, uint32_t flags)
{
  (void)handle;
  (void)flags;
  return 0;
}

static int
cow_trim(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  struct handle *h = handle;
  struct range range;
  uint64_t first, count;
  int error;

  (void)flags;
  if (!blocks_inside(h->blocks, h->below.size, len, off, &first, &count))
    return 0;
  blocks_enter(h->blocks, &range, len, off, true);
  error = blocks_drop(h->blocks, first, count, BLOCK_ZERO);
  blocks_leave(h->blocks, &range);
  return error;
}

static int
cow_zero(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  struct handle *h = handle;
  struct range range;
  int error;

  blocks_enter(h->blocks, &range, len, off, true);
  error = flags & NBDSRV_FLAG_NO_HOLE
              ? blocks_write(h->blocks, &h->below, NULL, len, off, BLOCK_HELD)
              : blocks_zero(h->blocks, &h->below, len, off, BLOCK_HELD);
  blocks_leave(h->blocks, &range);
  return error;
}

static int
cow_cache(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  struct handle *h = handle;
  const struct cow *c = h->pass.settings;

  return c->on_cache ? blocks_fetch(h->blocks, &h->below, len, off)
                     : nbdsrv_next_cache(h->below.next, len, off, flags);
}

static int
cow_extents(void *handle, uint64_t len, uint64_t off, uint32_t flags,
            struct nbdsrv_extents *extents)
{
  struct handle *h = handle;

  return blocks_extents(h->blocks, &h->below, false, len, off, flags, extents);
}

static struct nbdsrv_plugin filter = {
    .name = "cow",
    .summary = "keeps changes in a temporary file, what lies below unchanged",
    .params = params,
    .instance_size = sizeof(struct cow),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .ready = cow_ready,
    .stop = cow_stop,
    .open = cow_open,
    .describe = cow_describe,
    .close = free,
    .read = cow_read,
    .write = cow_write,
    .flush = cow_flush,
    .trim = cow_trim,
    .zero = cow_zero,
    .cache = cow_cache,
    .extents = cow_extents,
};

NBDSRV_FILTER(filter)
