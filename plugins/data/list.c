/* SPDX-License-Identifier: BSD-3-Clause */
/* Puts expressions one behind the other, or where it is told to.
 * Gets them in the order of the text; hands on one expression of all.  Bytes that stand
 * behind each other become one piece, holes become one hole.
 */
#include "list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Makes room for more items behind count of them. */
static int
grow(void **items, size_t *room, size_t count, size_t more, size_t size)
{
  size_t wanted = *room ? *room : 16;
  void *grown;

  while (wanted - count < more)
    wanted *= 2;
  if (wanted == *room)
    return 0;
  grown = realloc(*items, wanted * size);
  if (!grown)
    return ENOMEM;
  *items = grown;
  *room = wanted;
  return 0;
}

static int
add_part(struct list *list, const struct expr *e, uint64_t at)
{
  int error =
      grow((void **)&list->parts, &list->room, list->count, 1, sizeof *list->parts);

  if (!error)
    list->parts[list->count++] = (struct expr_part){at, e};
  return error;
}

/* Holes that touch become one. */
static int
add_hole(struct list *list, uint64_t size, uint64_t at)
{
  struct expr_part *last = list->count ? &list->parts[list->count - 1] : NULL;
  struct expr *hole;
  bool joins =
      last && last->expr->kind == EXPR_HOLE && last->at + last->expr->size == at;
  int error = expr_hole(list->pool, joins ? last->expr->size + size : size, &hole);

  if (error)
    return error;
  if (!joins)
    return add_part(list, hole, at);
  last->expr = hole;
  return 0;
}

static int
end_literal(struct list *list)
{
  size_t size = list->literal_size;
  struct expr *e;
  uint8_t *bytes;
  int error;

  list->literal_size = 0;
  if (size == 0)
    return 0;
  if (expr_is_zeroes(list->literal, size))
    return add_hole(list, size, list->literal_at);
  bytes = pool_get(list->pool, size);
  if (!bytes)
    return ENOMEM;
  memcpy(bytes, list->literal, size);
  error = expr_bytes(list->pool, bytes, size, &e);
  return error ? error : add_part(list, e, list->literal_at);
}

static int
add_literal(struct list *list, const struct expr *e)
{
  int error = 0;

  if (list->literal_size > 0 && list->literal_at + list->literal_size != list->at)
    error = end_literal(list);
  if (!error)
    error = grow((void **)&list->literal, &list->literal_room, list->literal_size,
                 e->size, 1);
  if (error)
    return error;
  if (list->literal_size == 0)
    list->literal_at = list->at;
  if (e->kind == EXPR_HOLE)
    memset(list->literal + list->literal_size, 0, e->size);
  else
    memcpy(list->literal + list->literal_size, e->bytes, e->size);
  list->literal_size += e->size;
  return 0;
}

int
list_append(struct list *list, const struct expr *e)
{
  int error;

  if (e->size == 0)
    return 0;
  if (e->size > EXPR_MOST - list->at)
    return ERANGE;
  if (e->size <= EXPR_TINY && (e->kind == EXPR_BYTES || e->kind == EXPR_HOLE))
    error = add_literal(list, e);
  else {
    error = end_literal(list);
    if (!error)
      error = e->kind == EXPR_HOLE ? add_hole(list, e->size, list->at)
                                   : add_part(list, e, list->at);
  }
  list->at += e->size;
  if (list->at > list->size)
    list->size = list->at;
  return error;
}

int
list_move(struct list *list, uint64_t to)
{
  if (to > EXPR_MOST)
    return ERANGE;
  if (to != list->size)
    list->scattered = true;
  list->at = to;
  if (to > list->size)
    list->size = to;
  return 0;
}

bool
list_is_new(const struct list *list)
{
  return list->at == 0 && list->size == 0;
}

/* Whether all of it is zeroes; and how deep it is. */
static bool
is_hole(const struct list *list, unsigned *depth)
{
  bool hole = true;

  *depth = 0;
  for (size_t i = 0; i < list->count; i++) {
    const struct expr *e = list->parts[i].expr;
    if (e->kind != EXPR_HOLE)
      hole = false;
    if (e->depth > *depth)
      *depth = e->depth;
  }
  return hole;
}

int
list_end(struct list *list, struct expr **e)
{
  unsigned depth;
  int error = end_literal(list);
  struct expr *made;

  if (error)
    return error;
  if (is_hole(list, &depth))
    return expr_hole(list->pool, list->size, e);
  if (depth >= EXPR_DEEPEST)
    return ELOOP;
  made = pool_get(list->pool, sizeof *made);
  if (!made)
    return ENOMEM;
  *made = *list->parts[0].expr;
  *e = made;
  if (list->count == 1 && list->parts[0].at == 0 && made->size == list->size)
    return 0;
  *made = (struct expr){.kind = EXPR_LIST,
                        .depth = (uint16_t)(depth + 1),
                        .size = list->size,
                        .count = list->count,
                        .dense = !list->scattered};
  made->parts = pool_get(list->pool, list->count * sizeof *list->parts);
  if (!made->parts)
    return ENOMEM;
  memcpy(made->parts, list->parts, list->count * sizeof *list->parts);
  return 0;
}

void
list_free(struct list *list)
{
  free(list->parts);
  free(list->literal);
}
