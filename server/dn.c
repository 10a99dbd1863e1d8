/* SPDX-License-Identifier: BSD-3-Clause */
/* Distinguished names, taken apart.
 * Gets them from certificates, as GnuTLS writes them, and from rules; hands on parts
 * that can be compared.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "dn.h"

static int
hex_digit(char c)
{
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool
is_type_character(char c)
{
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         c == '-' || c == '.';
}

static void
skip_spaces(const char **in)
{
  while (**in == ' ')
    ++*in;
}

/* "CN" and the = behind it. */
static bool
take_type(const char **in, char **out)
{
  const char *begin = *in;

  while (is_type_character(**in))
    *(*out)++ = *(*in)++;
  *(*out)++ = '\0';
  if (*in == begin)
    return false;
  skip_spaces(in);
  return *(*in)++ == '=';
}

/* One character behind a backslash: itself, or two digits of a byte.  A byte 0 has no
 * place in a C string: no such value. */
static bool
take_escaped(const char **in, char **out)
{
  int high = hex_digit(**in), low = high < 0 ? -1 : hex_digit((*in)[1]);

  if (low >= 0) {
    *(*out)++ = (char)(high << 4 | low);
    *in += 2;
    return (high | low) != 0;
  }
  if (!**in || !strchr(",+\"\\<>;=# ", **in))
    return false;
  *(*out)++ = *(*in)++;
  return true;
}

/* Up to the comma or plus behind it; spaces around it do not belong to it. */
static bool
take_value(const char **in, char **out)
{
  char *end = *out; /* behind the last character that is no bare space */

  while (**in && **in != ',' && **in != '+') {
    char c = *(*in)++;

    if (c == '\\') {
      if (!take_escaped(in, out))
        return false;
      end = *out;
    } else {
      *(*out)++ = c;
      if (c != ' ')
        end = *out;
    }
  }
  *end = '\0';
  *out = end + 1;
  return true;
}

static bool
take_part(const char **in, char **out, struct dn_part *part)
{
  skip_spaces(in);
  part->type = *out;
  if (!take_type(in, out))
    return false;
  skip_spaces(in);
  part->value = *out;
  return take_value(in, out);
}

int
dn_parse(const char *text, struct dn *dn)
{
  char *out, separator = ',';

  dn->count = 0;
  /* A part loses its = and its separator, and gains two zeroes. */
  dn->text = out = malloc(strlen(text) + 2);
  if (!out)
    return ENOMEM;
  while (separator && (*text || dn->count > 0)) {
    struct dn_part *part = &dn->parts[dn->count];

    if (dn->count == DN_MOST_PARTS || !take_part(&text, &out, part)) {
      dn_free(dn);
      return EINVAL;
    }
    part->joined = separator == '+';
    dn->count++;
    separator = *text;
    text += separator != '\0';
  }
  return 0;
}

void
dn_free(struct dn *dn)
{
  free(dn->text);
  dn->text = NULL;
  dn->count = 0;
}

static bool
is_same_part(const struct dn_part *a, const struct dn_part *b)
{
  return strcasecmp(a->type, b->type) == 0 && strcmp(a->value, b->value) == 0;
}

static bool
is_same(const struct dn *a, const struct dn *b)
{
  for (size_t i = 0; i < a->count; i++)
    if (a->parts[i].joined != b->parts[i].joined ||
        !is_same_part(&a->parts[i], &b->parts[i]))
      return false;
  return true;
}

static bool
is_reverse(const struct dn *a, const struct dn *b)
{
  size_t n = a->count;

  for (size_t i = 0; i < n; i++)
    if ((i > 0 && a->parts[i].joined != b->parts[n - i].joined) ||
        !is_same_part(&a->parts[i], &b->parts[n - 1 - i]))
      return false;
  return true;
}

bool
dn_equal(const struct dn *a, const struct dn *b)
{
  return a->count == b->count && (is_same(a, b) || is_reverse(a, b));
}

const char *
dn_next(const struct dn *dn, const char *type, size_t *i)
{
  while (*i < dn->count) {
    const struct dn_part *part = &dn->parts[(*i)++];

    if (strcasecmp(part->type, type) == 0)
      return part->value;
  }
  return NULL;
}
