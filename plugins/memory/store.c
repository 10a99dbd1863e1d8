/* SPDX-License-Identifier: BSD-3-Clause */
/* The sparse array of the memory plugin: a tree of chunks, each with a map of its
 * allocated pages.
 * Gets ranges from memory.c; cuts them at chunks and pages.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "store.h"

#define PAGE_BITS  12
#define PAGE       ((uint64_t)1 << PAGE_BITS)
#define CHUNK_BITS 21
#define CHUNK      ((uint64_t)1 << CHUNK_BITS)
#define PAGES      (CHUNK / PAGE)
#define NODE_BITS  14 /* three levels of them cover 2^63 bytes */
#define NODE_SIZE  ((size_t)1 << NODE_BITS)

#define ARENA ((size_t)256 * 1024 * 1024)

/* Memory is given back in groups of that many pages, so that small trims need no
 * system call each. */
#define GROUP 16u

/* A hole of fewer pages between data is read like data: naming it costs more. */
#define LEAST_HOLE 8u

struct chunk {
  pthread_mutex_t lock;             /* writers, trim and zero; not readers */
  uint8_t *data;                    /* CHUNK bytes, for good */
  _Atomic uint64_t map[PAGES / 64]; /* allocated pages; written under lock */
};

struct node {
  _Atomic(void *) slots[NODE_SIZE]; /* nodes, or chunks in the lowest level */
};

struct arena {
  struct arena *next;
  uint8_t *base;
};

struct store {
  struct node *root;
  pthread_mutex_t lock; /* guards the arenas */
  struct arena *arenas;
  uint8_t *free, *free_end;
};

struct store *
store_new(void)
{
  struct store *s = calloc(1, sizeof *s);

  if (s)
    s->root = calloc(1, sizeof *s->root);
  if (!s || !s->root) {
    free(s);
    return NULL;
  }
  pthread_mutex_init(&s->lock, NULL);
  return s;
}

static void
free_node(struct node *node, unsigned level)
{
  for (size_t i = 0; i < NODE_SIZE; i++) {
    void *p = atomic_load_explicit(&node->slots[i], memory_order_relaxed);
    if (p && level > 0)
      free_node(p, level - 1);
    else
      free(p);
  }
  free(node);
}

void
store_free(struct store *s)
{
  if (!s)
    return;
  free_node(s->root, 2);
  while (s->arenas) {
    struct arena *arena = s->arenas;
    s->arenas = arena->next;
    munmap(arena->base, ARENA);
    free(arena);
  }
  pthread_mutex_destroy(&s->lock);
  free(s);
}

/* ------------------------------------------------------------------ the tree */

static unsigned
slot_of(uint64_t off, unsigned level)
{
  return (off >> (CHUNK_BITS + level * NODE_BITS)) & (NODE_SIZE - 1);
}

/* The chunk that holds off, or NULL; then *span is how far from off on there is
 * none. */
static struct chunk *
find_chunk(struct store *s, uint64_t off, uint64_t *span)
{
  struct node *node = s->root;

  for (unsigned level = 2;; level--) {
    void *p =
        atomic_load_explicit(&node->slots[slot_of(off, level)], memory_order_acquire);
    if (!p) {
      uint64_t reach = CHUNK << (level * NODE_BITS);
      if (span)
        *span = reach - (off & (reach - 1));
      return NULL;
    }
    if (level == 0)
      return p;
    node = p;
  }
}

