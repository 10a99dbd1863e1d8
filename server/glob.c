/* SPDX-License-Identifier: BSD-3-Clause */
/* Patterns of names, as rules have them.
 * Gets a pattern from a file of rules and a name from a client; tells whether they
 * match.  Not fnmatch (): that depends on the locale, and takes exponential time.
 */
#include "config.h"

#include <stddef.h>
#include <string.h>

#include "glob.h"

/* Behind the set that begins at p ("[a-z]"); NULL: it does not end, or holds what no
 * set can. */
static const char *
end_of_set(const char *p)
{
  p++;
  if (*p == '!')
    p++;
  do { /* a ] in the first place stands for itself */
    if (*p == '\\')
      p++;
    if (*p == '\0' || (unsigned char)*p >= 0x80)
      return NULL;
    p++;
  } while (*p != ']');
  return p + 1;
}

/* Whether c is in the set at p, which is valid. */
static bool
is_in_set(const char *p, char c)
{
  const char *end = end_of_set(p) - 1;
  bool negated = p[1] == '!', found = false;

  p += negated ? 2 : 1;
  while (p < end) {
    char first = *p == '\\' ? *++p : *p, last = first;

    p++;
    if (*p == '-' && p + 1 < end) {
      p++;
      last = *p == '\\' ? *++p : *p;
      p++;
    }
    found = found || (first <= c && c <= last);
  }
  return found != negated;
}

/* Behind the UTF-8 character at text. */
static const char *
next_character(const char *text)
{
  text++;
  while (((unsigned char)*text & 0xc0) == 0x80)
    text++;
  return text;
}

/* Matches one character; both go on behind it.  Not for *. */
static bool
match_one(const char **pattern, const char **text)
{
  const char *p = *pattern, *t = *text;

  if (*p == '?') {
    *pattern = p + 1;
    *text = next_character(t);
    return true;
  }
  if (*p == '[') {
    *pattern = end_of_set(p);
    *text = next_character(t);
    return is_in_set(p, (unsigned char)*t < 0x80 ? *t : '\0');
  }
  if (*p == '\\')
    p++;
  *pattern = p + 1;
  *text = t + 1;
  return *p == *t;
}

bool
glob_match(const char *pattern, const char *text)
{
  const char *star = NULL, *retry = NULL; /* behind the last *, and where it ends */

  while (*text) {
    if (*pattern == '*') {
      star = ++pattern;
      retry = text;
    } else if (*pattern && match_one(&pattern, &text)) {
      /* go on */
    } else if (star) { /* the last * takes one more; those before need not */
      pattern = star;
      text = retry = next_character(retry);
    } else
      return false;
  }
  while (*pattern == '*')
    pattern++;
  return *pattern == '\0';
}

bool
glob_is_valid(const char *pattern)
{
  while (*pattern) {
    if (*pattern == '[') {
      pattern = end_of_set(pattern);
      if (!pattern)
        return false;
      continue;
    }
    if (*pattern == '\\')
      pattern++;
    if (*pattern == '\0')
      return false;
    pattern++;
  }
  return true;
}

void
glob_unescape(char *pattern)
{
  char *to = pattern;

  while (*pattern) {
    if (*pattern == '\\' && pattern[1])
      pattern++;
    *to++ = *pattern++;
  }
  *to = '\0';
}
