/* SPDX-License-Identifier: BSD-3-Clause */
/* Bytes out of base64 text, as RFC 4648 has it.
 * Gets text of any length; hands on bytes.
 */
#include <errno.h>
#include <string.h>

#include "base64.h"

#define MOST_PADDING 2u

static int
value_of(char letter)
{
  static const char letters[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const char *at = strchr(letters, letter);

  return at ? (int)(at - letters) : -1;
}

size_t
base64_room(const char *text)
{
  return strlen(text) / 4 * 3;
}

int
base64_decode(const char *text, uint8_t *bytes, size_t *len)
{
  unsigned letters = 0, padding = 0;
  uint32_t bits = 0;

  *len = 0;
  for (; *text; text++) {
    int value = value_of(*text);

    if (strchr(" \t\n\v\f\r", *text))
      continue;
    if (*text == '=') {
      padding++;
      value = 0;
    } else if (value < 0 || padding > 0)
      return EINVAL;
    bits = bits << 6 | (uint32_t)value;
    if (++letters < 4)
      continue;
    if (padding > MOST_PADDING || bits & ((1u << (8 * padding)) - 1))
      return EINVAL;
    for (unsigned i = 0; i < 3 - padding; i++)
      bytes[(*len)++] = (uint8_t)(bits >> (16 - 8 * i));
    letters = bits = 0;
  }
  return letters == 0 ? 0 : EINVAL;
}
