/* SPDX-License-Identifier: BSD-3-Clause */
/* The fua filter: what becomes of FUA and of flushes.
 * Changes flags by a hook, or flushes after a change; takes flushes where they have
 * become nothing.
 */
#include "../common/pass.h"

#define CHANGES (NBDSRV_OP_WRITE | NBDSRV_OP_TRIM | NBDSRV_OP_ZERO)

enum mode { NONE, EMULATE, NATIVE, FORCE, PASS, DISCARD };

struct fua {
  int mode;
};

static const struct nbdsrv_param params[] = {
    {"fuamode", NBDSRV_ENUM, 0, offsetof(struct fua, mode), "none",
     "what becomes of FUA", "none|emulate|native|force|pass|discard", NULL},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

/* Whether what a mode relies on is there. */
static int
check_below(enum mode mode, uint32_t can)
{
  if (mode == EMULATE && !(can & NBDSRV_CAN_FLUSH)) {
    nbdsrv_error("fuamode=emulate: there is no flush below");
    return EINVAL;
  }
  if ((mode == NATIVE || mode == FORCE) &&
      !(can & (NBDSRV_CAN_FUA | NBDSRV_CAN_FLUSH))) {
    nbdsrv_error("fuamode=%s: there is neither FUA nor flush below",
                 mode == NATIVE ? "native" : "force");
    return EINVAL;
  }
  return 0;
}

static enum mode
mode_of(void *handle)
{
  return (enum mode)((struct fua *)((struct pass *)handle)->settings)->mode;
}

static int
fua_describe(void *handle, struct nbdsrv_info *info)
{
  enum mode mode = mode_of(handle);
  int error = check_below(mode, info->can);

  info->own_ops = info->hook_ops = 0;
  if (mode == NONE) {
    info->can &= ~NBDSRV_CAN_FUA;
    info->can |= NBDSRV_NO_FUA;
  } else if (mode != PASS) {
    info->can &= ~NBDSRV_NO_FUA;
    info->can |= NBDSRV_CAN_FUA;
  }
  if (mode == EMULATE)
    info->own_ops = CHANGES;
  else if (mode == FORCE || mode == DISCARD) {
    info->hook_ops = CHANGES;
    info->can |= NBDSRV_CAN_FLUSH;
    info->own_ops = info->inline_ops = NBDSRV_OP_FLUSH;
  }
  return error;
}

/* force and discard */
static int
fua_before(void *handle, struct nbdsrv_op *op)
{
  if (mode_of(handle) == FORCE)
    op->flags |= NBDSRV_FLAG_FUA;
  else
    op->flags &= ~NBDSRV_FLAG_FUA;
  return 0;
}

/* The same: everything is stable already, or nobody cares. */
static int
fua_flush(void *handle, uint32_t flags)
{
  (void)handle;
  (void)flags;
  return 0;
}

/* emulate: after a change that was made without FUA. */
static int
flush_after(const struct pass *pass, uint32_t flags, int error)
{
  return !error && (flags & NBDSRV_FLAG_FUA) ? nbdsrv_next_flush(pass->next, 0) : error;
}

static int
fua_write(void *handle, const void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  const struct pass *pass = handle;
  uint32_t rest = flags & ~NBDSRV_FLAG_FUA;

  return flush_after(pass, flags, nbdsrv_next_write(pass->next, buf, len, off, rest));
}

static int
fua_trim(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  const struct pass *pass = handle;
  uint32_t rest = flags & ~NBDSRV_FLAG_FUA;

  return flush_after(pass, flags, nbdsrv_next_trim(pass->next, len, off, rest));
}

static int
fua_zero(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  const struct pass *pass = handle;
  uint32_t rest = flags & ~NBDSRV_FLAG_FUA;

  return flush_after(pass, flags, nbdsrv_next_zero(pass->next, len, off, rest));
}

static struct nbdsrv_plugin filter = {
    .name = "fua",
    .summary = "changes what becomes of FUA and of flushes",
    .params = params,
    .instance_size = sizeof(struct fua),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .open = pass_open,
    .describe = fua_describe,
    .close = free,
    .write = fua_write,
    .trim = fua_trim,
    .zero = fua_zero,
    .flush = fua_flush,
    .before = fua_before,
};

NBDSRV_FILTER(filter)
