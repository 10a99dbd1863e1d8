/* SPDX-License-Identifier: BSD-3-Clause */
/* The sparse array of the memory plugin: reading, writing, giving memory back.
 * Gets ranges from memory.c; cuts them at chunks and pages.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "bytes.h"
#include "store.h"
#include "tree.h"

/* Memory is given back in groups of that many pages, so that small trims need no
 * system call each. */
#define GROUP 16u

/* Allocated pages from which on a chunk may have a huge page, and below which no
 * more: a sparse disk must not take many times its data. */
#define DENSE (PAGES / 2)
#define THIN  (PAGES / 8)

/* Giving back part of a huge page breaks it up; below that many pages clearing them is
 * cheaper. */
#define MUCH 64u

struct store *
store_new(void)
{
  struct store *s = malloc(sizeof *s);

  if (s && tree_init(&s->tree) != 0) {
    free(s);
    s = NULL;
  }
  return s;
}

void
store_free(struct store *s)
{
  if (s)
    tree_destroy(&s->tree);
  free(s);
}

/* With the chunk's lock: marks pages [first, end).  How many changed. */
static unsigned
mark(struct chunk *c, unsigned first, unsigned end, bool allocated)
{
  unsigned changed = 0;

  while (first < end) {
    unsigned n = 64 - first % 64 < end - first ? 64 - first % 64 : end - first;
    uint64_t bits = (n == 64 ? ~(uint64_t)0 : ((uint64_t)1 << n) - 1) << (first % 64);
    uint64_t word = atomic_load_explicit(&c->map[first / 64], memory_order_relaxed);
    uint64_t marked = allocated ? word | bits : word & ~bits;

    if (marked != word) {
      atomic_store_explicit(&c->map[first / 64], marked, memory_order_release);
      changed += (unsigned)__builtin_popcountll(marked ^ word);
    }
    first += n;
  }
  c->used = allocated ? c->used + changed : c->used - changed;
  return changed;
}

/* ------------------------------------------------------------ reading, writing */

void
store_read(struct store *s, void *buf, uint64_t len, uint64_t off)
{
  uint8_t *p = buf;

  while (len > 0) {
    uint64_t n = chunk_part(len, off);
    const struct chunk *c = tree_find(&s->tree, off, NULL);

    if (c)
      bytes_copy(p, c->data + (off & (CHUNK - 1)), n);
    else
      memset(p, 0, n);
    p += n;
    off += n;
    len -= n;
  }
}

static bool
is_huge(const struct chunk *c)
{
  return atomic_load_explicit(&c->huge, memory_order_relaxed);
}

/* Data that arrives in order: the chunk before is full, this one begins. */
static bool
continues(const struct store *s, const struct chunk *c, uint64_t off)
{
  const struct chunk *before;

  if (c->used > 0 || (off & (CHUNK - 1)) != 0 || off == 0)
    return false;
  before = tree_find(&s->tree, off - 1, NULL);
  return before && is_huge(before) && chunk_has(before, PAGES - 1);
}

/* With the chunk's lock, before n pages at off are written.  The first pages of a
 * chunk cost a fault each; one huge page costs one, and less to find ever after. */
static void
consider_huge(struct store *s, struct chunk *c, unsigned n, uint64_t off)
{
  if (is_huge(c) || (c->used + n < DENSE && !continues(s, c, off)))
    return;
  if (arenas_make_huge(&s->tree.arenas, c->data, c->used > 0))
    atomic_store_explicit(&c->huge, true, memory_order_relaxed);
}

int
store_write(struct store *s, const void *buf, uint64_t len, uint64_t off)
{
  const uint8_t *p = buf;

  while (len > 0) {
    uint64_t n = chunk_part(len, off), at = off & (CHUNK - 1);
    unsigned first = (unsigned)(at / PAGE),
             end = (unsigned)((at + n + PAGE - 1) / PAGE);
    struct chunk *c = tree_make(&s->tree, off);

    if (!c)
      return ENOMEM;
    pthread_mutex_lock(&c->lock);
    consider_huge(s, c, end - first, off);
    bytes_copy(c->data + at, p, n);
    mark(c, first, end, true);
    pthread_mutex_unlock(&c->lock);
    p += n;
    off += n;
    len -= n;
  }
  return 0;
}

/* ------------------------------------------------------------------- clearing */

static void
give_back(struct chunk *c, unsigned first, unsigned end)
{
  if (first < end)
    madvise(c->data + first * PAGE, (end - first) * PAGE, MADV_DONTNEED);
}

