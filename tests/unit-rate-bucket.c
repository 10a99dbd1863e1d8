/* SPDX-License-Identifier: BSD-3-Clause */
/* The rate filter's buckets, with a clock of the test's own. */
#include "config.h"

#include "filters/rate/bucket.h"
#include "unit.h"

#define SECOND 1000000000u

static struct bucket bucket;

START_TEST(no_limit)
{
  bucket_init(&bucket, 0, 2, 0);
  for (int i = 0; i < 10; i++)
    ck_assert_uint_eq(bucket_take(&bucket, UINT64_MAX / 8, 0), 0);
}
END_TEST

START_TEST(burst_then_wait)
{
  bucket_init(&bucket, 1000, 2, 0);
  ck_assert_uint_eq(bucket_take(&bucket, 2000, 0), 0);
  ck_assert_uint_eq(bucket_take(&bucket, 500, 0), SECOND / 2);
  /* behind the first one */
  ck_assert_uint_eq(bucket_take(&bucket, 500, 0), SECOND);
  /* half a second later half of it is paid */
  ck_assert_uint_eq(bucket_take(&bucket, 0, SECOND / 2), SECOND / 2);
}
END_TEST

START_TEST(no_more_is_saved_than_the_burst)
{
  bucket_init(&bucket, 1000, 2, 0);
  ck_assert_uint_eq(bucket_take(&bucket, 2000, 100ull * SECOND), 0);
  ck_assert_uint_eq(bucket_take(&bucket, 1000, 100ull * SECOND), SECOND);
}
END_TEST

START_TEST(steady_rate)
{
  uint64_t now = 0;

  bucket_init(&bucket, 8000, 1, 0);
  ck_assert_uint_eq(bucket_take(&bucket, 8000, now), 0);
  for (int i = 0; i < 100; i++)
    now += bucket_take(&bucket, 800, now);
  ck_assert_uint_eq(now, 10ull * SECOND);
}
END_TEST

START_TEST(change_of_rate)
{
  bucket_init(&bucket, 1, 1, 0);
  ck_assert_uint_eq(bucket_take(&bucket, 1001, 0), 1000ull * SECOND);
  bucket_set_rate(&bucket, 1000, 0);
  ck_assert_uint_eq(bucket_take(&bucket, 0, 0), SECOND);
  bucket_set_rate(&bucket, 0, 0);
  ck_assert_uint_eq(bucket_take(&bucket, 1000000, 0), 0);
}
END_TEST

START_TEST(waits_have_an_end)
{
  bucket_init(&bucket, 1, 2, 0);
  ck_assert_uint_le(bucket_take(&bucket, UINT64_MAX, 0), 1000000000ull * SECOND);
  ck_assert_uint_le(bucket_take(&bucket, UINT64_MAX, 0), 1000000000ull * SECOND);
}
END_TEST

int
main(void)
{
  const TTest *const tests[] = {
      no_limit,    burst_then_wait, no_more_is_saved_than_the_burst,
      steady_rate, change_of_rate,  waits_have_an_end};

  return unit_main("rate-bucket", tests, sizeof tests / sizeof tests[0]);
}
