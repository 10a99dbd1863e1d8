/* SPDX-License-Identifier: BSD-3-Clause */
/* The language of --access: a line is a rule, ACTION KEY=VALUE...
 * Gets the text of a file; hands rules to access-match.c, or says what is wrong with
 * which word of which line.
 */
#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "access-rules.h"
#include "access-value.h"
#include "access-word.h"
#include "nbdsrv-plugin.h"
#include "parse.h"
#include "utf8.h"

struct parser {
  struct access_rules *rules;
  size_t room; /* of rules->rules */
  struct access_complaint *complaint;
  unsigned line, tests; /* where we are, tests of this rule */
};

/* EINVAL, with a complaint about this line. */
static int NBDSRV_PRINTF(2, 3) complain(struct parser *p, const char *fmt, ...)
{
  va_list args;

  va_start(args, fmt);
  p->complaint->line = p->line;
  vsnprintf(p->complaint->text, sizeof p->complaint->text, fmt, args);
  va_end(args);
  return EINVAL;
}

static int
complain_of_word(struct parser *p, const struct access_word *word, const char *why)
{
  int len = word->length < 100 ? (int)word->length : 100;

  return complain(p, "'%.*s' %s", len, word->begin, why);
}

static const char *const verdicts[] = {
    [ACCESS_DENY] = "deny",
    [ACCESS_READ_ONLY] = "read-only",
    [ACCESS_ALLOW] = "allow",
};

const char *
access_verdict_name(enum access_verdict verdict)
{
  return verdicts[verdict];
}

static int
parse_action(struct parser *p, const struct access_word *word, struct access_rule *rule)
{
  const size_t n = sizeof verdicts / sizeof verdicts[0];
  const char *nearest;
  char why[64];

  for (size_t i = 0; i < n; i++)
    if (!word->has_value && strcmp(word->key, verdicts[i]) == 0) {
      rule->verdict = (enum access_verdict)i;
      return 0;
    }
  nearest = parse_nearest(word->key, verdicts, n);
  if (word->has_value || !nearest)
    return complain_of_word(p, word,
                            "stands where a rule begins: allow, deny or read-only");
  snprintf(why, sizeof why, "is no action: did you mean %s?", nearest);
  return complain_of_word(p, word, why);
}

static bool
is_same_key(const struct access_test *a, const struct access_test *b)
{
  if (a->key != b->key || !a->attribute != !b->attribute)
    return false;
  return !a->attribute || strcasecmp(a->attribute, b->attribute) == 0;
}

/* Puts a test among the others of the rule, behind those of its key. */
static void
add_test(struct access_rule *rule, struct access_test *test)
{
  struct access_test **at = &rule->tests;

  while (*at && !is_same_key(*at, test))
    at = &(*at)->next;
  while (*at)
    at = &(*at)->other;
  *at = test;
}

static int
parse_test(struct parser *p, struct access_word *word, struct access_rule *rule)
{
  struct access_test *test;
  const char *why = NULL;
  int error;

  if (++p->tests > ACCESS_MOST_TESTS)
    return complain(p, "a rule has at most %u words", ACCESS_MOST_TESTS);
  test = calloc(1, sizeof *test);
  if (!test)
    return ENOMEM;
  error = access_parse_value(word, test, &why);
  if (error) {
    access_test_free(test);
    return why ? complain_of_word(p, word, why) : error;
  }
  p->rules->has_key[test->key] = true;
  add_test(rule, test);
  return 0;
}

/* The line from begin on, without what does not belong to the rule. */
static int
keep_text(struct access_rule *rule, const char *begin, const char *end)
{
  rule->text = strndup(begin, (size_t)(end - begin));
  return rule->text ? 0 : ENOMEM;
}

static int
grow(struct parser *p, struct access_rule **rule)
{
  struct access_rules *r = p->rules;

  if (r->count == ACCESS_MOST_RULES)
    return complain(p, "more than %u rules", ACCESS_MOST_RULES);
  if (r->count == p->room) {
    size_t room = p->room ? 2 * p->room : 16;
    struct access_rule *rules = realloc(r->rules, room * sizeof *rules);

    if (!rules)
      return ENOMEM;
    r->rules = rules;
    p->room = room;
  }
  *rule = &r->rules[r->count++];
  **rule = (struct access_rule){.line = p->line};
  return 0;
}

static int
parse_line(struct parser *p, const char *line)
{
  struct access_word word;
  struct access_rule *rule = NULL;
  const char *why, *begin = NULL;
  int error = 0;

  while (!error && access_next_word(&line, &word, &why)) {
    if (begin)
      error = parse_test(p, &word, rule);
    else {
      begin = word.begin;
      p->tests = 0;
      error = grow(p, &rule);
      if (!error)
        error = parse_action(p, &word, rule);
    }
  }
  if (!error && why)
    error = complain_of_word(p, &word, why);
  return error || !begin ? error : keep_text(rule, begin, word.begin + word.length);
}

static bool
has_control_characters(const char *line, size_t len)
{
  for (size_t i = 0; i < len; i++)
    if (((unsigned char)line[i] < ' ' && line[i] != '\t' && line[i] != '\r') ||
        line[i] == 0x7f)
      return true;
  return false;
}

static int
parse_lines(struct parser *p, const char *text, size_t len)
{
  const char *end = text + len;
  int error = 0;

  while (text < end && !error) {
    const char *newline = memchr(text, '\n', (size_t)(end - text));
    size_t length = (size_t)((newline ? newline : end) - text);

    p->line++;
    if (!utf8_is_valid(text, length) || has_control_characters(text, length))
      error = complain(p, "this line is no text (UTF-8)");
    else
      error = parse_line(p, text);
    text += length + 1;
  }
  return error;
}

int
access_parse(const char *text, size_t len, struct access_rules **rules,
             struct access_complaint *complaint)
{
  struct parser p = {.complaint = complaint};
  int error;

  p.rules = calloc(1, sizeof *p.rules);
  if (!p.rules)
    return ENOMEM;
  error = parse_lines(&p, text, len);
  if (!error && p.rules->count == 0) {
    p.line = 0;
    error = complain(&p, "there is no rule in it: 'allow' would let everybody in, "
                         "'deny' nobody");
  }
  if (error)
    access_rules_free(p.rules);
  else
    *rules = p.rules;
  return error;
}

void
access_rules_free(struct access_rules *rules)
{
  for (size_t i = 0; rules && i < rules->count; i++) {
    struct access_test *test = rules->rules[i].tests;

    while (test) {
      struct access_test *next = test->next;
      access_test_free(test);
      test = next;
    }
    free(rules->rules[i].text);
  }
  if (rules)
    free(rules->rules);
  free(rules);
}
