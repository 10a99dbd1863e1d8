/* SPDX-License-Identifier: BSD-3-Clause */
/* Unit tests of the memory plugin's sparse array.
 * Compares it with a plain array, and lets threads disturb each other.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "plugins/memory/store.h"
#include "plugins/memory/tree.h"
#include "server/extents.h"
#include "unit.h"

static uint64_t
draw(uint64_t *state, uint64_t below)
{
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return (*state >> 33) % below;
}

static uint64_t
allocated(struct store *s, uint64_t len, uint64_t off)
{
  struct nbdsrv_extents *e = nbdsrv_extents_new(NULL, len, off);
  uint64_t sum = 0, at = off;

  ck_assert_int_eq(store_extents(s, len, off, e), 0);
  for (size_t i = 0; i < nbdsrv_extents_count(e); i++) {
    uint64_t offset, length;
    uint32_t type;
    nbdsrv_extents_get(e, i, &offset, &length, &type);
    ck_assert_uint_eq(offset, at);
    at += length;
    if (type == 0)
      sum += length;
    else
      ck_assert_uint_eq(type, NBDSRV_EXTENT_HOLE | NBDSRV_EXTENT_ZERO);
  }
  ck_assert_uint_eq(at, off + len);
  nbdsrv_extents_free(e);
  return sum;
}

/* What a loan shows, as bytes.  False: none was given. */
static bool
read_lent(struct store *s, uint8_t *to, uint64_t len, uint64_t off)
{
  struct iovec parts[NBDSRV_LOAN_MAX];
  unsigned n = store_lend(s, len, off, parts, NBDSRV_LOAN_MAX);
  uint64_t sum = 0;

  for (unsigned i = 0; i < n; i++) {
    ck_assert_uint_gt(parts[i].iov_len, 0);
    ck_assert_uint_le(sum + parts[i].iov_len, len);
    if (parts[i].iov_base)
      memcpy(to + sum, parts[i].iov_base, parts[i].iov_len);
    else
      memset(to + sum, 0, parts[i].iov_len);
    sum += parts[i].iov_len;
  }
  ck_assert(n == 0 || sum == len);
  return n > 0;
}

/* Random calls, with what a page's worth of holes and a plain array expect. */
static void
against_model(uint64_t base, uint64_t size, uint64_t longest, unsigned calls)
{
  struct store *s = store_new();
  uint8_t *model = calloc(1, size), *got = malloc(size), *data = malloc(longest);
  uint64_t state = 1;

  for (unsigned i = 0; i < calls; i++) {
    uint64_t len = 1 + draw(&state, draw(&state, 4) ? 3 * PAGE : longest);
    uint64_t at = draw(&state, size - len);

    if (draw(&state, 3) == 0) {
      at &= ~(PAGE - 1);
      len = (len + PAGE - 1) & ~(PAGE - 1);
      if (at + len > size)
        continue;
    }
    switch (draw(&state, 6)) {
    case 0:
    case 1:
      memset(data, 1 + (int)(i % 255), len);
      ck_assert_int_eq(store_write(s, data, len, base + at), 0);
      memset(model + at, 1 + (int)(i % 255), len);
      ck_assert_uint_ge(allocated(s, len, base + at), len);
      break;
    case 2:
      store_trim(s, len, base + at);
      memset(model + at, 0, len);
      ck_assert_uint_lt(allocated(s, len, base + at), 2 * PAGE);
      break;
    case 3:
      ck_assert_int_eq(store_allocate_zeroes(s, len, base + at), 0);
      memset(model + at, 0, len);
      ck_assert_uint_ge(allocated(s, len, base + at), len);
      break;
    case 4:
      store_read(s, got, len, base + at);
      ck_assert(memcmp(got, model + at, len) == 0);
      break;
    default:
      if (read_lent(s, got, len, base + at))
        ck_assert(memcmp(got, model + at, len) == 0);
    }
  }
  store_read(s, got, size, base);
  ck_assert(memcmp(got, model, size) == 0);
  store_free(s);
  free(model);
  free(got);
  free(data);
}

START_TEST(test_model)
{
  against_model(0, 3 * CHUNK + 4711, CHUNK + 99, 4000);
}
END_TEST

/* The last bytes of the largest disk. */
START_TEST(test_model_at_the_end)
{
  against_model(((uint64_t)1 << 63) - 1 - 2 * CHUNK, 2 * CHUNK, CHUNK, 2000);
}
END_TEST

