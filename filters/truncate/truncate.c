/* SPDX-License-Identifier: BSD-3-Clause */
/* The truncate filter: another size than the disk below has.
 * A smaller disk is only described; a larger one has a tail of zeroes, which the
 * operations that reach into it are kept from below.
 */
#include <stdbool.h>
#include <string.h>

#include "../common/extents.h"
#include "../common/pass.h"

struct truncate {
  uint64_t size, round_up, round_down;
  bool has_size;
};

struct handle {
  struct pass pass;    /* first */
  uint64_t below, now; /* sizes */
};

static const struct nbdsrv_param params[] = {
    {"truncate", NBDSRV_FREE, 0, 0, NULL, "size of the disk", NULL, "SIZE"},
    {"round-up", NBDSRV_SIZE, 0, offsetof(struct truncate, round_up), NULL,
     "make the size a multiple of this by adding zeroes", NULL, NULL},
    {"round-down", NBDSRV_SIZE, 0, offsetof(struct truncate, round_down), NULL,
     "make the size a multiple of this by leaving the rest out", NULL, NULL},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

/* 0 is a size like any other. */
static int
truncate_config(void *inst, const char *key, const char *value)
{
  struct truncate *t = inst;

  t->has_size = true;
  return nbdsrv_parse_size(key, value, &t->size);
}

static int
truncate_ready(void *inst)
{
  const struct truncate *t = inst;

  if (!t->round_up || !t->round_down)
    return 0;
  nbdsrv_error("round-up and round-down exclude each other");
  return EINVAL;
}

static int
truncate_open(void *inst, const struct nbdsrv_client *client, void **handle)
{
  return pass_open_size(inst, client, sizeof(struct handle), handle);
}

static int
truncate_describe(void *handle, struct nbdsrv_info *info)
{
  struct handle *h = handle;
  const struct truncate *t = h->pass.settings;
  uint64_t size = t->has_size ? t->size : info->export_size;

  if (t->round_up && size % t->round_up) {
    if (size > INT64_MAX - t->round_up) {
      nbdsrv_error("the size %llu cannot be rounded up", (unsigned long long)size);
      return EOVERFLOW;
    }
    size += t->round_up - size % t->round_up;
  }
  if (t->round_down)
    size -= size % t->round_down;
  h->below = info->export_size;
  h->now = info->export_size = size;
  if (h->now <= h->below) /* nothing reaches beyond; extents are cut */
    info->own_ops &= NBDSRV_OP_EXTENTS;
  if (h->now == h->below)
    info->own_ops = 0;
  return 0;
}

/* How much of a range lies on the disk below. */
static uint64_t
real_part(const struct handle *h, uint64_t len, uint64_t off)
{
  if (off >= h->below)
    return 0;
  return len < h->below - off ? len : h->below - off;
}

static int
truncate_read(void *handle, void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  const struct handle *h = handle;
  uint64_t real = real_part(h, len, off);

  memset((char *)buf + real, 0, len - real);
  return nbdsrv_next_read(h->pass.next, buf, real, off, flags);
}

static int
truncate_write(void *handle, const void *buf, uint64_t len, uint64_t off,
               uint32_t flags)
{
  const struct handle *h = handle;
  uint64_t real = real_part(h, len, off);
  const char *p = buf;

  for (uint64_t i = real; i < len; i++)
    if (p[i] != 0) {
      nbdsrv_error("only zeroes can be written beyond the real end");
      return ENOSPC;
    }
  return nbdsrv_next_write(h->pass.next, buf, real, off, flags);
}

static int
truncate_trim(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  const struct handle *h = handle;

  return nbdsrv_next_trim(h->pass.next, real_part(h, len, off), off, flags);
}

static int
truncate_zero(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  const struct handle *h = handle;

  return nbdsrv_next_zero(h->pass.next, real_part(h, len, off), off, flags);
}

static int
truncate_cache(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  const struct handle *h = handle;

  return nbdsrv_next_cache(h->pass.next, real_part(h, len, off), off, flags);
}

static int
truncate_extents(void *handle, uint64_t len, uint64_t off, uint32_t flags,
                 struct nbdsrv_extents *extents)
{
  const struct handle *h = handle;
  uint64_t end = h->below < h->now ? h->below : h->now;
  uint64_t real = real_part(h, len, off), reached = off;
  int error = 0;

  if (real > 0)
    error = extents_pass(h->pass.next, real, off, flags, end, 0, extents, &reached);
  if (!error && reached >= h->below)
    nbdsrv_extents_add(extents, reached, h->now - reached,
                       nbdsrv_extents_context(extents) == 0
                           ? NBDSRV_EXTENT_HOLE | NBDSRV_EXTENT_ZERO
                           : 0);
  return error;
}

static struct nbdsrv_plugin filter = {
    .name = "truncate",
    .summary = "shows another size than the disk has",
    .params = params,
    .instance_size = sizeof(struct truncate),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .config = truncate_config,
    .ready = truncate_ready,
    .open = truncate_open,
    .describe = truncate_describe,
    .close = free,
    .read = truncate_read,
    .write = truncate_write,
    .trim = truncate_trim,
    .zero = truncate_zero,
    .cache = truncate_cache,
    .extents = truncate_extents,
};

NBDSRV_FILTER(filter)
