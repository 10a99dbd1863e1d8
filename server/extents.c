/* SPDX-License-Identifier: BSD-3-Clause */
/* Lists of extents: ascending, without gaps, neighbours of one type joined.
 * Gets extents from layers by way of nbdsrv_extents_add; reply.c and filters read
 * them.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "extents.h"
#include "protocol.h"

void
extents_begin(struct nbdsrv_extents *e, uint64_t length, uint64_t offset,
              uint32_t context, bool one)
{
  e->start = e->reached = offset;
  if (__builtin_add_overflow(offset, length, &e->end))
    e->end = UINT64_MAX;
  e->context = context;
  e->one = one;
  e->count = 0;
}

void
extents_release(struct nbdsrv_extents *e)
{
  free(e->list);
  e->list = NULL;
  e->count = e->room = 0;
}

static int
append(struct nbdsrv_extents *e, uint64_t length, uint32_t type)
{
  if (e->count > 0 && e->list[e->count - 1].type == type) {
    e->list[e->count - 1].length += length;
    return 0;
  }
  if (e->count == NBD_MAX_EXTENTS || (e->one && e->count == 1))
    return ERANGE;
  if (e->count == e->room) {
    size_t room = e->room ? 2 * e->room : 16;
    struct extent *list = realloc(e->list, room * sizeof *list);
    if (!list)
      return ENOMEM;
    e->list = list;
    e->room = room;
  }
  e->list[e->count++] = (struct extent){e->reached, length, type};
  return 0;
}

NBDSRV_PUBLIC int
nbdsrv_extents_add(struct nbdsrv_extents *e, uint64_t offset, uint64_t length,
                   uint32_t type)
{
  uint64_t end;
  int error;

  if (__builtin_add_overflow(offset, length, &end)) {
    nbdsrv_error("extent of %llu bytes at %llu runs over the end of all numbers",
                 (unsigned long long)length, (unsigned long long)offset);
    return EINVAL;
  }
  if (e->reached >= e->end)
    return ERANGE;
  if (length == 0 || end <= e->reached) /* nothing, or lies before what was asked for */
    return 0;
  if (offset > e->reached || (offset < e->reached && e->count > 0)) {
    nbdsrv_error("extents out of order: %llu follows %llu", (unsigned long long)offset,
                 (unsigned long long)e->reached);
    return EINVAL;
  }
  if (e->context == 0) /* the other bits have no meaning yet */
    type &= NBDSRV_EXTENT_HOLE | NBDSRV_EXTENT_ZERO;
  error = append(e, end - e->reached, type);
  if (!error)
    e->reached = end;
  else if (error == ERANGE)
    e->end = e->reached; /* whatever comes after this is too much as well */
  return error;
}

static uint64_t
end_of(const struct extent *extent)
{
  return extent->offset + extent->length;
}

/* What can be said of [at, end), where the i-th extent is the first to overlap. */
static uint32_t
common_type(const struct nbdsrv_extents *e, size_t i, uint64_t end)
{
  uint32_t type = e->list[i].type;
  uint64_t known = end_of(&e->list[i]);

  for (i++; i < e->count && known < end; i++) {
    type = e->context == 0 ? type & e->list[i].type : type | e->list[i].type;
    known = end_of(&e->list[i]);
  }
  return known < end && e->context == 0 ? 0 : type; /* 0: no promise */
}

int
extents_align(struct nbdsrv_extents *e, uint32_t block, uint64_t size)
{
  uint64_t mask = block - 1;
  struct nbdsrv_extents aligned = *e;

  aligned.list = NULL;
  aligned.count = aligned.room = 0;
  aligned.reached = e->start;
  for (size_t i = 0; i < e->count && aligned.reached < e->end;) {
    uint64_t down = end_of(&e->list[i]) & ~mask;
    uint32_t type = e->list[i].type;
    int error;

    if (down <= aligned.reached) { /* the block in which it ends is not its own */
      down = (aligned.reached | mask) + 1;
      if (down > size)
        down = size;
      type = common_type(e, i, down);
    }
    error = append(&aligned, down - aligned.reached, type);
    if (error == ENOMEM) {
      extents_release(&aligned);
      return error;
    }
    if (error) /* enough */
      break;
    aligned.reached = down;
    while (i < e->count && end_of(&e->list[i]) <= down)
      i++;
  }
  extents_release(e);
  *e = aligned;
  return 0;
}

NBDSRV_PUBLIC uint32_t
nbdsrv_extents_context(const struct nbdsrv_extents *e)
{
  return e->context;
}

NBDSRV_PUBLIC struct nbdsrv_extents *
nbdsrv_extents_new(const struct nbdsrv_extents *like, uint64_t length, uint64_t offset)
{
  struct nbdsrv_extents *e = calloc(1, sizeof *e);

  if (e)
    extents_begin(e, length, offset, like ? like->context : 0, like && like->one);
  return e;
}

NBDSRV_PUBLIC void
nbdsrv_extents_free(struct nbdsrv_extents *e)
{
  if (e)
    extents_release(e);
  free(e);
}

NBDSRV_PUBLIC size_t
nbdsrv_extents_count(const struct nbdsrv_extents *e)
{
  return e->count;
}

NBDSRV_PUBLIC void
nbdsrv_extents_get(const struct nbdsrv_extents *e, size_t i, uint64_t *offset,
                   uint64_t *length, uint32_t *type)
{
  *offset = e->list[i].offset;
  *length = e->list[i].length;
  *type = e->list[i].type;
}
