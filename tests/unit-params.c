/* SPDX-License-Identifier: BSD-3-Clause */
/* server/params.c: words of the command line into the instances of a stack. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/layer.h"
#include "server/log.h"
#include "server/params.h"
#include "unit.h"

/* What params.c needs of log.c. */
static struct log_call *running;

struct log_call *
log_call_enter(struct log_call *call)
{
  struct log_call *before = running;

  call->text[0] = unit_error[0] = '\0';
  running = call;
  return before;
}

void
log_call_leave(struct log_call *before)
{
  running = before;
}

void
nbdsrv_error(const char *fmt, ...)
{
  va_list args;

  va_start(args, fmt);
  vsnprintf(unit_error, sizeof unit_error, fmt, args);
  va_end(args);
  snprintf(running->text, sizeof running->text, "%s", unit_error);
}

void
log_error(const char *fmt, ...)
{
  va_list args;

  va_start(args, fmt);
  vsnprintf(unit_error, sizeof unit_error, fmt, args);
  va_end(args);
}

/* ------------------------------------------------------------- a stack of two */

struct values {
  const char *text, *path;
  int truth, word;
  uint64_t size, number, time;
  int64_t whole;
  uint32_t number32;
  int32_t whole32;
  double chance;
  char given[256]; /* what config () got */
};

#define AT(member) offsetof(struct values, member)

static const struct nbdsrv_param table[] = {
    {"text", NBDSRV_STRING, 0, AT(text), "a text"},
    {"path", NBDSRV_PATH, NBDSRV_MAGIC, AT(path)},
    {"alias", NBDSRV_PATH, NBDSRV_HIDDEN, AT(path)},
    {"truth", NBDSRV_BOOL, 0, AT(truth), "yes"},
    {"word", NBDSRV_ENUM, 0, AT(word), "two", NULL, "one|two|three"},
    {"size", NBDSRV_SIZE, 0, AT(size)},
    {"number", NBDSRV_UINT64, 0, AT(number)},
    {"time", NBDSRV_DURATION, 0, AT(time)},
    {"whole", NBDSRV_INT64, 0, AT(whole)},
    {"number32", NBDSRV_UINT32, 0, AT(number32)},
    {"whole32", NBDSRV_INT32, 0, AT(whole32)},
    {"chance", NBDSRV_FRACTION, 0, AT(chance)},
    {"free", NBDSRV_FREE, NBDSRV_REPEAT},
    {0},
};

static const struct nbdsrv_param open_table[] = {
    {"script", NBDSRV_FREE, NBDSRV_MAGIC | NBDSRV_REPEAT},
    {"*", NBDSRV_FREE, NBDSRV_REPEAT},
    {0},
};

static const struct nbdsrv_param filter_table[] = {
    {"need", NBDSRV_UINT32, NBDSRV_REQUIRED, AT(number32), NULL, "how many"},
    {"size", NBDSRV_SIZE, 0, AT(size)},
    {0},
};

static int
config(void *inst, const char *key, const char *value)
{
  struct values *values = inst;
  size_t used = strlen(values->given);

  if (strcmp(key, "unwanted") == 0)
    return ENOENT;
  if (strcmp(key, "mute") == 0)
    return EPERM;
  snprintf(values->given + used, sizeof values->given - used, "%s=%s;", key, value);
  return 0;
}

static struct values plugin_values, filter_values;
static struct nbdsrv_plugin plugin = {.name = "plug",
                                      .params = table,
                                      .instance_size = sizeof(struct values),
                                      .config = config};
static const struct nbdsrv_plugin filter = {
    .name = "filt", .params = filter_table, .instance_size = sizeof(struct values)};
static struct layer below, above;

/* The tests run in processes of their own: everything is fresh. */
static struct layer *
stack(bool with_filter)
{
  below = (struct layer){.ops = &plugin, .inst = &plugin_values};
  above = (struct layer){.ops = &filter, .inst = &filter_values, .below = &below};
  return with_filter ? &above : &below;
}