/* With the chunk's lock: clears part of one page, if it holds anything. */
static void
clear_part(struct chunk *c, uint64_t at, uint64_t len)
{
  if (chunk_has(c, (unsigned)(at / PAGE)))
    bytes_clear(c->data + at, len);
}

/* With the chunk's lock: clears what is allocated of pages [first, end). */
static void
clear_pages(struct chunk *c, unsigned first, unsigned end)
{
  unsigned much = is_huge(c) ? MUCH : GROUP;
  bool allocated;

  for (unsigned page = first, n; page < end; page += n) {
    n = chunk_run(c, page, end, &allocated);
    if (allocated && n >= much)
      give_back(c, page, page + n);
    else if (allocated)
      bytes_clear(c->data + page * PAGE, n * PAGE);
  }
}

/* With the chunk's lock: the same, and they are free afterwards.  Groups that hold
 * nothing any more are given back, neighbours among them by one call. */
static void
free_small(struct chunk *c, unsigned first, unsigned end)
{
  unsigned empty = first, empty_end = first, next;

  for (unsigned page = first; page < end; page = next) {
    unsigned group = page / GROUP * GROUP, asked, held;

    next = group + GROUP < end ? group + GROUP : end;
    asked = ((1u << (next - group)) - 1) & ~((1u << (page - group)) - 1);
    held = (unsigned)(atomic_load_explicit(&c->map[group / 64], memory_order_relaxed) >>
                      (group % 64)) &
           ((1u << GROUP) - 1);
    if (!(held & asked))
      continue;
    if (held & ~asked)
      clear_pages(c, page, next);
    else {
      if (empty_end != group) {
        give_back(c, empty, empty_end);
        empty = group;
      }
      empty_end = group + GROUP;
    }
  }
  give_back(c, empty, empty_end);
  mark(c, first, end, false);
}

/* With the chunk's lock: the same for a chunk that may have a huge page, which is kept
 * whole until most of it is free. */
static void
free_huge(struct store *s, struct chunk *c, unsigned first, unsigned end)
{
  bool allocated;

  if (mark(c, first, end, false) == 0)
    return;
  if (c->used >= THIN && end - first >= MUCH)
    give_back(c, first, end);
  else if (c->used >= THIN)
    bytes_clear(c->data + first * PAGE, (end - first) * PAGE);
  else {
    arenas_make_small(&s->tree.arenas, c->data);
    atomic_store_explicit(&c->huge, false, memory_order_relaxed);
    for (unsigned page = 0, n; page < PAGES; page += n) {
      n = chunk_run(c, page, PAGES, &allocated);
      if (!allocated)
        give_back(c, page, page + n);
    }
  }
}

/* keep: what is cleared stays allocated, and what was not becomes so. */
static void
clear_chunk(struct store *s, struct chunk *c, uint64_t at, uint64_t len, bool keep)
{
  uint64_t end = at + len;
  uint64_t whole = (at + PAGE - 1) & ~(PAGE - 1), whole_end = end & ~(PAGE - 1);
  unsigned first = (unsigned)(whole / PAGE), last = (unsigned)(whole_end / PAGE);

  pthread_mutex_lock(&c->lock);
  if (whole > whole_end) /* inside one page */
    clear_part(c, at, len);
  else {
    if (at < whole)
      clear_part(c, at, whole - at);
    if (whole_end < end)
      clear_part(c, whole_end, end - whole_end);
    if (keep)
      clear_pages(c, first, last);
    else if (is_huge(c))
      free_huge(s, c, first, last);
    else
      free_small(c, first, last);
  }
  if (keep)
    mark(c, (unsigned)(at / PAGE), (unsigned)((end + PAGE - 1) / PAGE), true);
  pthread_mutex_unlock(&c->lock);
}

void
store_trim(struct store *s, uint64_t len, uint64_t off)
{
  while (len > 0) {
    uint64_t n;
    struct chunk *c = tree_find(&s->tree, off, &n);

    if (c)
      n = chunk_part(len, off);
    else if (n > len)
      n = len;
    if (c)
      clear_chunk(s, c, off & (CHUNK - 1), n, false);
    off += n;
    len -= n;
  }
}

int
store_allocate_zeroes(struct store *s, uint64_t len, uint64_t off)
{
  while (len > 0) {
    uint64_t n = chunk_part(len, off);
    struct chunk *c = tree_make(&s->tree, off);

    if (!c)
      return ENOMEM;
    clear_chunk(s, c, off & (CHUNK - 1), n, true);
    off += n;
    len -= n;
  }
  return 0;
}