START_TEST(test_extents_are_exact)
{
  struct store *s = store_new();
  uint64_t exabyte = (uint64_t)1 << 60;

  ck_assert_uint_eq(allocated(s, exabyte, 0), 0);
  ck_assert_int_eq(store_write(s, "x", 1, exabyte / 2), 0);
  ck_assert_uint_eq(allocated(s, exabyte, 0), PAGE);
  ck_assert_int_eq(store_write(s, "xyz", 3, 5 * PAGE - 1), 0);
  ck_assert_uint_eq(allocated(s, exabyte, 0), 3 * PAGE);
  store_trim(s, PAGE - 1, 4 * PAGE); /* not the whole page */
  ck_assert_uint_eq(allocated(s, exabyte, 0), 3 * PAGE);
  store_trim(s, PAGE, 4 * PAGE);
  ck_assert_uint_eq(allocated(s, exabyte, 0), 2 * PAGE);
  store_trim(s, exabyte, 0);
  ck_assert_uint_eq(allocated(s, exabyte, 0), 0);
  store_free(s);
}
END_TEST

START_TEST(test_lend_names_large_holes_only)
{
  struct store *s = store_new();
  struct iovec parts[NBDSRV_LOAN_MAX];

  /* nothing there: one hole, whatever its size */
  ck_assert_uint_eq(store_lend(s, 512, 512, parts, NBDSRV_LOAN_MAX), 1);
  ck_assert_ptr_null(parts[0].iov_base);
  ck_assert_int_eq(store_write(s, "x", 1, 0), 0);
  ck_assert_uint_eq(store_lend(s, PAGE, 3 * PAGE, parts, NBDSRV_LOAN_MAX), 1);
  ck_assert_ptr_null(parts[0].iov_base);
  /* data and a small hole: one part */
  ck_assert_uint_eq(store_lend(s, 2 * PAGE, 0, parts, NBDSRV_LOAN_MAX), 1);
  ck_assert_ptr_nonnull(parts[0].iov_base);
  /* data and a large hole: two; holes of two chunks are joined */
  ck_assert_uint_eq(store_lend(s, 2 * CHUNK, 0, parts, NBDSRV_LOAN_MAX), 2);
  ck_assert_ptr_nonnull(parts[0].iov_base);
  ck_assert_ptr_null(parts[1].iov_base);
  /* too fragmented: the chunk's memory as it is */
  for (unsigned page = 0; page < PAGES; page += 16)
    ck_assert_int_eq(store_write(s, "x", 1, page * PAGE), 0);
  ck_assert_uint_eq(store_lend(s, CHUNK, 0, parts, NBDSRV_LOAN_MAX), 1);
  ck_assert_ptr_nonnull(parts[0].iov_base);
  store_free(s);
}
END_TEST

START_TEST(test_lent_memory_stays_with_its_offset)
{
  struct store *s = store_new();
  struct iovec part;
  uint8_t byte;

  ck_assert_int_eq(store_write(s, "a", 1, 7), 0);
  ck_assert_uint_eq(store_lend(s, 1, 7, &part, 1), 1);
  store_trim(s, 4 * CHUNK, 0);
  memcpy(&byte, part.iov_base, 1);
  ck_assert_uint_eq(byte, 0);
  for (uint64_t off = CHUNK; off < 64 * CHUNK; off += PAGE * 3)
    ck_assert_int_eq(store_write(s, "b", 1, off), 0);
  memcpy(&byte, part.iov_base, 1);
  ck_assert_uint_eq(byte, 0);
  ck_assert_int_eq(store_write(s, "c", 1, 7), 0);
  memcpy(&byte, part.iov_base, 1);
  ck_assert_uint_eq(byte, 'c');
  store_free(s);
}
END_TEST

/* A chunk becomes dense, thin and empty; so do others in between. */
START_TEST(test_huge_pages_come_and_go)
{
  struct store *s = store_new();
  uint8_t *data = malloc(CHUNK);
  uint64_t n = 8;

  memset(data, 'h', CHUNK);
  for (unsigned round = 0; round < 3; round++) {
    for (uint64_t i = 0; i < n; i += 1 + round % 2)
      ck_assert_int_eq(store_write(s, data, CHUNK, i * CHUNK), 0);
    for (uint64_t i = 0; i < n; i += 2) {
      ck_assert(tree_find(&s->tree, i * CHUNK, NULL)->huge);
      store_trim(s, CHUNK - 3 * PAGE, i * CHUNK);
      ck_assert(!tree_find(&s->tree, i * CHUNK, NULL)->huge);
      ck_assert_uint_eq(allocated(s, CHUNK, i * CHUNK), 3 * PAGE);
      store_read(s, data, CHUNK, i * CHUNK);
      ck_assert_uint_eq(data[CHUNK - 3 * PAGE - 1], 0);
      ck_assert_uint_eq(data[CHUNK - 3 * PAGE], 'h');
      memset(data, 'h', CHUNK);
    }
    store_trim(s, n * CHUNK, 0);
    ck_assert_uint_eq(allocated(s, n * CHUNK, 0), 0);
    ck_assert_uint_eq(s->tree.arenas.splits, 0);
  }
  free(data);
  store_free(s);
}
END_TEST