static int
apply(struct layer *top, const char *words)
{
  char copy[512], *list[32], *save;
  size_t count = 0;
  int error;

  snprintf(copy, sizeof copy, "%s", words);
  for (char *w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
    list[count++] = w;
  error = params_apply(top, list, count);
  if (error)
    ck_assert_msg(unit_error[0] != '\0', "no word about the error");
  return error;
}

static void
drop(struct layer *top)
{
  for (; top; top = top->below)
    params_free(top);
}

static void
refused(bool with_filter, const char *words, const char *text)
{
  struct layer *top = stack(with_filter);

  ck_assert_msg(apply(top, words) != 0, "%s was taken", words);
  ck_assert_msg(strstr(unit_error, text) != NULL, "%s: %s", words, unit_error);
  drop(top);
}

/* ------------------------------------------------------------------ the tests */

START_TEST(every_type)
{
  struct layer *top = stack(false);
  struct values *v = &plugin_values;

  ck_assert_int_eq(apply(top,
                         "text=x=y path=/p truth=off word=three size=4k number=5 "
                         "time=2ms whole=-7 number32=4294967295 whole32=-9 chance=25% "
                         "free=1 free=2"),
                   0);
  ck_assert_str_eq(v->text, "x=y");
  ck_assert_str_eq(v->path, "/p");
  ck_assert_int_eq(v->truth, 0);
  ck_assert_int_eq(v->word, 2);
  ck_assert_uint_eq(v->size, 4096);
  ck_assert_uint_eq(v->number, 5);
  ck_assert_uint_eq(v->time, 2000000);
  ck_assert_int_eq(v->whole, -7);
  ck_assert_uint_eq(v->number32, UINT32_MAX);
  ck_assert_int_eq(v->whole32, -9);
  ck_assert_double_eq_tol(v->chance, 0.25, 1e-12);
  ck_assert_str_eq(v->given, "free=1;free=2;");
  drop(top);
  ck_assert_ptr_null(v->text);
  ck_assert_ptr_null(v->path);
}
END_TEST

START_TEST(defaults)
{
  struct layer *top = stack(false);
  struct values *v = &plugin_values;

  ck_assert_int_eq(apply(top, ""), 0);
  ck_assert_str_eq(v->text, "a text");
  ck_assert_ptr_null(v->path);
  ck_assert_int_eq(v->truth, 1);
  ck_assert_int_eq(v->word, 1);
  ck_assert_uint_eq(v->size, 0);
  drop(top);
}
END_TEST

START_TEST(bare_word_and_relative_path)
{
  struct layer *top = stack(false);
  char expected[5000];

  ck_assert_ptr_nonnull(getcwd(expected, 4096));
  strcat(expected, "/dir/disk");
  ck_assert_int_eq(apply(top, "size=1k dir/disk truth=1"), 0);
  ck_assert_str_eq(plugin_values.path, expected);
  drop(top);
}
END_TEST

START_TEST(what_looks_like_a_key)
{
  static const char *const bare[] = {"/a=b", "1=2",          "=x",      "a b=c",
                                     "-x=1", "nbd://h/?x=y", "key:x=1", "_x=1"};

  for (size_t i = 0; i < sizeof bare / sizeof bare[0]; i++) {
    struct layer *top = stack(false);
    char *word[] = {(char *)bare[i]};

    ck_assert_msg(params_apply(top, word, 1) == 0, "'%s': %s", bare[i], unit_error);
    drop(top);
  }
  refused(false, "a.b-c_d1=2", "unknown parameter 'a.b-c_d1'");
}
END_TEST

START_TEST(refusals)
{
  refused(false, "siez=1", "did you mean 'size'?");
  refused(false, "entirelydifferent=1", "--help");
  refused(false, "aliaz=1", "unknown"); /* nobody is told of hidden ones */
  refused(false, "size=1 size=2", "more than once");
  refused(false, "a b", "only one argument may be bare");
  refused(false, "a path=b", "more than once");
  refused(false, "alias=a path=b", "more than once");
  refused(false, "path=a alias=b", "more than once");
  refused(false, "word=four", "one|two|three");
  refused(false, "number32=4294967296", "is more than");
  refused(false, "whole32=2147483648", "is not within");
  refused(false, "whole32=-2147483649", "is not within");
  refused(false, "truth=perhaps", "truth");
  refused(false, "size=", "not a size");
  refused(false, "path=", "a path is missing");
}
END_TEST

START_TEST(outermost_layer_takes_it)
{
  struct layer *top = stack(true);

  ck_assert_int_eq(apply(top, "need=3 size=1k disk number=2"), 0);
  ck_assert_uint_eq(filter_values.number32, 3);
  ck_assert_uint_eq(filter_values.size, 1024);
  ck_assert_uint_eq(plugin_values.size, 0);
  ck_assert_uint_eq(plugin_values.number, 2);
  ck_assert_ptr_nonnull(plugin_values.path);
  drop(top);
  refused(true, "disk", "parameter 'need' is missing: how many");
}
END_TEST

START_TEST(free_form_keys)
{
  struct layer *top;

  plugin.params = open_table;
  top = stack(true);
  ck_assert_int_eq(apply(top, "need=1 one two any=thing script=three"), 0);
  ck_assert_str_eq(plugin_values.given,
                   "script=one;script=two;any=thing;script=three;");
  drop(top);
  refused(true, "need=1 unwanted=1", "unknown parameter 'unwanted'");
  refused(true, "need=1 mute=1", "mute=1: Operation not permitted");
}
END_TEST

START_TEST(no_parameters_at_all)
{
  plugin.params = NULL;
  refused(false, "word", "takes no bare argument");
  refused(false, "key=value", "unknown parameter 'key'");
  ck_assert_int_eq(apply(stack(false), ""), 0);
}
END_TEST

int
main(void)
{
  const TTest *tests[] = {every_type,
                          defaults,
                          bare_word_and_relative_path,
                          what_looks_like_a_key,
                          refusals,
                          outermost_layer_takes_it,
                          free_form_keys,
                          no_parameters_at_all};

  return unit_main("params", tests, sizeof tests / sizeof tests[0]);
}
