/* SPDX-License-Identifier: BSD-3-Clause */
/* A data call as a value, made.
 * Gets calls from retry and retry-request; hands them to the layer below.
 */
#include "call.h"

#include "extents.h"

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
    return extents_pass(next, c->len, c->off, c->flags, UINT64_MAX, 0, c->extents,
                        NULL);
  }
}