/* As all of it is under --swap. */
START_TEST(test_locked_memory_is_cleared)
{
  struct store *s = store_new();
  uint8_t data[32 * PAGE], got[32 * PAGE], none[32 * PAGE] = {0};

  memset(data, 'l', sizeof data);
  ck_assert_int_eq(store_write(s, data, sizeof data, 0), 0);
  ck_assert_int_eq(mlock(tree_find(&s->tree, 0, NULL)->data, 16 * PAGE), 0);
  store_trim(s, sizeof data, 0);
  store_read(s, got, sizeof got, 0);
  ck_assert(memcmp(got, none, sizeof got) == 0);
  store_free(s);
}
END_TEST

/* ------------------------------------------------------------------ threads */

#define THREADS 4
#define ROUNDS  20000

struct worker {
  pthread_t thread;
  struct store *store;
  unsigned number;
};

/* Each has every fourth page and a quarter of others for its own. */
static void *
disturb(void *arg)
{
  struct worker *w = arg;
  uint64_t state = w->number;
  uint8_t own[64], got[64], data[PAGE];
  uint8_t shown[PAGES] = {0};

  for (unsigned i = 0; i < ROUNDS; i++) {
    unsigned page = (unsigned)draw(&state, PAGES / THREADS) * THREADS + w->number;
    uint64_t off = page * PAGE;

    memset(data, (int)(i % 256), sizeof data);
    switch (draw(&state, 4)) {
    case 0:
      store_trim(w->store, PAGE, off);
      shown[page] = 0;
      break;
    case 1:
      ck_assert_int_eq(store_allocate_zeroes(w->store, PAGE, off), 0);
      shown[page] = 0;
      break;
    default:
      ck_assert_int_eq(store_write(w->store, data, PAGE, off), 0);
      shown[page] = (uint8_t)(i % 256);
    }
    page = (unsigned)draw(&state, PAGES / THREADS) * THREADS + w->number;
    memset(own, shown[page], sizeof own);
    if (i % 2)
      store_read(w->store, got, sizeof got, page * PAGE + 100);
    else
      ck_assert(read_lent(w->store, got, sizeof got, page * PAGE + 100));
    ck_assert(memcmp(own, got, sizeof got) == 0);
  }
  return NULL;
}

/* Looks at all of it while it changes: what is lent adds up. */
static void *
look(void *arg)
{
  struct worker *w = arg;
  struct iovec parts[NBDSRV_LOAN_MAX];
  uint64_t state = w->number;

  for (unsigned i = 0; i < ROUNDS / 4; i++) {
    uint64_t off = draw(&state, CHUNK - 64 * PAGE), len = 1 + draw(&state, 64 * PAGE);
    uint64_t sum = 0;
    unsigned n = store_lend(w->store, len, off, parts, NBDSRV_LOAN_MAX);

    for (unsigned k = 0; k < n; k++)
      sum += parts[k].iov_len;
    ck_assert(n == 0 || sum == len);
    allocated(w->store, len, off);
  }
  return NULL;
}

START_TEST(test_neighbours_do_not_lose_data)
{
  struct store *s = store_new();
  struct worker workers[THREADS + 1];

  for (unsigned i = 0; i <= THREADS; i++) {
    workers[i] = (struct worker){.store = s, .number = i};
    ck_assert_int_eq(pthread_create(&workers[i].thread, NULL,
                                    i < THREADS ? disturb : look, &workers[i]),
                     0);
  }
  for (unsigned i = 0; i <= THREADS; i++)
    pthread_join(workers[i].thread, NULL);
  store_free(s);
}
END_TEST

int
main(void)
{
  const TTest *tests[] = {
      test_model,
      test_model_at_the_end,
      test_extents_are_exact,
      test_lend_names_large_holes_only,
      test_lent_memory_stays_with_its_offset,
      test_huge_pages_come_and_go,
      test_locked_memory_is_cleared,
      test_neighbours_do_not_lose_data,
  };

  return unit_main("memory store", tests, sizeof tests / sizeof tests[0]);
}
