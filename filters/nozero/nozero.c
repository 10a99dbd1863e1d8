/* SPDX-License-Identifier: BSD-3-Clause */
/* The nozero filter: zeroing that is not offered, or not as good as it could be.
 * Gets zero requests where it changes them.
 */
#include "../common/pass.h"

enum zero_mode { NONE, EMULATE, NOTRIM, PLUGIN };
enum fast_mode { FAST_DEFAULT, FAST_NONE, FAST_SLOW, FAST_IGNORE };

struct nozero {
  int zero, fast;
};

static const struct nbdsrv_param params[] = {
    {"zeromode", NBDSRV_ENUM, 0, offsetof(struct nozero, zero), "none",
     "what becomes of zero requests", "none|emulate|notrim|plugin", NULL},
    {"fastzeromode", NBDSRV_ENUM, 0, offsetof(struct nozero, fast), "default",
     "what becomes of fast ones", "default|none|slow|ignore", NULL},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

static void
describe_fast(const struct nozero *n, struct nbdsrv_info *info)
{
  if (n->fast == FAST_SLOW || n->fast == FAST_IGNORE ||
      (n->fast == FAST_DEFAULT && n->zero == EMULATE))
    info->can |= NBDSRV_CAN_FAST_ZERO;
  else if (n->fast == FAST_NONE)
    info->can &= ~NBDSRV_CAN_FAST_ZERO;
}

static int
nozero_describe(void *handle, struct nbdsrv_info *info)
{
  const struct nozero *n = ((struct pass *)handle)->settings;

  if (n->zero == NONE) {
    info->can |= NBDSRV_NO_ZERO;
    info->own_ops = 0;
    return 0;
  }
  if (n->zero != EMULATE && !(info->can & NBDSRV_CAN_ZERO)) {
    nbdsrv_error("zeromode=%s: there is no zeroing below to pass on to",
                 n->zero == NOTRIM ? "notrim" : "plugin");
    return EINVAL;
  }
  info->can |= NBDSRV_CAN_ZERO;
  describe_fast(n, info);
  if (n->zero == PLUGIN && (n->fast == FAST_DEFAULT || n->fast == FAST_NONE))
    info->own_ops = 0;
  return 0;
}

/* Never written: one copy for all. */
static const char zeroes[256 * 1024];

static int
write_zeroes(struct nbdsrv_next *next, uint64_t len, uint64_t off, uint32_t flags)
{
  int error = 0;

  while (len > 0 && !error) {
    uint64_t n = len < sizeof zeroes ? len : sizeof zeroes;
    error = nbdsrv_next_write(next, zeroes, n, off, flags & NBDSRV_FLAG_FUA);
    len -= n;
    off += n;
    if (len > 0 && !error) /* is it still wanted? */
      error = nbdsrv_sleep(0);
  }
  return error;
}

static int
nozero_zero(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  const struct pass *pass = handle;
  const struct nozero *n = pass->settings;

  if ((flags & NBDSRV_FLAG_FAST_ZERO) &&
      (n->fast == FAST_SLOW || (n->fast == FAST_DEFAULT && n->zero == EMULATE)))
    return ENOTSUP;
  if (n->fast == FAST_IGNORE)
    flags &= ~NBDSRV_FLAG_FAST_ZERO;
  if (n->zero == EMULATE)
    return write_zeroes(pass->next, len, off, flags);
  if (n->zero == NOTRIM)
    flags |= NBDSRV_FLAG_NO_HOLE;
  return nbdsrv_next_zero(pass->next, len, off, flags);
}

static struct nbdsrv_plugin filter = {
    .name = "nozero",
    .summary = "takes zeroing away, or makes it worse",
    .params = params,
    .instance_size = sizeof(struct nozero),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .open = pass_open,
    .describe = nozero_describe,
    .close = free,
    .zero = nozero_zero,
};

NBDSRV_FILTER(filter)
