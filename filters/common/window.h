/* SPDX-License-Identifier: BSD-3-Clause */
/* A filter that shows a range of what lies below: offset, partition.
 * Reads and writes are moved by a hook and stay on the fast path; extents are moved
 * there and back.
 */
#ifndef NBDSRV_FILTER_WINDOW_H
#define NBDSRV_FILTER_WINDOW_H

#include "extents.h"
#include "pass.h"

/* The handle. */
struct window {
  struct pass pass; /* first */
  uint64_t offset, length;
};

static inline int
window_open(void *inst, const struct nbdsrv_client *client, void **handle)
{
  return pass_open_size(inst, client, sizeof(struct window), handle);
}

static inline int
window_before(void *handle, struct nbdsrv_op *op)
{
  const struct window *w = handle;

  if (op->op != NBDSRV_OP_FLUSH)
    op->offset += w->offset;
  return 0;
}

static inline int
window_extents(void *handle, uint64_t len, uint64_t off, uint32_t flags,
               struct nbdsrv_extents *extents)
{
  const struct window *w = handle;

  return extents_pass(w->pass.next, len, off + w->offset, flags, w->offset + w->length,
                      w->offset, extents, NULL);
}

/* In describe (): the size, and what need not be seen. */
static inline void
window_describe(const struct window *w, struct nbdsrv_info *info)
{
  info->export_size = w->length;
  if (w->offset == 0)
    info->hook_ops = 0;
  else
    info->hook_ops &= ~NBDSRV_OP_FLUSH;
}

#endif
