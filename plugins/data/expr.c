/* SPDX-License-Identifier: BSD-3-Clause */
/* Makes expressions, as simple as can be seen at once.
 * Gets parts from the parser; list.c has the kind that has many.
 */
#include "expr.h"

#include <errno.h>
#include <string.h>

bool
expr_is_zeroes(const uint8_t *bytes, uint64_t size)
{
  return size == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, size - 1) == 0);
}

static int
make(struct pool *pool, struct expr wanted, struct expr **e)
{
  struct expr *made;

  if (wanted.size > EXPR_MOST)
    return ERANGE;
  if (wanted.depth > EXPR_DEEPEST)
    return ELOOP;
  made = pool_get(pool, sizeof *made);
  if (!made)
    return ENOMEM;
  *made = wanted;
  *e = made;
  return 0;
}

/* A repetition or slice. */
static int
make_of(struct pool *pool, enum expr_kind kind, const struct expr *body, uint64_t size,
        uint64_t start, struct expr **e)
{
  return make(pool,
              (struct expr){.kind = kind,
                            .depth = (uint16_t)(body->depth + 1),
                            .size = size,
                            .body = body,
                            .start = start},
              e);
}

int
expr_hole(struct pool *pool, uint64_t size, struct expr **e)
{
  return make(pool, (struct expr){.kind = EXPR_HOLE, .size = size}, e);
}

int
expr_bytes(struct pool *pool, const uint8_t *bytes, uint64_t size, struct expr **e)
{
  if (expr_is_zeroes(bytes, size))
    return expr_hole(pool, size, e);
  return make(pool, (struct expr){.kind = EXPR_BYTES, .size = size, .bytes = bytes}, e);
}

static int
repeat_bytes(struct pool *pool, const struct expr *body, uint64_t n, struct expr **e)
{
  uint8_t *bytes = pool_get(pool, body->size * n);

  if (!bytes)
    return ENOMEM;
  for (uint64_t i = 0; i < n; i++)
    memcpy(bytes + i * body->size, body->bytes, body->size);
  return expr_bytes(pool, bytes, body->size * n, e);
}

int
expr_repeat(struct pool *pool, struct expr *body, uint64_t n, struct expr **e)
{
  uint64_t size;

  if (__builtin_mul_overflow(body->size, n, &size))
    return ERANGE;
  if (size == 0 || body->kind == EXPR_HOLE)
    return expr_hole(pool, size, e);
  if (n == 1) {
    *e = body;
    return 0;
  }
  if (size <= EXPR_TINY && body->kind == EXPR_BYTES)
    return repeat_bytes(pool, body, n, e);
  if (body->kind == EXPR_REPEAT)
    return make_of(pool, EXPR_REPEAT, body->body, size, 0, e);
  return make_of(pool, EXPR_REPEAT, body, size, 0, e);
}

int
expr_slice(struct pool *pool, struct expr *body, uint64_t start, uint64_t end,
           struct expr **e)
{
  if (start > end)
    return EINVAL;
  if (end > body->size && (end == UINT64_MAX || body->from_outside))
    end = body->size;
  if (start > end && body->from_outside)
    start = end;
  if (start > end || end > body->size)
    return EINVAL;
  if (end - start == body->size && body->kind != EXPR_STREAM) {
    *e = body;
    return 0;
  }
  if (start == end || body->kind == EXPR_HOLE)
    return expr_hole(pool, end - start, e);
  if (body->kind == EXPR_BYTES || body->kind == EXPR_STREAM)
    return expr_bytes(pool, body->bytes + start, end - start, e);
  if (body->kind == EXPR_SLICE)
    return make_of(pool, EXPR_SLICE, body->body, end - start, body->start + start, e);
  return make_of(pool, EXPR_SLICE, body, end - start, start, e);
}
