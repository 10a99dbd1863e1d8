/* SPDX-License-Identifier: BSD-3-Clause */
/* Unit tests of the data plugin's language.
 * What is from outside is made up: see data-outside.c.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <nbdsrv-plugin.h>

#include "plugins/data/emit.h"
#include "plugins/data/parser.h"
#include "server/extents.h"
#include "tests/data-outside.h"
#include "unit.h"

#define PAGE 4096u

static const char *
lookup(void *opaque, const char *name)
{
  const char *const *pairs = opaque;

  for (; pairs && *pairs; pairs += 2)
    if (strcmp(pairs[0], name) == 0)
      return pairs[1];
  return NULL;
}

/* ------------------------------------------------------------ what the tests say */

static const char *const *variables;

static void
refuse(const char *text, const char *sentence)
{
  struct pool pool = {NULL};
  struct expr *e;

  unit_error[0] = '\0';
  ck_assert_int_ne(parser_parse(&pool, text, lookup, (void *)variables, &e), 0);
  ck_assert_msg(strstr(unit_error, sentence), "%s: %s", text, unit_error);
  pool_free(&pool);
}

/* A page is allocated if something is in it, and only then. */
static void
check_pages(struct disk *disk)
{
  struct nbdsrv_extents *extents = nbdsrv_extents_new(NULL, disk->size, 0);
  uint8_t page[PAGE];

  ck_assert_int_eq(store_extents(disk->store, disk->size, 0, extents), 0);
  for (size_t i = 0; i < nbdsrv_extents_count(extents); i++) {
    uint64_t at, len;
    uint32_t type;

    nbdsrv_extents_get(extents, i, &at, &len, &type);
    for (uint64_t end = at + len; type == 0 && at < end; at += PAGE) {
      store_read(disk->store, page, PAGE, at);
      ck_assert_msg(!expr_is_zeroes(page, PAGE), "an empty page at %u", (unsigned)at);
    }
    if (type != 0)
      ck_assert_uint_eq(at % PAGE, 0);
  }
  nbdsrv_extents_free(extents);
}

static void
make(const char *text, struct disk *disk)
{
  struct pool pool = {NULL};
  struct expr *e;
  int error = parser_parse(&pool, text, lookup, (void *)variables, &e);

  ck_assert_msg(error == 0, "%s: %s", text, unit_error);
  ck_assert_int_eq(disk_init(disk, e->size, "sparse"), 0);
  ck_assert_int_eq(emit(e, disk), 0);
  pool_free(&pool);
}

static void
expect(const char *text, const void *bytes, size_t size)
{
  struct disk disk;
  uint8_t *found = calloc(1, size + 1);

  make(text, &disk);
  ck_assert_msg(disk.size == size, "%s: %u bytes", text, (unsigned)disk.size);
  if (size > 0) {
    disk_read(&disk, found, size, 0, 0);
    check_pages(&disk);
  }
  ck_assert_msg(memcmp(found, bytes, size) == 0, "%s: other bytes", text);
  free(found);
  disk_destroy(&disk);
}

#define EXPECT(text, bytes) expect(text, bytes, sizeof(bytes) - 1)

/* ------------------------------------------------------------------------ tests */

START_TEST(bytes_words_and_strings)
{
  EXPECT("", "");
  EXPECT("1 2 0x1F 017 0 255", "\1\2\x1f\17\0\xff");
  EXPECT("1\t2\n3\v4\f5\r6", "\1\2\3\4\5\6");
  EXPECT("1# 2\n3#", "\1\3");
  EXPECT("le16:0x1234 be16:0x1234", "\x34\x12\x12\x34");
  EXPECT("le32:1 be32:0xfffffffe", "\1\0\0\0\xff\xff\xff\xfe");
  EXPECT("le64:1 be64:18446744073709551615",
         "\1\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff");
  EXPECT("\"abc\"\"\"\"d e\"1\"#\"", "abcd e\1#");
  EXPECT("\"\\a\\b\\f\\n\\r\\t\\v\\\\\\\"\\'\\?\\q\"", "\a\b\f\n\r\t\v\\\"'?q");
  EXPECT("\"\\0\\7\\1234\\x4a4\\xfF\"", "\0\7S4J4\xff");
}
END_TEST

