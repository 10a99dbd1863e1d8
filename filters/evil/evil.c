/* SPDX-License-Identifier: BSD-3-Clause */
/* The evil filter: reads return bits that are not what was written.
 * Gets reads; bits.c says which bits are wrong, the extents below where there is data.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#include "../../plugins/common/prng.h"
#include "../common/pass.h"
#include "bits.h"

/* Less is never, more is always. */
#define LEAST 1e-12
#define MOST  (1.0 / 8)

enum mode { COSMIC_RAYS, STUCK_BITS, STUCK_WIRES };

struct evil {
  int mode;
  const char *probability_text, *seed_text;
  double probability, stuck;
  uint64_t seed;
  struct bits bits;
  atomic_ullong reads; /* each has chances of its own */
};

struct handle {
  struct pass pass; /* first */
  bool has_extents;
};

static const struct nbdsrv_param params[] = {
    {"evil", NBDSRV_ENUM, 0, offsetof(struct evil, mode), "stuck-bits",
     "what goes wrong", "cosmic-rays|stuck-bits|stuck-wires", NULL},
    {"evil-probability", NBDSRV_STRING, 0, offsetof(struct evil, probability_text),
     NULL, "of a bit to be wrong: 1e-6, 1:1000000 or 0.1%; default: 1e-8, wires 1e-6",
     NULL, "P"},
    {"evil-stuck-probability", NBDSRV_FRACTION, 0, offsetof(struct evil, stuck), "1",
     "of a stuck bit to be read as stuck", NULL, "P"},
    {"evil-seed", NBDSRV_STRING, 0, offsetof(struct evil, seed_text), NULL,
     "number that makes runs repeatable; default: a random one", NULL, "N"},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

static int
evil_ready(void *inst)
{
  struct evil *e = inst;
  int error = prng_parse_seed("evil-seed", e->seed_text, &e->seed);

  e->probability = e->mode == STUCK_WIRES ? 1e-6 : 1e-8;
  if (!error && e->probability_text)
    error =
        nbdsrv_parse_fraction("evil-probability", e->probability_text, &e->probability);
  if (error)
    return error;
  if (e->probability < LEAST)
    e->probability = 0;
  else if (e->probability > MOST)
    e->probability = 1;
  bits_init(&e->bits, e->probability);
  return 0;
}

static int
evil_open(void *inst, const struct nbdsrv_client *client, void **handle)
{
  return pass_open_size(inst, client, sizeof(struct handle), handle);
}

static int
evil_describe(void *handle, struct nbdsrv_info *info)
{
  struct handle *h = handle;
  const struct evil *e = h->pass.settings;

  h->has_extents = (info->can & NBDSRV_CAN_EXTENTS) != 0;
  if (e->probability == 0)
    info->own_ops = 0;
  return 0;
}

/* A read under way. */
struct victim {
  const struct handle *handle;
  uint8_t *buf;
  uint64_t len, off;
  uint64_t known; /* up to here in buf it is known ... */
  bool is_data;   /* ... that this is data, or none */
  struct prng dice;
};

/* What is a hole below stays as it is. */
static bool
is_data(struct victim *v, uint64_t at)
{
  struct nbdsrv_extents *extents;
  uint64_t off, len;
  uint32_t type;

  if (at < v->known)
    return v->is_data;
  v->known = v->len;
  v->is_data = true;
  if (!v->handle->has_extents)
    return true;
  extents = nbdsrv_extents_new(NULL, v->len - at, v->off + at);
  if (extents &&
      nbdsrv_next_extents(v->handle->pass.next, v->len - at, v->off + at,
                          NBDSRV_FLAG_REQ_ONE, extents) == 0 &&
      nbdsrv_extents_count(extents) > 0) {
    nbdsrv_extents_get(extents, 0, &off, &len, &type);
    v->known = off + len - v->off;
    v->is_data = !(type & (NBDSRV_EXTENT_HOLE | NBDSRV_EXTENT_ZERO));
  }
  nbdsrv_extents_free(extents);
  return v->is_data;
}

static double
chance(struct prng *dice)
{
  return (double)(prng_next(dice) >> 11) / (double)(UINT64_C(1) << 53);
}

static void
hit(void *opaque, uint64_t bit, bool value)
{
  struct victim *v = opaque;
  const struct evil *e = v->handle->pass.settings;
  uint8_t mask = (uint8_t)(1u << (bit % 8));

  if (!is_data(v, bit / 8))
    return;
  if (e->mode == COSMIC_RAYS)
    v->buf[bit / 8] ^= mask;
  else if (e->stuck < 1 && chance(&v->dice) >= e->stuck)
    return;
  else if (value)
    v->buf[bit / 8] |= mask;
  else
    v->buf[bit / 8] &= (uint8_t)~mask;
}

static int
evil_read(void *handle, void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  const struct handle *h = handle;
  struct evil *e = h->pass.settings;
  struct victim v = {.handle = h, .buf = buf, .len = len, .off = off};
  int error = nbdsrv_next_read(h->pass.next, buf, len, off, flags);
  uint64_t seed;

  if (error)
    return error;
  seed = prng_split(~e->seed, 1) + atomic_fetch_add(&e->reads, 1);
  v.dice = prng_new(prng_split(seed, 1));
  if (e->mode == COSMIC_RAYS)
    bits_walk(&e->bits, seed, len, 0, hit, &v);
  else
    bits_walk(&e->bits, e->seed, len, e->mode == STUCK_BITS ? off : 0, hit, &v);
  return 0;
}

static struct nbdsrv_plugin filter = {
    .name = "evil",
    .summary = "lets reads return bits that are wrong",
    .params = params,
    .instance_size = sizeof(struct evil),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .ready = evil_ready,
    .open = evil_open,
    .describe = evil_describe,
    .close = free,
    .read = evil_read,
};

NBDSRV_FILTER(filter)
