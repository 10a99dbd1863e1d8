/* SPDX-License-Identifier: BSD-3-Clause */
/* The sparse array of the memory plugin: reading, writing, giving memory back.
 * Gets ranges from memory.c; cuts them at chunks and pages.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "bytes.h"
#include "store.h"
#include "tree.h"

#ifndef MADV_DONTNEED_LOCKED
#define MADV_DONTNEED_LOCKED 24
#endif

/* Memory is given back in groups of that many pages, so that small trims need no
 * system call each. */
#define GROUP 16u

/* Pages of a chunk from which on it may have a huge page, and below which no more: a
 * sparse disk must not take many times its data. */
#define DENSE (PAGES / 2)
#define THIN  (PAGES / 8)

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

/* With the chunk's lock: marks pages [first, end). */
static void
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

/* With the chunk's lock, before n pages at off of an empty chunk are written: whether
 * the rest of it is likely to follow. */
static bool
will_be_dense(const struct store *s, unsigned n, uint64_t off)
{
  const struct chunk *before;

  if (n >= DENSE)
    return true;
  if ((off & (CHUNK - 1)) != 0 || off == 0)
    return false;
  before = tree_find(&s->tree, off - 1, NULL); /* data that arrives in order */
  return before && chunk_all(before, 0, PAGES, true);
}

/* With the chunk's lock.  The first pages of a chunk cost a fault each; one huge page
 * costs one, and is found faster ever after. */
static void
consider_huge(struct store *s, struct chunk *c, unsigned n, uint64_t off)
{
  if (c->used > 0 || c->huge || !will_be_dense(s, n, off))
    return;
  arenas_allow_huge(&s->tree.arenas, c->data);
  c->huge = true;
}

/* Pages that are allocated need no lock, which writers on other processors would have
 * to fetch from each other: only a trim of these very bytes frees them.  Should a
 * client have one under way at the same time, so that nobody can say which comes last,
 * the second look sees to it that what was written is not left in a page that is free.
 */
static bool
overwrite(struct chunk *c, const uint8_t *p, uint64_t n, uint64_t at)
{
  unsigned first = (unsigned)(at / PAGE), end = (unsigned)((at + n + PAGE - 1) / PAGE);

  if (!chunk_all(c, first, end, true))
    return false;
  bytes_copy(c->data + at, p, n);
  atomic_thread_fence(memory_order_seq_cst); /* the bytes are there before the look */
  return chunk_all(c, first, end, true);
}

static void
write_new(struct store *s, struct chunk *c, const uint8_t *p, uint64_t n, uint64_t off)
{
  uint64_t at = off & (CHUNK - 1);
  unsigned first = (unsigned)(at / PAGE), end = (unsigned)((at + n + PAGE - 1) / PAGE);

  pthread_mutex_lock(&c->lock);
  consider_huge(s, c, end - first, off);
  bytes_copy(c->data + at, p, n);
  mark(c, first, end, true);
  pthread_mutex_unlock(&c->lock);
}

int
store_write(struct store *s, const void *buf, uint64_t len, uint64_t off)
{
  const uint8_t *p = buf;

  while (len > 0) {
    uint64_t n = chunk_part(len, off);
    struct chunk *c = tree_make(&s->tree, off);

    if (!c)
      return ENOMEM;
    if (!overwrite(c, p, n, off & (CHUNK - 1)))
      write_new(s, c, p, n, off);
    p += n;
    off += n;
    len -= n;
  }
  return 0;
}

/* ------------------------------------------------------------------- clearing */

static void
clear_run(struct chunk *c, unsigned first, unsigned end)
{
  bytes_clear(c->data + first * PAGE, (end - first) * PAGE);
}

/* Whole groups: the kernel's pages may be as large.  Memory that is locked stays, in
 * older kernels. */
static void
give_back(struct chunk *c, unsigned first, unsigned end)
{
  uint8_t *at = c->data + first * PAGE;
  size_t len = (end - first) * PAGE;

  if (len > 0 && madvise(at, len, MADV_DONTNEED) == -1 &&
      madvise(at, len, MADV_DONTNEED_LOCKED) == -1)
    clear_run(c, first, end);
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
  bool allocated;

  for (unsigned page = first, n; page < end; page += n) {
    unsigned whole, whole_end;

    n = chunk_run(c, page, end, &allocated);
    whole = (page + GROUP - 1) / GROUP * GROUP;
    whole_end = (page + n) / GROUP * GROUP;
    if (!allocated)
      continue;
    if (whole < whole_end) {
      clear_run(c, page, whole);
      give_back(c, whole, whole_end);
      clear_run(c, whole_end, page + n);
    } else
      clear_run(c, page, page + n);
  }
}

/* With the chunk's lock: clears those pages of a group that have a bit. */
static void
clear_bits(struct chunk *c, unsigned group, unsigned bits)
{
  while (bits) {
    unsigned first = (unsigned)__builtin_ctz(bits);
    unsigned n = (unsigned)__builtin_ctz(~(bits >> first));

    clear_run(c, group + first, group + first + n);
    bits &= ~(((1u << n) - 1) << first);
  }
}

/* With the chunk's lock: frees pages [first, end).  They are marked before they are
 * cleared: see overwrite ().  Groups that hold nothing any more are given back,
 * neighbours among them by one call. */
static void
free_pages(struct store *s, struct chunk *c, unsigned first, unsigned end)
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
    mark(c, page, next, false);
    atomic_thread_fence(memory_order_seq_cst); /* the other half of overwrite ()'s */
    if (held & ~asked) {
      clear_bits(c, group, held & asked);
      continue;
    }
    if (empty_end != group) {
      give_back(c, empty, empty_end);
      empty = group;
    }
    empty_end = group + GROUP;
  }
  give_back(c, empty, empty_end);
  if (c->huge && c->used < THIN) {
    arenas_forbid_huge(&s->tree.arenas, c->data);
    c->huge = false;
  }
}

/* keep: what is cleared stays allocated, and what was not becomes so. */
static void
clear_chunk(struct store *s, struct chunk *c, uint64_t at, uint64_t len, bool keep)
{
  uint64_t end = at + len;
  uint64_t whole = (at + PAGE - 1) & ~(PAGE - 1), whole_end = end & ~(PAGE - 1);
  unsigned first = (unsigned)(whole / PAGE), last = (unsigned)(whole_end / PAGE);

  if (!keep &&
      chunk_all(c, (unsigned)(at / PAGE), (unsigned)((end + PAGE - 1) / PAGE), false))
    return;
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
    else
      free_pages(s, c, first, last);
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
