/* SPDX-License-Identifier: BSD-3-Clause */
/* A data call as a value, made.
 * Gets calls from retry and retry-request; hands them to the layer below.
 */
#include "call.h"

#include <errno.h>

/* Into a list of its own: one that failed half-way is thrown away. */
static int
extents_below(struct nbdsrv_next *next, const struct call *call)
{
  struct nbdsrv_extents *tried =
      nbdsrv_extents_new(call->extents, call->len, call->off);
  int error = ENOMEM;

  if (tried)
    error = nbdsrv_next_extents(next, call->len, call->off, call->flags, tried);
  for (size_t i = 0; !error && i < nbdsrv_extents_count(tried); i++) {
    uint64_t offset, length;
    uint32_t type;

    nbdsrv_extents_get(tried, i, &offset, &length, &type);
    if (nbdsrv_extents_add(call->extents, offset, length, type) != 0)
      break;
  }
  nbdsrv_extents_free(tried);
  return error;
}

int
call_below(struct nbdsrv_next *next, const struct call *c)
{
  switch (c->op) {
  case NBDSRV_OP_READ:
    return nbdsrv_next_read(next, c->buf.in, c->len, c->off, c->flags);
  case NBDSRV_OP_WRITE:
    return nbdsrv_next_write(next, c->buf.out, c->len, c->off, c->flags);
  case NBDSRV_OP_FLUSH:
    return nbdsrv_next_flush(next, c->flags);
  case NBDSRV_OP_TRIM:
    return nbdsrv_next_trim(next, c->len, c->off, c->flags);
  case NBDSRV_OP_ZERO:
    return nbdsrv_next_zero(next, c->len, c->off, c->flags);
  case NBDSRV_OP_CACHE:
    return nbdsrv_next_cache(next, c->len, c->off, c->flags);
  default:
    return extents_below(next, c);
  }
}
