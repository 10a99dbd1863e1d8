/* SPDX-License-Identifier: BSD-3-Clause */
/* Lists of extents: order, gaps, joining, ends. */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "server/extents.h"
#include "server/protocol.h"
#include "unit.h"

#define HOLE (NBDSRV_EXTENT_HOLE | NBDSRV_EXTENT_ZERO)

static struct nbdsrv_extents *e;

static void
begin(uint64_t length, uint64_t offset)
{
  e = nbdsrv_extents_new(NULL, length, offset);
  ck_assert_ptr_nonnull(e);
}

static void
assert_extent(size_t i, uint64_t offset, uint64_t length, uint32_t type)
{
  uint64_t o, l;
  uint32_t t;

  ck_assert_uint_lt(i, nbdsrv_extents_count(e));
  nbdsrv_extents_get(e, i, &o, &l, &t);
  ck_assert_uint_eq(o, offset);
  ck_assert_uint_eq(l, length);
  ck_assert_uint_eq(t, type);
}

START_TEST(in_order)
{
  begin(100, 0);
  ck_assert_int_eq(nbdsrv_extents_add(e, 0, 10, 0), 0);
  ck_assert_int_eq(nbdsrv_extents_add(e, 10, 20, HOLE), 0);
  ck_assert_int_eq(nbdsrv_extents_add(e, 30, 70, 0), 0);
  ck_assert_uint_eq(nbdsrv_extents_count(e), 3);
  assert_extent(0, 0, 10, 0);
  assert_extent(1, 10, 20, HOLE);
  assert_extent(2, 30, 70, 0);
  nbdsrv_extents_free(e);
}
END_TEST

START_TEST(neighbours_of_one_type_are_joined)
{
  begin(1000, 0);
  for (uint64_t at = 0; at < 500; at += 10)
    ck_assert_int_eq(nbdsrv_extents_add(e, at, 10, 0), 0);
  ck_assert_int_eq(nbdsrv_extents_add(e, 500, 100, HOLE), 0);
  ck_assert_int_eq(nbdsrv_extents_add(e, 600, 100, HOLE), 0);
  ck_assert_uint_eq(nbdsrv_extents_count(e), 2);
  assert_extent(0, 0, 500, 0);
  assert_extent(1, 500, 200, HOLE);
  nbdsrv_extents_free(e);
}
END_TEST

START_TEST(what_lies_before_is_cut_off)
{
  begin(100, 1000);
  ck_assert_int_eq(nbdsrv_extents_add(e, 0, 500, 0), 0);
  ck_assert_int_eq(nbdsrv_extents_add(e, 500, 500, HOLE), 0);
  ck_assert_uint_eq(nbdsrv_extents_count(e), 0);
  ck_assert_int_eq(nbdsrv_extents_add(e, 900, 150, HOLE), 0);
  assert_extent(0, 1000, 50, HOLE);
  nbdsrv_extents_free(e);
}
END_TEST

START_TEST(the_last_may_run_past_the_end)
{
  begin(100, 1000);
  ck_assert_int_eq(nbdsrv_extents_add(e, 1000, 5000, 0), 0);
  assert_extent(0, 1000, 5000, 0);
  ck_assert_int_eq(nbdsrv_extents_add(e, 6000, 10, 0), ERANGE);
  ck_assert_uint_eq(nbdsrv_extents_count(e), 1);
  nbdsrv_extents_free(e);
}
END_TEST

START_TEST(enough_at_the_end)
{
  begin(100, 0);
  ck_assert_int_eq(nbdsrv_extents_add(e, 0, 100, 0), 0);
  ck_assert_int_eq(nbdsrv_extents_add(e, 100, 1, 0), ERANGE);
  assert_extent(0, 0, 100, 0);
  nbdsrv_extents_free(e);
}
END_TEST

START_TEST(gaps_and_overlaps_are_errors)
{
  begin(100, 10);
  ck_assert_int_eq(nbdsrv_extents_add(e, 11, 10, 0), EINVAL); /* not from the start */
  ck_assert_ptr_nonnull(strstr(unit_error, "out of order"));
  ck_assert_int_eq(nbdsrv_extents_add(e, 10, 10, 0), 0);
  ck_assert_int_eq(nbdsrv_extents_add(e, 21, 10, 0), EINVAL);
  ck_assert_int_eq(nbdsrv_extents_add(e, 19, 10, HOLE), EINVAL);
  ck_assert_uint_eq(nbdsrv_extents_count(e), 1);
  assert_extent(0, 10, 10, 0);
  nbdsrv_extents_free(e);
}
END_TEST

START_TEST(empty_extents_are_nothing)
{
  begin(100, 0);
  ck_assert_int_eq(nbdsrv_extents_add(e, 0, 0, HOLE), 0);
  ck_assert_int_eq(nbdsrv_extents_add(e, 50, 0, HOLE), 0);
  ck_assert_uint_eq(nbdsrv_extents_count(e), 0);
  nbdsrv_extents_free(e);
}
END_TEST

