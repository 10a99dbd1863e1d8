/* SPDX-License-Identifier: BSD-3-Clause */
/* The parsers of server/parse.c: what they take, what they refuse and say. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <nbdsrv-plugin.h>

#include "server/parse.h"
#include "unit.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

START_TEST(sizes)
{
  static const struct {
    const char *text;
    uint64_t size;
  } good[] = {
      {"0", 0},
      {"512", 512},
      {"1b", 1},
      {"4k", 4096},
      {"4K", 4096},
      {"1M", 1 << 20},
      {"1.5M", 3 << 19},
      {"1G", 1 << 30},
      {"2T", (uint64_t)2 << 40},
      {"1P", (uint64_t)1 << 50},
      {"7E", (uint64_t)7 << 60},
      {"3s", 1536},
      {"1S", 512},
      {"0.5k", 512},
      {"9223372036854775807", INT64_MAX},
  };
  static const char *const bad[] = {"",     "k",       "-1",   "+1",
                                    "1X",   "1kk",     "1k ",  " 1",
                                    "0x10", "inf",     "nan",  "1e3k",
                                    "1..5", "8E",      "1e30", "9223372036854775808",
                                    "1.5",  "1.0001k", "1,5k", "16777216T"};
  uint64_t size;

  for (size_t i = 0; i < COUNT(good); i++) {
    ck_assert_msg(nbdsrv_parse_size("x", good[i].text, &size) == 0, "%s", good[i].text);
    ck_assert_uint_eq(size, good[i].size);
  }
  for (size_t i = 0; i < COUNT(bad); i++) {
    unit_error[0] = '\0';
    ck_assert_msg(nbdsrv_parse_size("disk", bad[i], &size) == EINVAL, "%s", bad[i]);
    ck_assert_msg(strncmp(unit_error, "disk: ", 6) == 0, "%s: %s", bad[i], unit_error);
  }
}
END_TEST

START_TEST(durations)
{
  static const struct {
    const char *text;
    uint64_t ns;
  } good[] = {
      {"0", 0},
      {"1", 1000000000},
      {"1s", 1000000000},
      {"1.5s", 1500000000},
      {"10ms", 10000000},
      {"5us", 5000},
      {"7ns", 7},
      {".5", 500000000},
      {"2m", (uint64_t)120 * 1000000000},
      {"1h", (uint64_t)3600 * 1000000000},
      {"1d", (uint64_t)86400 * 1000000000},
      {"60000ms", (uint64_t)60 * 1000000000},
  };
  static const char *const bad[] = {"", "-1", "ms", "1 s", "1x", "1msx", "inf", "1e30"};
  uint64_t ns;

  for (size_t i = 0; i < COUNT(good); i++) {
    ck_assert_msg(nbdsrv_parse_duration("x", good[i].text, &ns) == 0, "%s",
                  good[i].text);
    ck_assert_uint_eq(ns, good[i].ns);
  }
  for (size_t i = 0; i < COUNT(bad); i++)
    ck_assert_msg(nbdsrv_parse_duration("x", bad[i], &ns) == EINVAL, "%s", bad[i]);
}
END_TEST

START_TEST(fractions)
{
  static const struct {
    const char *text;
    double value;
  } good[] = {{"0", 0},       {"1", 1},          {"0.1", 0.1},  {"10%", 0.1},
              {"1e-4", 1e-4}, {"1:1000", 0.001}, {"1/4", 0.25}, {"100%", 1}};
  static const char *const bad[] = {"",    "-0.1", "1.1",  "101%", "1:0",  "1:",
                                    "2:1", "nan",  "10%%", "x",    "1:-2", "0.1 "};
  double v;

  for (size_t i = 0; i < COUNT(good); i++) {
    ck_assert_msg(nbdsrv_parse_fraction("x", good[i].text, &v) == 0, "%s",
                  good[i].text);
    ck_assert_double_eq_tol(v, good[i].value, 1e-12);
  }
  for (size_t i = 0; i < COUNT(bad); i++)
    ck_assert_msg(nbdsrv_parse_fraction("x", bad[i], &v) == EINVAL, "%s", bad[i]);
}
END_TEST

START_TEST(truths)
{
  static const char *const yes[] = {"1", "true", "TRUE", "t", "yes", "Y", "on", "On"};
  static const char *const no[] = {"0", "false", "f", "NO", "n", "off"};
  static const char *const bad[] = {"", "2", "tr", "yess", " 1", "null"};
  int value;

  for (size_t i = 0; i < COUNT(yes); i++) {
    ck_assert_int_eq(nbdsrv_parse_bool("x", yes[i], &value), 0);
    ck_assert_int_eq(value, 1);
  }
  for (size_t i = 0; i < COUNT(no); i++) {
    ck_assert_int_eq(nbdsrv_parse_bool("x", no[i], &value), 0);
    ck_assert_int_eq(value, 0);
  }
  for (size_t i = 0; i < COUNT(bad); i++)
    ck_assert_msg(nbdsrv_parse_bool("x", bad[i], &value) == EINVAL, "%s", bad[i]);
}
END_TEST

START_TEST(whole_numbers)
{
  uint64_t u;
  int64_t i;

  ck_assert_int_eq(nbdsrv_parse_uint64("x", "18446744073709551615", UINT64_MAX, &u), 0);
  ck_assert_uint_eq(u, UINT64_MAX);
  ck_assert_int_eq(nbdsrv_parse_uint64("x", "0x10", 100, &u), 0);
  ck_assert_uint_eq(u, 16);
  ck_assert_int_eq(nbdsrv_parse_uint64("x", "18446744073709551616", UINT64_MAX, &u),
                   EINVAL);
  ck_assert_int_eq(nbdsrv_parse_uint64("x", "101", 100, &u), EINVAL);
  ck_assert_str_eq(unit_error, "x: 101 is more than 100");
  ck_assert_int_eq(nbdsrv_parse_uint64("x", "-1", UINT64_MAX, &u), EINVAL);
  ck_assert_int_eq(nbdsrv_parse_uint64("x", "", 100, &u), EINVAL);
  ck_assert_int_eq(nbdsrv_parse_uint64("x", "1 ", 100, &u), EINVAL);
  ck_assert_int_eq(nbdsrv_parse_uint64("x", " 1", 100, &u), EINVAL);
  ck_assert_int_eq(nbdsrv_parse_int64("x", "-5", -10, 10, &i), 0);
  ck_assert_int_eq(i, -5);
  ck_assert_int_eq(nbdsrv_parse_int64("x", "-11", -10, 10, &i), EINVAL);
  ck_assert_int_eq(
      nbdsrv_parse_int64("x", "9223372036854775808", INT64_MIN, INT64_MAX, &i), EINVAL);
  ck_assert_int_eq(nbdsrv_parse_int64("x", "1x", -10, 10, &i), EINVAL);
  ck_assert_int_eq(nbdsrv_parse_int64("x", " 1", -10, 10, &i), EINVAL);
}
END_TEST

START_TEST(words)
{
  int value;

  ck_assert_int_eq(parse_enum("x", "b", "a|b|c", &value), 0);
  ck_assert_int_eq(value, 1);
  ck_assert_int_eq(parse_enum("x", "c", "a|b|c", &value), 0);
  ck_assert_int_eq(value, 2);
  ck_assert_int_eq(parse_enum("x", "B", "a|b|c", &value), 0);
  ck_assert_int_eq(value, 1);
  ck_assert_int_eq(parse_enum("x", "a|b", "a|b|c", &value), EINVAL);
  ck_assert_int_eq(parse_enum("x", "", "a|b|c", &value), EINVAL);
  ck_assert_int_eq(parse_enum("x", "bb", "a|b|c", &value), EINVAL);
  ck_assert_str_eq(unit_error, "x: 'bb' is not one of a|b|c");
}
END_TEST

START_TEST(nearest_words)
{
  static const char *const known[] = {"memory", "file", "null", "partitioning"};

  ck_assert_str_eq(parse_nearest("memroy", known, 4), "memory");
  ck_assert_str_eq(parse_nearest("fil", known, 4), "file");
  ck_assert_str_eq(parse_nearest("nul", known, 4), "null");
  ck_assert_str_eq(parse_nearest("partioning", known, 4), "partitioning");
  ck_assert_ptr_null(parse_nearest("curl", known, 1));
  ck_assert_ptr_null(parse_nearest("xyz", known, 4));
  ck_assert_ptr_null(parse_nearest("nil", known, 4));
  ck_assert_ptr_null(parse_nearest("x", known, 4));
  ck_assert_ptr_null(parse_nearest("", known, 4));
  ck_assert_ptr_null(parse_nearest("memory", known, 0));
}
END_TEST

START_TEST(absolute_paths)
{
  char cwd[4096], *path = parse_absolute_path("/a/../b");

  ck_assert_str_eq(path, "/a/../b");
  free(path);
  ck_assert_ptr_nonnull(getcwd(cwd, sizeof cwd));
  path = parse_absolute_path("disk");
  ck_assert_int_eq(strncmp(path, cwd, strlen(cwd)), 0);
  ck_assert_str_eq(path + strlen(cwd), "/disk");
  free(path);
}
END_TEST

START_TEST(passwords)
{
  char *password, number[16];
  int fds[2];

  ck_assert_int_eq(nbdsrv_read_password("secret", &password), 0);
  ck_assert_str_eq(password, "secret");
  free(password);
  ck_assert_int_eq(pipe(fds), 0);
  ck_assert_int_eq(write(fds[1], "from a pipe\nrest", 16), 16);
  close(fds[1]);
  snprintf(number, sizeof number, "-%d", fds[0]);
  ck_assert_int_eq(nbdsrv_read_password(number, &password), 0);
  ck_assert_str_eq(password, "from a pipe");
  free(password);
  ck_assert_int_eq(nbdsrv_read_password("+/dev/null", &password), 0);
  ck_assert_str_eq(password, "");
  free(password);
  ck_assert_int_eq(nbdsrv_read_password("+/no/such/file", &password), EINVAL);
  ck_assert_int_eq(nbdsrv_read_password("-0", &password), EINVAL);
  ck_assert_int_eq(nbdsrv_read_password("-4000", &password), EINVAL);
}
END_TEST

int
main(void)
{
  const TTest *tests[] = {sizes, durations,     fractions,      truths,   whole_numbers,
                          words, nearest_words, absolute_paths, passwords};

  return unit_main("parse", tests, COUNT(tests));
}
