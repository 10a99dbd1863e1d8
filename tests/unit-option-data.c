/* SPDX-License-Identifier: BSD-3-Clause */
/* Strings and payloads of the handshake: what is understood and what is malformed. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "server/option-data.h"
#include "server/utf8.h"
#include "unit.h"

/* ------------------------------------------------------------------- strings */

static bool
valid(const char *text)
{
  return utf8_is_valid(text, strlen(text));
}

START_TEST(utf8_that_is_valid)
{
  ck_assert(valid(""));
  ck_assert(valid("plain \x01\x7f"));
  ck_assert(valid("\xc2\x80 \xdf\xbf"));
  ck_assert(valid("\xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80 \xef\xbf\xbf"));
  ck_assert(valid("\xf0\x90\x80\x80 \xf4\x8f\xbf\xbf"));
}
END_TEST

START_TEST(utf8_that_is_not)
{
  static const char *const bad[] = {
      "\x80",             /* continues nothing */
      "a\xbf",            /* nor this */
      "\xc3",             /* cut off */
      "\xe2\x82",         /* cut off */
      "\xf0\x9f\x92",     /* cut off */
      "\xc3(",            /* not continued */
      "\xe2(\x82",        /* not continued */
      "\xc0\xaf",         /* overlong */
      "\xc1\xbf",         /* overlong */
      "\xe0\x9f\xbf",     /* overlong */
      "\xf0\x8f\xbf\xbf", /* overlong */
      "\xed\xa0\x80",     /* surrogate */
      "\xed\xbf\xbf",     /* surrogate */
      "\xf4\x90\x80\x80", /* beyond Unicode */
      "\xf8\x88\x80\x80\x80",
      "\xfe",
      "\xff",
  };

  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    ck_assert_msg(!valid(bad[i]), "number %zu passes", i);
  ck_assert(!utf8_is_valid("a\0b", 3));
}
END_TEST

START_TEST(mending_text)
{
  char out[16];

  ck_assert_uint_eq(utf8_mend(out, sizeof out, "caf\xc3\xa9"), 5);
  ck_assert_mem_eq(out, "caf\xc3\xa9", 5);
  ck_assert_uint_eq(utf8_mend(out, sizeof out, "a\xff\xc3(\x80z"), 6);
  ck_assert_mem_eq(out, "a?\?(?z", 6);
  /* cut between characters, not inside */
  ck_assert_uint_eq(utf8_mend(out, 4, "abc\xc3\xa9"), 3);
  ck_assert_uint_eq(utf8_mend(out, 5, "abc\xc3\xa9"), 5);
  ck_assert_uint_eq(utf8_mend(out, 0, "abc"), 0);
  ck_assert_uint_eq(utf8_mend(out, sizeof out, ""), 0);
  strcpy(out, "x\xff\xc3\xa9"); /* in place */
  ck_assert_uint_eq(utf8_mend(out, sizeof out, out), 4);
  ck_assert_mem_eq(out, "x?\xc3\xa9", 4);
}
END_TEST

START_TEST(string_lengths)
{
  static uint8_t bytes[NBD_MAX_STRING + 1];
  static char name[NBD_MAX_STRING + 1];
  struct wire_in in = {bytes, sizeof bytes};

  memset(bytes, 'x', sizeof bytes);
  ck_assert(!option_data_string(&in, NBD_MAX_STRING + 1, name));
  ck_assert_uint_eq(in.left, sizeof bytes);
  ck_assert(option_data_string(&in, NBD_MAX_STRING, name));
  ck_assert_uint_eq(strlen(name), NBD_MAX_STRING);
  ck_assert_uint_eq(in.left, 1);
  ck_assert(!option_data_string(&in, 2, name));
  ck_assert(!option_data_string(&in, UINT32_MAX, name));
  ck_assert(option_data_string(&in, 1, name));
  ck_assert(option_data_string(&in, 0, name));
  ck_assert_str_eq(name, "");
}
END_TEST

/* ------------------------------------------------------------------ payloads */

/* Bytes in a block of exactly their size, so that a read past them is seen. */
static struct wire_in
exactly(const void *bytes, size_t len)
{
  uint8_t *copy = malloc(len ? len : 1);

  memcpy(copy, bytes, len);
  return (struct wire_in){copy, len};
}

#define LITERAL(text) exactly(text, sizeof text - 1)

static bool
info_of(struct wire_in in, struct option_info *info)
{
  bool ok = option_data_info(in, info);

  free((void *)in.data);
  return ok;
}

START_TEST(info)
{
  struct option_info i;

  ck_assert(info_of(LITERAL("\0\0\0\0\0\0"), &i));
  ck_assert_str_eq(i.name, "");
  ck_assert(!i.want_name && !i.want_description && !i.want_block_size);
  ck_assert(info_of(LITERAL("\0\0\0\3abc\0\2\0\1\0\3"), &i));
  ck_assert_str_eq(i.name, "abc");
  ck_assert(i.want_name && !i.want_description && i.want_block_size);
  /* unknown ones, and the same again, do no harm */
  ck_assert(info_of(LITERAL("\0\0\0\0\0\5\0\2\xff\xff\0\2\0\0\0\2"), &i));
  ck_assert(!i.want_name && i.want_description && !i.want_block_size);
}
END_TEST