/* Address space for one chunk: cheap, and never given back. */
static uint8_t *
take_space(struct store *s)
{
  uint8_t *space = NULL;

  pthread_mutex_lock(&s->lock);
  if (s->free == s->free_end) {
    struct arena *arena = malloc(sizeof *arena);
    void *base = arena ? mmap(NULL, ARENA, PROT_READ | PROT_WRITE,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
                       : MAP_FAILED;
    if (base == MAP_FAILED)
      free(arena);
    else {
      madvise(base, ARENA, MADV_NOHUGEPAGE); /* a sparse disk stays sparse */
      *arena = (struct arena){s->arenas, base};
      s->arenas = arena;
      s->free = base;
      s->free_end = s->free + ARENA;
    }
  }
  if (s->free != s->free_end) {
    space = s->free;
    s->free += CHUNK;
  }
  pthread_mutex_unlock(&s->lock);
  return space;
}

static struct chunk *
new_chunk(struct store *s)
{
  struct chunk *chunk = calloc(1, sizeof *chunk);

  if (!chunk)
    return NULL;
  chunk->data = take_space(s);
  if (!chunk->data) {
    free(chunk);
    return NULL;
  }
  pthread_mutex_init(&chunk->lock, NULL);
  return chunk;
}

/* The chunk that holds off, made if need be; NULL: ENOMEM. */
static struct chunk *
make_chunk(struct store *s, uint64_t off)
{
  struct node *node = s->root;

  for (unsigned level = 2;; level--) {
    _Atomic(void *) *slot = &node->slots[slot_of(off, level)];
    void *p = atomic_load_explicit(slot, memory_order_acquire);

    if (!p) {
      void *fresh = level > 0 ? calloc(1, sizeof(struct node)) : (void *)new_chunk(s);
      if (!fresh)
        return NULL;
      /* Whoever comes second uses what the first one made; a lost chunk's address
       * space is lost too, which costs nothing. */
      if (atomic_compare_exchange_strong(slot, &p, fresh))
        p = fresh;
      else
        free(fresh);
    }
    if (level == 0)
      return p;
    node = p;
  }
}

/* --------------------------------------------------------------------- pages */

static bool
is_allocated(const struct chunk *c, unsigned page)
{
  return atomic_load_explicit(&c->map[page / 64], memory_order_acquire) >> (page % 64) &
         1;
}

/* How many pages from first on, before end, are allocated or not like first. */
static unsigned
run_length(const struct chunk *c, unsigned first, unsigned end)
{
  bool kind = is_allocated(c, first);
  unsigned page = first;

  while (page < end) {
    uint64_t word = atomic_load_explicit(&c->map[page / 64], memory_order_acquire);
    uint64_t differ = (kind ? ~word : word) >> (page % 64);
    if (differ) {
      page += (unsigned)__builtin_ctzll(differ);
      break;
    }
    page = (page / 64 + 1) * 64;
  }
  return (page < end ? page : end) - first;
}

/* With the chunk's lock: marks pages [first, end). */
static void
mark(struct chunk *c, unsigned first, unsigned end, bool allocated)
{
  while (first < end) {
    unsigned n = 64 - first % 64 < end - first ? 64 - first % 64 : end - first;
    uint64_t bits = (n == 64 ? ~(uint64_t)0 : ((uint64_t)1 << n) - 1) << (first % 64);
    uint64_t word = atomic_load_explicit(&c->map[first / 64], memory_order_relaxed);
    uint64_t marked = allocated ? word | bits : word & ~bits;

    if (marked != word)
      atomic_store_explicit(&c->map[first / 64], marked, memory_order_release);
    first += n;
  }
}

static uint64_t
within_chunk(uint64_t len, uint64_t off)
{
  uint64_t left = CHUNK - (off & (CHUNK - 1));
  return len < left ? len : left;
}

/* ------------------------------------------------------------ reading, writing */

void
store_read(struct store *s, void *buf, uint64_t len, uint64_t off)
{
  uint8_t *p = buf;

  while (len > 0) {
    uint64_t n = within_chunk(len, off);
    struct chunk *c = find_chunk(s, off, NULL);

    if (c)
      memcpy(p, c->data + (off & (CHUNK - 1)), n);
    else
      memset(p, 0, n);
    p += n;
    off += n;
    len -= n;
  }
}

int
store_write(struct store *s, const void *buf, uint64_t len, uint64_t off)
{
  const uint8_t *p = buf;

  while (len > 0) {
    uint64_t n = within_chunk(len, off), at = off & (CHUNK - 1);
    struct chunk *c = make_chunk(s, off);

    if (!c)
      return ENOMEM;
    pthread_mutex_lock(&c->lock);
    memcpy(c->data + at, p, n);
    mark(c, (unsigned)(at / PAGE), (unsigned)((at + n + PAGE - 1) / PAGE), true);
    pthread_mutex_unlock(&c->lock);
    p += n;
    off += n;
    len -= n;
  }
  return 0;
}

/* With the chunk's lock: zeroes part of one page, if it holds anything. */
static void
zero_part(struct chunk *c, uint64_t at, uint64_t len)
{
  if (is_allocated(c, (unsigned)(at / PAGE)))
    memset(c->data + at, 0, len);
}

/* With the chunk's lock: gives back groups of pages that hold nothing any more, out of
 * those that touch pages [first, end). */
static void
give_back_groups(struct chunk *c, unsigned first, unsigned end)
{
  unsigned group = first / GROUP * GROUP;

  for (; group < end; group += GROUP)
    if (!is_allocated(c, group) && run_length(c, group, group + GROUP) == GROUP)
      madvise(c->data + group * PAGE, GROUP * PAGE, MADV_DONTNEED);
}

/* With the chunk's lock: empties whole pages [first, end). */
static void
empty_pages(struct chunk *c, unsigned first, unsigned end)
{
  bool any = false;

  for (unsigned page = first, n; page < end; page += n) {
    n = run_length(c, page, end);
    if (!is_allocated(c, page))
      continue;
    any = true;
    if (n >= GROUP)
      madvise(c->data + page * PAGE, n * PAGE, MADV_DONTNEED);
    else
      memset(c->data + page * PAGE, 0, n * PAGE);
  }
  if (!any)
    return;
  mark(c, first, end, false);
  if (end - first < GROUP)
    give_back_groups(c, first, end);
}

static void
trim_chunk(struct chunk *c, uint64_t at, uint64_t len)
{
  uint64_t end = at + len;
  uint64_t whole = (at + PAGE - 1) & ~(PAGE - 1), whole_end = end & ~(PAGE - 1);

  pthread_mutex_lock(&c->lock);
  if (whole > whole_end) /* inside one page */
    zero_part(c, at, len);
  else {
    if (at < whole)
      zero_part(c, at, whole - at);
    if (whole_end < end)
      zero_part(c, whole_end, end - whole_end);
    if (whole < whole_end)
      empty_pages(c, (unsigned)(whole / PAGE), (unsigned)(whole_end / PAGE));
  }
  pthread_mutex_unlock(&c->lock);
}

void
store_trim(struct store *s, uint64_t len, uint64_t off)
{
  while (len > 0) {
    uint64_t n;
    struct chunk *c = find_chunk(s, off, &n);

    if (c)
      n = within_chunk(len, off);
    else if (n > len)
      n = len;
    if (c)
      trim_chunk(c, off & (CHUNK - 1), n);
    off += n;
    len -= n;
  }
}

int
store_allocate_zeroes(struct store *s, uint64_t len, uint64_t off)
{
  while (len > 0) {
    uint64_t n = within_chunk(len, off), at = off & (CHUNK - 1);
    struct chunk *c = make_chunk(s, off);

    if (!c)
      return ENOMEM;
    trim_chunk(c, at, n);
    pthread_mutex_lock(&c->lock);
    mark(c, (unsigned)(at / PAGE), (unsigned)((at + n + PAGE - 1) / PAGE), true);
    pthread_mutex_unlock(&c->lock);
    off += n;
    len -= n;
  }
  return 0;
}

/* -------------------------------------------------------------------- lending */

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

/* Part of one chunk.  all: a hole counts even if it is small, as it is all there is. */
static bool
lend_chunk(struct parts *p, const struct chunk *c, uint64_t at, uint64_t len, bool all)
{
  uint64_t end = at + len;
  unsigned last = (unsigned)((end + PAGE - 1) / PAGE);

  while (at < end) {
    unsigned page = (unsigned)(at / PAGE), n = run_length(c, page, last);
    uint64_t stop = (page + (uint64_t)n) * PAGE;
    bool hole = !is_allocated(c, page);

    if (stop > end)
      stop = end;
    if (hole && n < LEAST_HOLE && !(all && stop - at == len))
      hole = false; /* reads as zeroes through the mapping too */
    if (!add_part(p, hole ? NULL : c->data + at, stop - at))
      return false;
    at = stop;
  }
  return true;
}

unsigned
store_lend(struct store *s, uint64_t len, uint64_t off, struct iovec *list,
           unsigned max)
{
  struct parts parts = {.list = list, .max = max};
  uint64_t left = len;

  while (left > 0) {
    uint64_t n;
    struct chunk *c = find_chunk(s, off, &n);
    bool ok;

    if (c)
      n = within_chunk(left, off);
    else if (n > left)
      n = left;
    ok = c ? lend_chunk(&parts, c, off & (CHUNK - 1), n, n == len)
           : add_part(&parts, NULL, n);
    if (!ok)
      return 0;
    off += n;
    left -= n;
  }
  return parts.count;
}

/* -------------------------------------------------------------------- extents */

static int
chunk_extents(const struct chunk *c, uint64_t base, uint64_t at, uint64_t end,
              struct nbdsrv_extents *extents)
{
  unsigned last = (unsigned)((end + PAGE - 1) / PAGE);
  int error = 0;

  while (at < end && !error) {
    unsigned page = (unsigned)(at / PAGE), n = run_length(c, page, last);
    uint64_t stop = (page + (uint64_t)n) * PAGE;
    bool data = is_allocated(c, page);

    if (stop > end)
      stop = end;
    error = nbdsrv_extents_add(extents, base + at, stop - at,
                               data ? 0 : NBDSRV_EXTENT_HOLE | NBDSRV_EXTENT_ZERO);
    at = stop;
  }
  return error;
}

int
store_extents(struct store *s, uint64_t len, uint64_t off,
              struct nbdsrv_extents *extents)
{
  int error = 0;

  while (len > 0 && !error) {
    uint64_t n, at = off & (CHUNK - 1);
    struct chunk *c = find_chunk(s, off, &n);

    if (c)
      n = within_chunk(len, off);
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
