/* SPDX-License-Identifier: BSD-3-Clause */
/* The cache filter: keeps blocks in a temporary file, so that the layer below is
 * asked less often and written to later.
 * Gets every operation; blocks.c keeps the blocks, writeback.c and reclaim.c send
 * them down.
 */
#include <sys/statvfs.h>

#include "cache.h"

#define DEFAULT_BLOCK_SIZE 65536u

static const struct nbdsrv_param params[] = {
    {"cache", NBDSRV_ENUM, 0, offsetof(struct cache, mode), "writeback",
     "when writes go below: at a flush, at once, or only if room is needed",
     "writeback|writethrough|unsafe", NULL},
    {"cache-min-block-size", NBDSRV_SIZE, 0, offsetof(struct cache, min_block_size),
     NULL, "what is kept at least; 64k if not given", NULL, NULL},
    {"cache-max-size", NBDSRV_SIZE, 0, offsetof(struct cache, max_size), NULL,
     "how much is kept; as much as there is if not given", NULL, NULL},
    {"cache-high-threshold", NBDSRV_UINT32, 0, offsetof(struct cache, high_threshold),
     "95", "percent of cache-max-size above which blocks are dropped", NULL, NULL},
    {"cache-low-threshold", NBDSRV_UINT32, 0, offsetof(struct cache, low_threshold),
     "80", "percent of cache-max-size down to which they are", NULL, NULL},
    {"cache-on-read", NBDSRV_STRING, 0, offsetof(struct cache, on_read_text), "false",
     "keep what clients read; a path: while it exists", NULL, "BOOL|/PATH"},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

/* A block of the filesystem is the least that it can give back. */
static void
choose_block_size(struct disks *disks)
{
  struct statvfs st;

  if (fstatvfs(disks->list->fd, &st) == -1)
    return;
  while (((unsigned long)1 << disks->shift) < st.f_bsize && disks->shift < 30)
    disks->shift++;
  disks->list->shift = disks->shift;
}

static int
check_sizes(const struct cache *c, unsigned shift)
{
  if (c->low_threshold == 0 || c->low_threshold >= c->high_threshold) {
    nbdsrv_error("0 < cache-low-threshold < cache-high-threshold is not so");
    return EINVAL;
  }
  if (c->max_size && c->max_size >> shift == 0) {
    nbdsrv_error("cache-max-size is smaller than a block");
    return EINVAL;
  }
  return 0;
}

static int
cache_ready(void *inst)
{
  struct cache *c = inst;
  unsigned shift;
  int error = toggle_parse("cache-on-read", c->on_read_text, &c->on_read);

  if (!error)
    error = blocks_shift("cache-min-block-size",
                         c->min_block_size ? c->min_block_size : DEFAULT_BLOCK_SIZE,
                         &shift);
  if (!error)
    error = check_sizes(c, shift);
  if (!error)
    error = disks_init(&c->disks, shift);
  if (error)
    return error;
  if (!c->min_block_size)
    choose_block_size(&c->disks);
  pthread_mutex_init(&c->flush_lock, NULL);
  return 0;
}

static void
cache_stop(void *inst)
{
  struct cache *c = inst;

  disks_destroy(&c->disks);
  pthread_mutex_destroy(&c->flush_lock);
}

static int
cache_open(void *inst, const struct nbdsrv_client *client, void **handle)
{
  int error = pass_open_size(inst, client, sizeof(struct handle), handle);

  if (!error)
    ((struct handle *)*handle)->cache = inst;
  return error;
}

static int
cache_describe(void *handle, struct nbdsrv_info *info)
{
  struct handle *h = handle;

  h->below = (struct below){h->pass.next, info->export_size};
  /* What one connection sends below has to be covered by the flush of another. */
  if (h->cache->mode != CACHE_UNSAFE && !(info->can & NBDSRV_CAN_MULTI_CONN))
    h->flush_flags = NBDSRV_FLAG_FUA;
  info->can |= NBDSRV_CAN_CACHE;
  info->contexts = NULL; /* they know nothing of what is dirty here */
  if (h->cache->mode == CACHE_WRITETHROUGH)
    info->own_ops &= ~(NBDSRV_OP_FLUSH | NBDSRV_OP_EXTENTS); /* nothing is dirty */
  else {
    info->can &= ~(NBDSRV_NO_ZERO | NBDSRV_NO_FUA);
    info->can |= NBDSRV_CAN_FLUSH | NBDSRV_CAN_FUA | NBDSRV_CAN_ZERO |
                 NBDSRV_CAN_FAST_ZERO | NBDSRV_CAN_EXTENTS | NBDSRV_CAN_MULTI_CONN;
  }
  return disks_find(&h->cache->disks, info, &h->blocks);
}

/* --------------------------------------------------------------------- reading */

/* With the range, so that no block is dropped while it is read. */
static int
cache_read(void *handle, void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  struct handle *h = handle;
  struct range range;
  int error;

  (void)flags;
  if (toggle_is_on(&h->cache->on_read))
    blocks_fetch(h->blocks, &h->below, len,
                 off); /* without room for it, it can still be read */
  blocks_enter(h->blocks, &range, len, off, false);
  error = blocks_read(h->blocks, &h->below, buf, len, off);
  blocks_leave(h->blocks, &range);
  reclaim_used(h, len, off);
  reclaim_run(h, len);
  return error;
}

/* Most that is fetched before room is made for more. */
#define FETCH_PIECE ((uint64_t)4 * 1024 * 1024)

static int
cache_cache(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  struct handle *h = handle;
  int error = 0;

  (void)flags;
  if (h->cache->max_size && len > h->cache->max_size)
    len = h->cache->max_size; /* more would drive out what was just fetched */
  while (len > 0 && !error) {
    uint64_t n = len < FETCH_PIECE ? len : FETCH_PIECE;
    error = blocks_fetch(h->blocks, &h->below, n, off);
    reclaim_used(h, n, off);
    reclaim_run(h, n);
    len -= n;
    off += n;
  }
  return error;
}

static int
cache_extents(void *handle, uint64_t len, uint64_t off, uint32_t flags,
              struct nbdsrv_extents *extents)
{
  struct handle *h = handle;
  struct range range;
  int error;

  blocks_enter(h->blocks, &range, len, off, false);
  error = blocks_extents(h->blocks, &h->below, true, len, off, flags, extents);
  blocks_leave(h->blocks, &range);
  return error;
}

/* --------------------------------------------------------------------- changing */

/* Whether a change has to be below when it is answered. */
static bool
goes_through(const struct handle *h, uint32_t flags)
{
  return h->cache->mode == CACHE_WRITETHROUGH ||
         (h->cache->mode == CACHE_WRITEBACK && (flags & NBDSRV_FLAG_FUA));
}

/* What is here of some bytes may be wrong, and is below. */
static int
drop(struct handle *h, uint64_t len, uint64_t off)
{
  uint64_t first = blocks_number(h->blocks, off);

  return blocks_drop(h->blocks, first,
                     blocks_number(h->blocks, off + len - 1) - first + 1, BLOCK_BELOW);
}

/* After bytes were changed below: the same in the blocks that are here, and in whole
 * ones that were not, if there is room for them.  buf NULL: zeroes. */
static int
follow(struct handle *h, const uint8_t *buf, uint64_t len, uint64_t off)
{
  struct blocks *b = h->blocks;
  int error = 0;

  while (len > 0 && !error) {
    enum block_state state;
    uint64_t n = blocks_run(b, len, off, &state), first, count;

    if (state == BLOCK_ZERO)
      state = BLOCK_DIRTY;
    if (state != BLOCK_BELOW) {
      error = blocks_write(b, &h->below, buf, n, off, state);
      if (error && state == BLOCK_HELD)
        error = drop(h, n, off);
    } else if (buf && blocks_inside(b, h->below.size, n, off, &first, &count)) {
      uint64_t start = first << b->shift, end = (first + count) << b->shift;
      if (end > off + n)
        end = off + n;
      /* They are below, and stay there alone otherwise. */
      blocks_write(b, &h->below, buf + (start - off), end - start, start, BLOCK_HELD);
    }
    buf = buf ? buf + n : NULL;
    len -= n;
    off += n;
  }
  return error;
}

/* After a change below that failed half-way, perhaps: what is here and not dirty may
 * be wrong. */
static void
forget(struct handle *h, uint64_t len, uint64_t off)
{
  while (len > 0) {
    enum block_state state;
    uint64_t n = blocks_run(h->blocks, len, off, &state);

    if (state == BLOCK_HELD)
      drop(h, n, off);
    len -= n;
    off += n;
  }
}

static int
write_through(struct handle *h, const void *buf, uint64_t len, uint64_t off,
              uint32_t flags)
{
  int error = nbdsrv_next_write(h->below.next, buf, len, off, flags);

  if (!error)
    return follow(h, buf, len, off);
  forget(h, len, off);
  return error;
}

/* After a change that could not be kept here: what is dirty of these bytes goes below,
 * so that the change can. */
static int
make_way(struct handle *h, uint64_t len, uint64_t off)
{
  uint64_t first = blocks_number(h->blocks, off);

  return writeback_range(h, first, blocks_number(h->blocks, off + len - 1) - first + 1,
                         h->flush_flags);
}

/* In the file only, if there is room for it. */
static int
write_here(struct handle *h, const void *buf, uint64_t len, uint64_t off)
{
  int error = blocks_write(h->blocks, &h->below, buf, len, off, BLOCK_DIRTY);

  if (error)
    error =
        make_way(h, len, off) ? error : write_through(h, buf, len, off, h->flush_flags);
  return error;
}

static int
cache_write(void *handle, const void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  struct handle *h = handle;
  struct range range;
  int error;

  blocks_enter(h->blocks, &range, len, off, true);
  error = goes_through(h, flags) ? write_through(h, buf, len, off, flags)
                                 : write_here(h, buf, len, off);
  blocks_leave(h->blocks, &range);
  reclaim_used(h, len, off);
  reclaim_run(h, len);
  return error;
}

static int
zero_through(struct handle *h, uint64_t len, uint64_t off, uint32_t flags)
{
  uint64_t first, count;
  int error = nbdsrv_next_zero(h->below.next, len, off, flags);

  if (error) {
    if (error != ENOTSUP)
      forget(h, len, off);
    return error;
  }
  if (blocks_inside(h->blocks, h->below.size, len, off, &first, &count))
    error = blocks_drop(h->blocks, first, count, BLOCK_BELOW);
  return error ? error : follow(h, NULL, len, off);
}

static int
zero_here(struct handle *h, uint64_t len, uint64_t off, uint32_t flags)
{
  int error = flags & NBDSRV_FLAG_NO_HOLE
                  ? blocks_write(h->blocks, &h->below, NULL, len, off, BLOCK_DIRTY)
                  : blocks_zero(h->blocks, &h->below, len, off, BLOCK_DIRTY);

  if (error && error != ESHUTDOWN)
    error = make_way(h, len, off) ? error
                                  : zero_through(h, len, off, flags | h->flush_flags);
  return error;
}

static int
cache_zero(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  struct handle *h = handle;
  struct range range;
  int error;

  if (h->cache->mode != CACHE_WRITETHROUGH)
    flags &= ~NBDSRV_FLAG_FAST_ZERO; /* no slower than a write */
  blocks_enter(h->blocks, &range, len, off, true);
  error = goes_through(h, flags) ? zero_through(h, len, off, flags)
                                 : zero_here(h, len, off, flags);
  blocks_leave(h->blocks, &range);
  reclaim_run(h, flags & NBDSRV_FLAG_NO_HOLE ? len : 0);
  return error;
}

/* Whole blocks only: the rest of a block may be dirty. */
static int
cache_trim(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  struct handle *h = handle;
  struct range range;
  uint64_t first, count, start, end;
  int error;

  if (h->cache->mode == CACHE_UNSAFE ||
      !blocks_inside(h->blocks, h->below.size, len, off, &first, &count))
    return 0;
  start = first << h->blocks->shift;
  end = (first + count) << h->blocks->shift;
  if (end > off + len)
    end = off + len;
  blocks_enter(h->blocks, &range, len, off, true);
  error = nbdsrv_next_trim(h->below.next, end - start, start, flags);
  if (!error)
    error = blocks_drop(h->blocks, first, count, BLOCK_BELOW);
  blocks_leave(h->blocks, &range);
  return error;
}

static int
cache_flush(void *handle, uint32_t flags)
{
  struct handle *h = handle;
  int error;

  if (h->cache->mode == CACHE_UNSAFE)
    return 0;
  /* One flush writes what the next one relies on: it has to be finished. */
  pthread_mutex_lock(&h->cache->flush_lock);
  error = writeback_all(h);
  if (!error)
    error = nbdsrv_next_flush(h->below.next, flags);
  pthread_mutex_unlock(&h->cache->flush_lock);
  return error;
}

static struct nbdsrv_plugin filter = {
    .name = "cache",
    .summary = "keeps blocks in a temporary file, writes them later",
    .params = params,
    .instance_size = sizeof(struct cache),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .ready = cache_ready,
    .stop = cache_stop,
    .open = cache_open,
    .describe = cache_describe,
    .close = free,
    .read = cache_read,
    .write = cache_write,
    .flush = cache_flush,
    .trim = cache_trim,
    .zero = cache_zero,
    .cache = cache_cache,
    .extents = cache_extents,
};

NBDSRV_FILTER(filter)
