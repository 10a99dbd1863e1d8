/* SPDX-License-Identifier: BSD-3-Clause */
/* A filter that shows a range of what lies below: offset, partition.
 * Reads and writes are moved by a hook and stay on the fast path; extents are moved
 * there and back.
 */
#ifndef NBDSRV_FILTER_WINDOW_H
#define NBDSRV_FILTER_WINDOW_H

#include <errno.h>
#include <stdint.h>

#include <nbdsrv-filter.h>

/* The handle, or the first member of it. */
struct window {
  struct nbdsrv_next *next;
  uint64_t offset, length;
};

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
  struct nbdsrv_extents *below = nbdsrv_extents_new(extents, len, off + w->offset);
  int error;

  if (!below)
    return ENOMEM;
  error = nbdsrv_next_extents(w->next, len, off + w->offset, flags, below);
  for (size_t i = 0; !error && i < nbdsrv_extents_count(below); i++) {
    uint64_t offset, length;
    uint32_t type;

    nbdsrv_extents_get(below, i, &offset, &length, &type);
    if (offset - w->offset >= w->length)
      break;
    if (length > w->length - (offset - w->offset))
      length = w->length - (offset - w->offset);
    if (nbdsrv_extents_add(extents, offset - w->offset, length, type) != 0)
      break;
  }
  nbdsrv_extents_free(below);
  return error;
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
