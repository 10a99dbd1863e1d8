/* SPDX-License-Identifier: BSD-3-Clause */
/* A world outside data expressions, made up for tests.
 * The file NAME has the content NAME; scripts print "abc" without end.
 */
#include "data-outside.h"

#include <errno.h>
#include <string.h>

#include <nbdsrv-plugin.h>

#define LONGEST 1000u /* that may be read of a stream */

unsigned outside_reads;

int
outside_file(struct pool *pool, const char *path, struct expr **e)
{
  int error = expr_bytes(pool, (const uint8_t *)path, strlen(path), e);

  if (!error)
    (*e)->from_outside = true;
  return error;
}

int
outside_script(struct pool *pool, const char *script, struct expr **e)
{
  *e = pool_get(pool, sizeof **e);
  **e = (struct expr){.kind = EXPR_STREAM, .from_outside = true, .text = script};
  return 0;
}

int
outside_read(struct pool *pool, struct expr *e, uint64_t upto)
{
  uint8_t *bytes;

  if (e->kind != EXPR_STREAM || e->size >= upto)
    return 0;
  if (upto > LONGEST) {
    nbdsrv_error("%s: no end", e->text);
    return EFBIG;
  }
  outside_reads++;
  bytes = pool_get(pool, upto);
  for (uint64_t i = 0; i < upto; i++)
    bytes[i] = (uint8_t) "abc"[i % 3];
  e->bytes = bytes;
  e->size = upto;
  return 0;
}