START_TEST(places)
{
  EXPECT("@3", "\0\0\0");
  EXPECT("1 2 3 @1 9", "\1\11\3");
  EXPECT("1 @+2 2 @-1 3 @-4 4", "\4\0\0\3");
  EXPECT("1 @^4 2 @^4 @^4", "\1\0\0\0\2\0\0\0");
  EXPECT("1 @^3 2 @^1 3", "\1\0\0\2\3");
  EXPECT("1 2 3 (4 @1 @5) @2 7", "\1\2\7\4\0\0\0\0");
  EXPECT("1 2 3 @0 (@1 5)", "\0\5\3");
  EXPECT("1 2 3 @0 (@1 5)[1:]", "\5\2\3");
  EXPECT("1 2 3 @0 @1 5", "\1\5\3");
  EXPECT("1 @0 0 @5000", (char[5001]){0});
}
END_TEST

START_TEST(repetitions_and_slices)
{
  EXPECT("1 2*3", "\1\2\2\2");
  EXPECT("(1 2) * 3", "\1\2\1\2\1\2");
  EXPECT("(1 2)*0 (1 2)*1 3*2*2", "\1\2\3\3\3\3");
  EXPECT("((1 2)*2 3)*2", "\1\2\1\2\3\1\2\1\2\3");
  EXPECT("(1 2 3)[1:2] (1 2 3)[1:] (1 2 3)[:1] (1 2 3)[:] (1 2)[2:]", "\2\2\3\1\1\2\3");
  EXPECT("(1 2 3)[ 1 : 2 ]", "\2");
  EXPECT("(1 2 3)*2[2:5]", "\3\1\2");
  EXPECT("(1 2 3)*2[2:5][1:2]", "\1");
  EXPECT("\"abcd\"[1:3]*2", "bcbc");
  EXPECT("(1 @3 2)*2[2:7]", "\0\2\1\0\0");
  EXPECT("(1 0*4 2)*2[1:5] 0*10[3:4]", "\0\0\0\0\0");
}
END_TEST

START_TEST(names_and_variables)
{
  static const char *const given[] = {"a", "1 2",       "b", "$a \\n", "c", "",
                                      "d", "3 -> \\n ", "e", "#",      NULL};

  EXPECT("1 -> \\a", "");
  EXPECT("(1 2) -> \\a-_9 \\a-_9 \\a-_9*2", "\1\2\1\2\1\2");
  EXPECT("1 -> \\a (\\a 2 -> \\a \\a) \\a", "\1\2\1");
  EXPECT("1 2 -> \\a", "\1");
  refuse("(1 -> \\a) \\a", "line 1, column 11: \\a was not");
  variables = given;
  EXPECT("$a*2 $c $e 9", "\1\2\1\2\11");
  EXPECT("7 -> \\n $b", "\1\2\7");
  refuse("$d \\n", "\\n was not");
  refuse("$b", "$b, line 1, column 4");
  refuse("1\n $x", "line 2, column 2: $x is neither");
}
END_TEST

START_TEST(outside)
{
  EXPECT("<ab*2 <abc[:2] <abc[:9] <abc[2:9] <abc[5:] <x", "ababababccx");
  EXPECT("(<ab) </a/b-c.d", "ab/a/b-c.d");
  EXPECT("<(p (q) r)[:7]", "abcabca");
  EXPECT("(<(p))[2:4]*2", "caca");
  outside_reads = 0;
  EXPECT("<(p) -> \\a \\a[:5] \\a[:4] \\a[1:5]", "abcababcabcab");
  ck_assert_uint_eq(outside_reads, 1);
  refuse("<(p)", "p: no end");
  refuse("<(p) 1", "p: no end");
  refuse("<(p)*2", "p: no end");
  refuse("<(p)[2:]", "p: no end");
}
END_TEST

/* What a page of the pattern is there for the seam of two copies. */
START_TEST(long_repetitions)
{
  const size_t size = 3 * 100003 + 7;
  uint8_t *bytes = malloc(size);

  for (size_t i = 0; i < size; i++)
    bytes[i] = (uint8_t) "\1\2\3"[i % 3];
  expect("(1 2 3)*100010[:300016]", bytes, size);
  for (size_t i = 0; i < size; i++)
    bytes[i] = i % 70001 == 70000 ? 7 : 0;
  expect("(0*70000 7)*5[:300016]", bytes, size);
  expect("((0*70000 7) -> \\a \\a \\a*4)[:300016]", bytes, size);
  memset(bytes, 0, size);
  bytes[9999] = 1;
  expect("(2*100000 @0 0*9999 1 0*290016)", bytes, size);
  free(bytes);
}
END_TEST

