/* SPDX-License-Identifier: BSD-3-Clause */
/* Strings of the data language, as C writes them.
 * Gets what stands between the quotes; hands on bytes.
 */
#include "quoted.h"

#include <ctype.h>
#include <string.h>

size_t
quoted_length(const char *text)
{
  size_t len = 0;

  while (text[len] != '"') {
    if (text[len] == '\\')
      len++;
    if (text[len++] == '\0')
      return SIZE_MAX;
  }
  return len;
}

static unsigned
hex_digit(char c)
{
  return isdigit((unsigned char)c) ? (unsigned)(c - '0')
                                   : (unsigned)(tolower((unsigned char)c) - 'a' + 10);
}

/* After a backslash.  How many letters; 0: wrong.  The letter itself, if it means
 * nothing else. */
static size_t
escape(const char *p, uint8_t *byte, const char **wrong)
{
  static const char letters[] = "abfnrtv", meant[] = "\a\b\f\n\r\t\v";
  const char *at = strchr(letters, *p);
  unsigned value = 0;
  size_t n = 0;

  if (*p == 'x') {
    *wrong = "after \\x there should be two hexadecimal digits";
    *byte = (uint8_t)(hex_digit(p[1]) << 4 | hex_digit(p[2]));
    return isxdigit((unsigned char)p[1]) && isxdigit((unsigned char)p[2]) ? 3 : 0;
  }
  if (*p == 'u' || *p == 'U') {
    *wrong = "\\u is not understood: write the bytes of the letter";
    return 0;
  }
  for (; n < 3 && p[n] >= '0' && p[n] <= '7'; n++)
    value = value * 8 + (unsigned)(p[n] - '0');
  *wrong = "\\ and a number of up to three octal digits means a byte, 0 to 377";
  *byte = (uint8_t)(n > 0 ? value
                    : at  ? (unsigned char)meant[at - letters]
                          : (unsigned char)*p);
  return n == 0 ? 1 : value > 0xff ? 0 : n;
}

const char *
quoted_bytes(const char *text, size_t len, uint8_t *bytes, size_t *size, size_t *wrong)
{
  *size = 0;
  for (size_t i = 0; i < len; (*size)++) {
    const char *sentence;
    size_t n;

    if (text[i] != '\\') {
      bytes[*size] = (uint8_t)text[i++];
      continue;
    }
    n = escape(text + i + 1, bytes + *size, &sentence);
    if (n == 0) {
      *wrong = i;
      return sentence;
    }
    i += 1 + n;
  }
  return NULL;
}
