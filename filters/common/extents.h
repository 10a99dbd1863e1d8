/* SPDX-License-Identifier: BSD-3-Clause */
/* Extents of the layer below, passed on. */
#ifndef NBDSRV_FILTER_EXTENTS_H
#define NBDSRV_FILTER_EXTENTS_H

#include <errno.h>

#include <nbdsrv-filter.h>

/* Asks about len bytes at off and adds the answer, cut off at end and moved down by
 * shift.  *reached (may be NULL): how far that went, below.  0 (also if no more
 * are wanted above: then *reached may be short of it) or an errno value, with nothing
 * added if it comes from below. */
static inline int
extents_pass(struct nbdsrv_next *next, uint64_t len, uint64_t off, uint32_t flags,
             uint64_t end, uint64_t shift, struct nbdsrv_extents *extents,
             uint64_t *reached)
{
  struct nbdsrv_extents *below = nbdsrv_extents_new(extents, len, off);
  int error = below ? nbdsrv_next_extents(next, len, off, flags, below) : ENOMEM;

  if (reached)
    *reached = off;
  for (size_t i = 0; !error && i < nbdsrv_extents_count(below); i++) {
    uint64_t offset, length;
    uint32_t type;

    nbdsrv_extents_get(below, i, &offset, &length, &type);
    if (offset >= end)
      break;
    if (length > end - offset)
      length = end - offset;
    error = nbdsrv_extents_add(extents, offset - shift, length, type);
    if (!error && reached)
      *reached = offset + length;
  }
  nbdsrv_extents_free(below);
  return error == ERANGE ? 0 : error;
}

#endif
