/* SPDX-License-Identifier: BSD-3-Clause */
/* The sparse array of the memory plugin: what is allocated, and lending it.
 * Gets ranges from memory.c; looks at the maps of chunks without a lock.
 */
#include <errno.h>

#include "store.h"
#include "tree.h"

/* A hole of fewer pages between data is read like data: naming it costs more. */
#define LEAST_HOLE 8u

struct parts {
  struct iovec *list;
  unsigned count, max;
};

static bool
add_part(struct parts *p, uint8_t *base, uint64_t len)
{
  struct iovec *last = p->count ? &p->list[p->count - 1] : NULL;

  if (last &&
      (base ? last->iov_base && (uint8_t *)last->iov_base + last->iov_len == base
            : !last->iov_base)) {
    last->iov_len += len;
    return true;
  }
  if (p->count == p->max)
    return false;
  p->list[p->count++] = (struct iovec){base, len};
  return true;
}

/* Part of one chunk, where holes of least pages or more count. */
static bool
lend_chunk(struct parts *p, const struct chunk *c, uint64_t at, uint64_t len,
           unsigned least)
{
  uint64_t end = at + len;
  unsigned last = (unsigned)((end + PAGE - 1) / PAGE);

  while (at < end) {
    unsigned page = (unsigned)(at / PAGE);
    bool data;
    unsigned n = chunk_run(c, page, last, &data);
    uint64_t stop = (page + (uint64_t)n) * PAGE;

    if (stop > end)
      stop = end;
    /* What is not allocated reads as zeroes through the mapping too. */
    if (!data && n < least && stop - at < len)
      data = true;
    if (!add_part(p, data ? c->data + at : NULL, stop - at))
      return false;
    at = stop;
  }
  return true;
}

static unsigned
lend(const struct store *s, uint64_t len, uint64_t off, struct parts *parts,
     unsigned least)
{
  while (len > 0) {
    uint64_t n;
    const struct chunk *c = tree_find(&s->tree, off, &n);
    bool ok;

    if (c)
      n = chunk_part(len, off);
    else if (n > len)
      n = len;
    ok = c ? lend_chunk(parts, c, off & (CHUNK - 1), n, least)
           : add_part(parts, NULL, n);
    if (!ok)
      return 0;
    off += n;
    len -= n;
  }
  return parts->count;
}

unsigned
store_lend(const struct store *s, uint64_t len, uint64_t off, struct iovec *list,
           unsigned max)
{
  struct parts parts = {.list = list, .max = max};
  unsigned count = lend(s, len, off, &parts, LEAST_HOLE);

  if (count > 0)
    return count;
  /* Too fragmented: holes inside chunks are data then. */
  parts.count = 0;
  return lend(s, len, off, &parts, PAGES);
}

static int
chunk_extents(const struct chunk *c, uint64_t base, uint64_t at, uint64_t end,
              struct nbdsrv_extents *extents)
{
  unsigned last = (unsigned)((end + PAGE - 1) / PAGE);
  int error = 0;

  while (at < end && !error) {
    unsigned page = (unsigned)(at / PAGE);
    bool data;
    unsigned n = chunk_run(c, page, last, &data);
    uint64_t stop = (page + (uint64_t)n) * PAGE;

    if (stop > end)
      stop = end;
    error = nbdsrv_extents_add(extents, base + at, stop - at,
                               data ? 0 : NBDSRV_EXTENT_HOLE | NBDSRV_EXTENT_ZERO);
    at = stop;
  }
  return error;
}

int
store_extents(const struct store *s, uint64_t len, uint64_t off,
              struct nbdsrv_extents *extents)
{
  int error = 0;

  while (len > 0 && !error) {
    uint64_t n, at = off & (CHUNK - 1);
    const struct chunk *c = tree_find(&s->tree, off, &n);

    if (c)
      n = chunk_part(len, off);
    else if (n > len)
      n = len;
    error = c ? chunk_extents(c, off - at, at, at + n, extents)
              : nbdsrv_extents_add(extents, off, n,
                                   NBDSRV_EXTENT_HOLE | NBDSRV_EXTENT_ZERO);
    off += n;
    len -= n;
  }
  return error == ERANGE ? 0 : error;
}