START_TEST(numbers_that_wrap)
{
  begin(UINT64_MAX, UINT64_MAX - 10); /* ends where numbers end */
  ck_assert_int_eq(nbdsrv_extents_add(e, UINT64_MAX - 5, 10, 0), EINVAL);
  ck_assert_ptr_nonnull(strstr(unit_error, "end of all numbers"));
  ck_assert_int_eq(nbdsrv_extents_add(e, 0, UINT64_MAX, HOLE), 0);
  assert_extent(0, UINT64_MAX - 10, 10, HOLE);
  nbdsrv_extents_free(e);
}
END_TEST

START_TEST(ends_are_moved_to_blocks)
{
  begin(3000, 100);
  ck_assert_int_eq(nbdsrv_extents_add(e, 0, 512, HOLE), 0);
  ck_assert_int_eq(nbdsrv_extents_add(e, 512, 88, 0), 0);
  ck_assert_int_eq(nbdsrv_extents_add(e, 600, 824, HOLE), 0);
  ck_assert_int_eq(nbdsrv_extents_add(e, 1424, 600, NBDSRV_EXTENT_ZERO), 0);
  ck_assert_int_eq(nbdsrv_extents_add(e, 2024, 100, HOLE), 0); /* not all was said */
  ck_assert_int_eq(extents_align(e, 512, 100000), 0);
  ck_assert_uint_eq(nbdsrv_extents_count(e), 4);
  assert_extent(0, 100, 412, HOLE);
  assert_extent(1, 512, 512, 0);
  assert_extent(2, 1024, 1024, NBDSRV_EXTENT_ZERO);
  assert_extent(3, 2048, 512, 0);
  nbdsrv_extents_free(e);
}
END_TEST

START_TEST(bits_without_a_meaning)
{
  struct nbdsrv_extents other = {0};
  uint64_t o, l;
  uint32_t t;

  begin(100, 0);
  ck_assert_int_eq(nbdsrv_extents_add(e, 0, 10, 4 | NBDSRV_EXTENT_ZERO), 0);
  ck_assert_int_eq(nbdsrv_extents_add(e, 10, 10, NBDSRV_EXTENT_ZERO), 0);
  assert_extent(0, 0, 20, NBDSRV_EXTENT_ZERO);
  nbdsrv_extents_free(e);

  extents_begin(&other, 100, 0, 1, false); /* a context of the plugin's own */
  ck_assert_int_eq(nbdsrv_extents_add(&other, 0, 10, UINT32_MAX), 0);
  nbdsrv_extents_get(&other, 0, &o, &l, &t);
  ck_assert_uint_eq(t, UINT32_MAX);
  extents_release(&other);
}
END_TEST

START_TEST(one_is_enough)
{
  struct nbdsrv_extents one = {0}, *like;

  extents_begin(&one, 100, 0, 3, true);
  ck_assert_uint_eq(nbdsrv_extents_context(&one), 3);
  ck_assert_int_eq(nbdsrv_extents_add(&one, 0, 10, 0), 0);
  ck_assert_int_eq(nbdsrv_extents_add(&one, 10, 10, 0), 0); /* joined */
  ck_assert_int_eq(nbdsrv_extents_add(&one, 20, 10, HOLE), ERANGE);
  ck_assert_uint_eq(nbdsrv_extents_count(&one), 1);
  like = nbdsrv_extents_new(&one, 10, 20); /* a filter's own asks the same */
  ck_assert_uint_eq(nbdsrv_extents_context(like), 3);
  ck_assert_int_eq(nbdsrv_extents_add(like, 20, 5, 0), 0);
  ck_assert_int_eq(nbdsrv_extents_add(like, 25, 5, HOLE), ERANGE);
  nbdsrv_extents_free(like);
  extents_release(&one);
}
END_TEST

START_TEST(no_more_than_a_chunk_takes)
{
  uint64_t at = 0;
  int error = 0;

  begin(UINT64_MAX, 0);
  for (; !error; at++)
    error = nbdsrv_extents_add(e, at, 1, at % 2);
  ck_assert_int_eq(error, ERANGE);
  ck_assert_uint_eq(nbdsrv_extents_count(e), NBD_MAX_EXTENTS);
  nbdsrv_extents_free(e);
}
END_TEST

START_TEST(a_list_is_used_again)
{
  struct nbdsrv_extents list = {0};

  for (uint64_t round = 0; round < 3; round++) {
    extents_begin(&list, 1000, round * 100, 0, false);
    ck_assert_uint_eq(nbdsrv_extents_count(&list), 0);
    for (uint64_t i = 0; i < 40; i++)
      ck_assert_int_eq(nbdsrv_extents_add(&list, round * 100 + i, 1, (uint32_t)(i % 2)),
                       0);
    ck_assert_uint_eq(nbdsrv_extents_count(&list), 40);
  }
  extents_release(&list);
  nbdsrv_extents_free(NULL);
}
END_TEST

int
main(void)
{
  const TTest *tests[] = {
      in_order,
      neighbours_of_one_type_are_joined,
      what_lies_before_is_cut_off,
      the_last_may_run_past_the_end,
      enough_at_the_end,
      gaps_and_overlaps_are_errors,
      empty_extents_are_nothing,
      numbers_that_wrap,
      ends_are_moved_to_blocks,
      bits_without_a_meaning,
      one_is_enough,
      no_more_than_a_chunk_takes,
      a_list_is_used_again,
  };

  return unit_main("extents", tests, sizeof tests / sizeof *tests);
}
