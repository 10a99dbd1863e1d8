/* SPDX-License-Identifier: BSD-3-Clause */
/* GUIDs as partition tables store them: read from text, or made.
 * Gets parameters and names of files; hands on 16 bytes.
 */
#include "config.h"

#include "partitioning.h"

#include <ctype.h>
#include <string.h>

/* Where the pairs of digits go: the first three fields begin with their last byte. */
static const uint8_t order[GUID_SIZE] = {3, 2, 1,  0,  5,  4,  7,  6,
                                         8, 9, 10, 11, 12, 13, 14, 15};

static int
digit(char c)
{
  return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

bool
guid_parse(const char *text, uint8_t guid[GUID_SIZE])
{
  bool braces = text[0] == '{';

  text += braces;
  for (size_t i = 0; i < GUID_SIZE; i++) {
    if ((i == 4 || i == 6 || i == 8 || i == 10) && *text++ != '-')
      return false;
    if (!isxdigit((unsigned char)text[0]) || !isxdigit((unsigned char)text[1]))
      return false;
    guid[order[i]] = (uint8_t)(digit(text[0]) << 4 | digit(text[1]));
    text += 2;
  }
  return strcmp(text, braces ? "}" : "") == 0;
}

static uint64_t
mix(uint64_t x)
{
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

void
guid_derive(const char *text, uint64_t number, uint8_t guid[GUID_SIZE])
{
  uint64_t halves[2] = {mix(number + 0x9e3779b97f4a7c15u), mix(~number)};

  for (; *text; text++)
    for (int i = 0; i < 2; i++)
      halves[i] = mix(halves[i] + (uint8_t)*text + (uint64_t)i);
  memcpy(guid, halves, GUID_SIZE);
  guid[7] =
      (uint8_t)((guid[7] & 0x0f) | 0x80); /* version 8: made in a way of one's own */
  guid[8] = (uint8_t)((guid[8] & 0x3f) | 0x80);
}