/* The disk is exabytes long, and finds its few bytes at once. */
START_TEST(zeroes_cost_nothing)
{
  struct disk disk;
  char found[9] = "";

  make("0*9223372036854775807", &disk);
  ck_assert_uint_eq(disk.size, INT64_MAX);
  disk_destroy(&disk);
  make("0 -> \\a (\\a*1073741824) -> \\a (\\a*1073741824) -> \\a \\a*4 \"the end\"",
       &disk);
  ck_assert_uint_eq(disk.size, ((uint64_t)1 << 62) + 7);
  disk_read(&disk, found, 8, disk.size - 8, 0);
  ck_assert_mem_eq(found, "\0the end", 8);
  disk_destroy(&disk);
  make("(0*1099511627776 \"x\")*1000 @0 (1 @4611686018427387904)", &disk);
  disk_read(&disk, found, 2, 0, 0);
  ck_assert_mem_eq(found, "\1\0", 2);
  disk_read(&disk, found, 1, 1099511627776, 0);
  ck_assert_mem_eq(found, "\0", 1);
  disk_destroy(&disk);
}
END_TEST

START_TEST(too_much)
{
  char *deep = malloc(2000);

  refuse("@9223372036854775808",
         "line 1, column 2: a number larger than 9223372036854775807");
  refuse("@9223372036854775807 1", "2^63-1");
  refuse("@9223372036854775807 @+1", "2^63-1");
  refuse("(0 0)*4611686018427387904", "2^63-1");
  refuse("(1 2)*9223372036854775807", "2^63-1");
  memset(deep, '(', 1000);
  memset(deep + 1000, ')', 999);
  deep[1999] = '\0';
  refuse(deep, "nested deeper than 500");
  free(deep);
  variables = (const char *const[]){"v", "$v", NULL};
  refuse("$v", "nested deeper than 500");
  variables = (const char *const[]){
      "a", "$b $b $b $b $b $b $b $b", "b", "$c $c $c $c $c $c $c $c",
      "c", "$d $d $d $d $d $d $d $d", "d", "$e $e $e $e $e $e $e $e",
      "e", "$f $f $f $f $f $f $f $f", "f", "$g $g $g $g $g $g $g $g",
      "g", "$h $h $h $h $h $h $h $h", "h", "1 2 3",
      NULL};
  refuse("$a", "too often");
}
END_TEST

START_TEST(mistakes)
{
  static const char *const mistakes[][2] = {
      {"256", "line 1, column 1: a number larger than 255"},
      {"1 08", "line 1, column 3: a number"},
      {"0x", "column 1: a number"},
      {"1a", "column 1: a number"},
      {"1 ;", "column 3: ';' means nothing"},
      {"\x01", "byte 0x01"},
      {"\xe4", "byte 0xe4"},
      {"1\n2 -3", "line 2, column 3: '-'"},
      {"le16:65536", "column 6: a number larger than 65535"},
      {"le32:", "column 6: a number"},
      {"le24:1", "column 1: of words there are"},
      {"@", "column 2: a number"},
      {"@x", "column 2: a number"},
      {"1 @-2", "column 3: @-2 leads from 1"},
      {"@^0", "column 1: nothing is aligned to 0"},
      {"*2", "column 1: '*' must follow"},
      {"@1*2", "column 3: '*' must follow"},
      {"[1:]", "'[' must follow"},
      {"-> \\a", "'->' must follow"},
      {"1 -> \\a*2", "'*' must follow"},
      {"1*", "column 3: a number"},
      {"1[1]", "column 2: a slice is written"},
      {"1[1:1", "column 2: a slice is written"},
      {"1[:x]", "a number"},
      {"(1 2)[1:3]", "column 6: no such slice of what has 2 bytes"},
      {"(1 2)[2:1]", "no such slice"},
      {"(1 2)[3:]", "no such slice"},
      {"<abc[2:1]", "no such slice"},
      {"(1 (2)", "column 1: '(' without ')'"},
      {"1 )", "column 3: ')' without '('"},
      {"1 \"abc", "column 3: the string has no end"},
      {"\"abc\\", "column 1: the string has no end"},
      {"\"abc\\\"", "column 1: the string has no end"},
      {"\"\\x1\"", "column 2: after \\x"},
      {"\"a\\400\"", "column 3: \\ and a number"},
      {"\"\\u1234\"", "\\u is not understood"},
      {"<", "after <"},
      {"< a", "after <"},
      {"<(a (b)", "column 1: the script has no end"},
      {"1 ->", "column 5: after ->"},
      {"1 -> a", "column 6: after ->"},
      {"\\", "a name"},
      {"$", "a name"},
      {"\\x", "\\x was not given a meaning"},
  };

  for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++)
    refuse(mistakes[i][0], mistakes[i][1]);
}
END_TEST

int
main(void)
{
  const TTest *const tests[] = {
      bytes_words_and_strings, places,   repetitions_and_slices,
      names_and_variables,     outside,  long_repetitions,
      zeroes_cost_nothing,     too_much, mistakes};

  return unit_main("data", tests, sizeof tests / sizeof tests[0]);
}