START_TEST(malformed_info)
{
  struct option_info i;

  ck_assert(!info_of(LITERAL(""), &i));
  ck_assert(!info_of(LITERAL("\0\0\0"), &i));
  ck_assert(!info_of(LITERAL("\0\0\0\0"), &i));
  ck_assert(!info_of(LITERAL("\0\0\0\0\0"), &i));
  ck_assert(!info_of(LITERAL("\0\0\0\4abc\0\0"), &i));
  ck_assert(!info_of(LITERAL("\xff\xff\xff\xff\0\0"), &i));
  ck_assert(!info_of(LITERAL("\0\0\0\1\xff\0\0"), &i));
  ck_assert(!info_of(LITERAL("\0\0\0\3a\0b\0\0"), &i));
  ck_assert(!info_of(LITERAL("\0\0\0\0\0\1"), &i));
  ck_assert(!info_of(LITERAL("\0\0\0\0\0\1\0"), &i));
  ck_assert(!info_of(LITERAL("\0\0\0\0\0\0\0"), &i));
  ck_assert(!info_of(LITERAL("\0\0\0\0\0\1\0\1\0\3"), &i));
  ck_assert(!info_of(LITERAL("\0\0\0\0\xff\xff\0\0"), &i));
}
END_TEST

START_TEST(queries)
{
  static struct option_queries q;
  char query[NBD_MAX_STRING + 1];
  struct wire_in in = LITERAL("\0\0\0\2ab\0\0\0\3\0\0\0\5base:\0\0\0\0\0\0\0\3x:y");

  ck_assert(option_data_queries(in, &q));
  ck_assert_str_eq(q.name, "ab");
  ck_assert_uint_eq(q.count, 3);
  ck_assert(option_data_next_query(&q, query));
  ck_assert_str_eq(query, "base:");
  ck_assert(option_data_next_query(&q, query));
  ck_assert_str_eq(query, "");
  ck_assert(option_data_next_query(&q, query));
  ck_assert_str_eq(query, "x:y");
  ck_assert(!option_data_next_query(&q, query));
  free((void *)in.data);
}
END_TEST

static bool
queries_of(struct wire_in in)
{
  static struct option_queries q;
  bool ok = option_data_queries(in, &q);

  free((void *)in.data);
  return ok;
}

START_TEST(malformed_queries)
{
  ck_assert(queries_of(LITERAL("\0\0\0\0\0\0\0\0")));
  ck_assert(!queries_of(LITERAL("")));
  ck_assert(!queries_of(LITERAL("\0\0\0\0")));
  ck_assert(!queries_of(LITERAL("\0\0\0\0\0\0\0")));
  ck_assert(!queries_of(LITERAL("\0\0\0\1\0\0\0\0")));
  ck_assert(!queries_of(LITERAL("\0\0\0\0\0\0\0\0x")));
  ck_assert(!queries_of(LITERAL("\0\0\0\0\0\0\0\1")));
  ck_assert(!queries_of(LITERAL("\0\0\0\0\0\0\0\1\0\0\0\2x")));
  ck_assert(!queries_of(LITERAL("\0\0\0\0\0\0\0\1\0\0\0\1xy")));
  ck_assert(!queries_of(LITERAL("\0\0\0\0\0\0\0\1\xff\xff\xff\xffx")));
  ck_assert(!queries_of(LITERAL("\0\0\0\0\xff\xff\xff\xff\0\0\0\0")));
  ck_assert(!queries_of(LITERAL("\0\0\0\0\0\0\0\1\0\0\0\1\xff")));
}
END_TEST

/* Every way to cut a good option short is malformed. */
START_TEST(every_cut)
{
  static const char info_bytes[] = "\0\0\0\3abc\0\2\0\1\0\3";
  static const char query_bytes[] = "\0\0\0\2ab\0\0\0\2\0\0\0\5base:\0\0\0\3x:y";
  struct option_info i;

  for (size_t len = 0; len < sizeof info_bytes - 1; len++)
    ck_assert_msg(!info_of(exactly(info_bytes, len), &i), "%zu bytes pass", len);
  for (size_t len = 0; len < sizeof query_bytes - 1; len++)
    ck_assert_msg(!queries_of(exactly(query_bytes, len)), "%zu bytes pass", len);
  ck_assert(queries_of(exactly(query_bytes, sizeof query_bytes - 1)));
}
END_TEST

int
main(void)
{
  const TTest *tests[] = {
      utf8_that_is_valid, utf8_that_is_not, mending_text,      string_lengths, info,
      malformed_info,     queries,          malformed_queries, every_cut,
  };

  return unit_main("option-data", tests, sizeof tests / sizeof *tests);
}
