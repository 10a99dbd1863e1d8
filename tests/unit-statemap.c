/* SPDX-License-Identifier: BSD-3-Clause */
/* The map of block states that cow and cache keep, against a plain array. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "filters/common/statemap.h"
#include "unit.h"

#define BLOCKS 100000u

static unsigned char model[BLOCKS];
static struct statemap *map;

static void
set(uint64_t first, uint64_t count, unsigned state)
{
  ck_assert_int_eq(statemap_set(map, first, count, state), 0);
}

static unsigned
get(uint64_t block)
{
  unsigned state;

  ck_assert_uint_eq(statemap_run(map, block, 1, &state), 1);
  return state;
}

static void
check_model(void)
{
  uint64_t i = 0;

  while (i < BLOCKS) {
    unsigned state;
    uint64_t run = statemap_run(map, i, BLOCKS - i, &state);

    ck_assert_uint_ge(run, 1);
    ck_assert_uint_le(run, BLOCKS - i);
    for (uint64_t end = i + run; i < end; i++)
      ck_assert_uint_eq(model[i], state);
  }
}

START_TEST(begins_with_nothing)
{
  unsigned state;

  map = statemap_new();
  ck_assert_uint_eq(statemap_run(map, 0, STATEMAP_BLOCKS, &state), STATEMAP_BLOCKS);
  ck_assert_uint_eq(state, 0);
  set(5, 0, 3);
  ck_assert_uint_eq(get(5), 0);
  statemap_free(map);
  statemap_free(NULL);
}
END_TEST

START_TEST(like_an_array)
{
  map = statemap_new();
  memset(model, 0, sizeof model);
  srand(1);
  for (int i = 0; i < 3000; i++) {
    uint64_t first = (uint64_t)rand() % BLOCKS;
    uint64_t most = i % 3 == 0 ? BLOCKS : i % 3 == 1 ? 100 : 3;
    uint64_t count = 1 + (uint64_t)rand() % most;
    unsigned state = (unsigned)rand() % 4;

    if (count > BLOCKS - first)
      count = BLOCKS - first;
    set(first, count, state);
    memset(model + first, (int)state, count);
    if (i % 50 == 0)
      check_model();
  }
  check_model();
  statemap_free(map);
}
END_TEST

START_TEST(runs_within_a_leaf_are_whole)
{
  unsigned state;

  map = statemap_new();
  set(1, 1000, 2);
  ck_assert_uint_eq(statemap_run(map, 1, 5000, &state), 1000);
  ck_assert_uint_eq(state, 2);
  ck_assert_uint_eq(statemap_run(map, 7, 10, &state), 10);
  ck_assert_uint_eq(statemap_run(map, 0, 5000, &state), 1);
  ck_assert_uint_eq(state, 0);
  statemap_free(map);
}
END_TEST

/* All at the far end of the largest map, and across every border. */
START_TEST(huge)
{
  map = statemap_new();
  set(0, STATEMAP_BLOCKS, 1);
  set(STATEMAP_BLOCKS - 1, 1, 2);
  ck_assert_uint_eq(get(STATEMAP_BLOCKS - 1), 2);
  ck_assert_uint_eq(get(STATEMAP_BLOCKS - 2), 1);
  for (unsigned bit = 1; bit < 59; bit++) {
    uint64_t border = (uint64_t)1 << bit;
    set(border - 1, 2, 3);
    ck_assert_uint_eq(get(border - 1), 3);
    ck_assert_uint_eq(get(border), 3);
  }
  ck_assert_uint_eq(get(((uint64_t)1 << 58) + 1), 1);
  set(7, STATEMAP_BLOCKS - 14, 0);
  ck_assert_uint_eq(get((uint64_t)1 << 58), 0);
  ck_assert_uint_eq(get(STATEMAP_BLOCKS - 8), 0);
  ck_assert_uint_eq(get(STATEMAP_BLOCKS - 7), 1);
  statemap_free(map);
}
END_TEST

int
main(void)
{
  const TTest *const tests[] = {begins_with_nothing, like_an_array,
                                runs_within_a_leaf_are_whole, huge};

  return unit_main("statemap", tests, sizeof tests / sizeof tests[0]);
}
