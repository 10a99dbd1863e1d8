/* SPDX-License-Identifier: BSD-3-Clause */
/* A pattern that tells where on the disk a byte belongs. */
#include "config.h"

#include <endian.h>
#include <string.h>

#include "client.h"

static uint64_t
word_at(uint64_t offset)
{
  uint64_t x = (offset / 8 + 1) * 0x9e3779b97f4a7c15u;
  return htole64((x ^ (x >> 29)) | 1);
}

static uint8_t
byte_at(uint64_t offset)
{
  return (uint8_t)(le64toh(word_at(offset)) >> offset % 8 * 8);
}

void
pattern_put(uint8_t *data, size_t len, uint64_t offset)
{
  size_t i = 0;

  for (; i < len && (offset + i) % 8 != 0; i++)
    data[i] = byte_at(offset + i);
  for (; i + 8 <= len; i += 8) {
    uint64_t word = word_at(offset + i);
    memcpy(data + i, &word, 8);
  }
  for (; i < len; i++)
    data[i] = byte_at(offset + i);
}

static bool
byte_holds(uint8_t byte, uint64_t offset, bool zeroes_too)
{
  return byte == byte_at(offset) || (zeroes_too && byte == 0);
}

bool
pattern_holds(const uint8_t *data, size_t len, uint64_t offset, bool zeroes_too)
{
  bool holds = true;
  size_t i = 0;

  for (; i < len && (offset + i) % 8 != 0; i++)
    holds &= byte_holds(data[i], offset + i, zeroes_too);
  for (; holds && i + 8 <= len; i += 8) {
    uint64_t word;
    memcpy(&word, data + i, 8);
    holds = word == word_at(offset + i) || (zeroes_too && word == 0);
  }
  for (; holds && i < len; i++)
    holds = byte_holds(data[i], offset + i, zeroes_too);
  return holds;
}
