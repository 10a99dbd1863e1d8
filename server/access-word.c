/* SPDX-License-Identifier: BSD-3-Clause */
/* Words with quotes, as shells have them, as far as rules need them.
 * Gets a line; hands words to access-parse.c and access-check.c, values in the form
 * that glob.c understands.
 */
#include "config.h"

#include <string.h>

#include "access-word.h"

static bool
is_space(char c)
{
  return c == ' ' || c == '\t' || c == '\r';
}

static bool
is_word_end(char c)
{
  return c == '\0' || c == '\n' || is_space(c);
}

static bool
is_key_character(char c)
{
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         c == '-' || c == '.';
}

static bool
is_sign(char c)
{
  return c > ' ' && c < 0x7f && !is_key_character(c);
}

/* The word's value on its way out. */
struct value {
  char *at, *end;
};

/* Puts a character there, one that means itself if literal. */
static bool
put(struct value *v, char c, bool literal)
{
  if (v->end - v->at < 2)
    return false;
  if (literal && (is_sign(c) || c == '-'))
    *v->at++ = '\\';
  *v->at++ = c;
  return true;
}

/* Behind the quote that opened; NULL: it is not closed, or there is no room. */
static const char *
take_quoted(const char *p, char quote, struct value *v)
{
  for (; *p != quote; p++) {
    if (quote == '"' && *p == '\\' && (p[1] == '"' || p[1] == '\\'))
      p++;
    if (*p == '\0' || *p == '\n' || !put(v, *p, true))
      return NULL;
  }
  return p + 1;
}

/* Up to the end of the word; NULL: malformed. */
static const char *
take_value(const char *p, struct value *v, const char **why)
{
  while (!is_word_end(*p)) {
    char c = *p++;

    *why = "is too long";
    if (c == '"' || c == '\'') {
      p = take_quoted(p, c, v);
      if (p)
        continue;
      *why = v->end - v->at < 2 ? "is too long" : "has a quote that is not closed";
      return NULL;
    }
    if (c == '\\' && is_word_end(*p) && *p != ' ' && *p != '\t') {
      *why = "ends in a backslash";
      return NULL;
    }
    if (!(c == '\\' ? put(v, *p++, true) : put(v, c, false)))
      return NULL;
  }
  *v->at = '\0';
  return p;
}

static bool
take_key(const char **p, struct access_word *word)
{
  size_t len = 0;

  while (is_key_character((*p)[len]))
    len++;
  if (len == 0 || len > ACCESS_MOST_KEY)
    return false;
  memcpy(word->key, *p, len);
  word->key[len] = '\0';
  *p += len;
  word->has_value = **p == '=';
  return word->has_value || is_word_end(**p);
}

bool
access_next_word(const char **in, struct access_word *word, const char **why)
{
  struct value v = {word->value, word->value + sizeof word->value - 1};
  const char *p = *in;

  while (is_space(*p))
    p++;
  *in = p;
  *why = NULL;
  if (*p == '\0' || *p == '\n' || *p == '#')
    return false;
  word->begin = p;
  word->length = strcspn(p, " \t\r\n"); /* if it does not get better */
  word->value[0] = '\0';
  if (!take_key(&p, word)) {
    *why = "is no word of rules";
    return false;
  }
  if (word->has_value)
    p = take_value(p + 1, &v, why);
  if (!p)
    return false;
  *why = NULL;
  word->length = (size_t)(p - word->begin);
  *in = p;
  return true;
}
