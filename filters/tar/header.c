/* SPDX-License-Identifier: BSD-3-Clause */
/* The headers of a tar file, taken apart.
 * Gets blocks and pax records from find.c, in whatever state; hands on names and sizes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "header.h"

/* Where things are in a header. */
#define NAME        0
#define NAME_LEN    100
#define SIZE        124
#define SIZE_LEN    12
#define SUM         148
#define SUM_LEN     8
#define TYPE        156
#define MAGIC       257
#define PREFIX      345
#define PREFIX_LEN  155
#define HAS_MAP     482 /* GNU's sparse files */
#define MAP_GOES_ON 504

/* Octal digits between blanks, or, with the first bit set, bytes of a number. */
static bool
get_number(const uint8_t *p, size_t len, uint64_t *number)
{
  size_t i = 0;

  *number = 0;
  if (p[0] & 0x80) {
    uint8_t first = p[0] & 0x7f; /* of a negative one all bits are set */
    for (i = 0; i < len; i++) {
      if (*number >> 55)
        return false;
      *number = *number << 8 | (i == 0 ? first : p[i]);
    }
    return true;
  }
  while (i < len && p[i] == ' ')
    i++;
  for (; i < len && p[i] >= '0' && p[i] <= '7'; i++) {
    if (*number >> 60)
      return false;
    *number = *number << 3 | (uint64_t)(p[i] - '0');
  }
  return i == len || p[i] == ' ' || p[i] == '\0';
}

/* Old programs summed up signed characters. */
static bool
sum_is_right(const uint8_t *block)
{
  uint64_t stated;
  uint32_t sum = 0;
  int32_t signed_sum = 0;

  for (unsigned i = 0; i < TAR_BLOCK; i++) {
    uint8_t c = i >= SUM && i < SUM + SUM_LEN ? ' ' : block[i];
    sum += c;
    signed_sum += (int8_t)c;
  }
  return get_number(block + SUM, SUM_LEN, &stated) &&
         (stated == sum || (signed_sum >= 0 && stated == (uint32_t)signed_sum));
}

static size_t
append(char *to, size_t at, const uint8_t *field, size_t len)
{
  size_t n = strnlen((const char *)field, len);

  memcpy(to + at, field, n);
  to[at + n] = '\0';
  return at + n;
}

/* Only in ustar's own headers is there a prefix. */
static void
get_name(const uint8_t *block, char *name)
{
  size_t at = 0;

  if (memcmp(block + MAGIC, "ustar", 6) == 0 && block[PREFIX] != '\0') {
    at = append(name, 0, block + PREFIX, PREFIX_LEN);
    name[at++] = '/';
  }
  append(name, at, block + NAME, NAME_LEN);
}

static enum tar_kind
kind_of(char type)
{
  switch (type) {
  case '\0':
  case '0':
  case '7': /* contiguous */
    return TAR_FILE;
  case '1' ... '6':
    return TAR_EMPTY;
  case 'S':
    return TAR_SPARSE;
  case 'L':
    return TAR_LONG_NAME;
  case 'x':
    return TAR_PAX;
  case 'g':
    return TAR_PAX_ALL;
  default:
    return TAR_OTHER;
  }
}

bool
tar_header_parse(const uint8_t block[TAR_BLOCK], struct tar_header *header)
{
  static const uint8_t zeroes[TAR_BLOCK];

  *header = (struct tar_header){.kind = TAR_END};
  if (memcmp(block, zeroes, TAR_BLOCK) == 0)
    return true;
  if (!sum_is_right(block) || !get_number(block + SIZE, SIZE_LEN, &header->size))
    return false;
  header->kind = kind_of((char)block[TYPE]);
  if (header->kind == TAR_EMPTY)
    header->size = 0; /* whatever it says */
  header->has_map = header->kind == TAR_SPARSE && block[HAS_MAP] != 0;
  get_name(block, header->name);
  return true;
}

bool
tar_map_goes_on(const uint8_t block[TAR_BLOCK])
{
  return block[MAP_GOES_ON] != 0;
}

/* ------------------------------------------------------------------------ pax */

static bool
get_decimal(const char *p, size_t len, uint64_t *number)
{
  *number = 0;
  for (size_t i = 0; i < len; i++) {
    if (p[i] < '0' || p[i] > '9' || *number > (INT64_MAX - 9) / 10)
      return false;
    *number = *number * 10 + (uint64_t)(p[i] - '0');
  }
  return len > 0;
}

static bool
is_key(const char *key, size_t len, const char *name)
{
  return len == strlen(name) && memcmp(key, name, len) == 0;
}

static int
take_record(const char *key, size_t key_len, const char *value, size_t len,
            struct tar_extended *extended)
{
  if (key_len >= 11 && memcmp(key, "GNU.sparse.", 11) == 0)
    extended->sparse = true;
  if (is_key(key, key_len, "size")) {
    extended->has_size = true;
    return get_decimal(value, len, &extended->size) ? 0 : EINVAL;
  }
  /* A sparse file's path is made up; which of the two comes first does not matter. */
  if (is_key(key, key_len, "GNU.sparse.name") ||
      (is_key(key, key_len, "path") && !(extended->sparse && extended->name))) {
    free(extended->name);
    extended->name = strndup(value, len);
    return extended->name ? 0 : ENOMEM;
  }
  return 0;
}

/* Each record is "LENGTH KEY=VALUE\n", its length that of all of it. */
int
tar_pax_parse(const char *records, size_t len, struct tar_extended *extended)
{
  int error = 0;

  while (len > 0 && !error) {
    const char *space = memchr(records, ' ', len), *equals;
    uint64_t size;

    if (!space || !get_decimal(records, (size_t)(space - records), &size) ||
        size > len || size < (uint64_t)(space - records) + 2 ||
        records[size - 1] != '\n')
      return EINVAL;
    equals = memchr(space, '=', (size_t)size - (size_t)(space - records));
    if (!equals)
      return EINVAL;
    error = take_record(space + 1, (size_t)(equals - space - 1), equals + 1,
                        (size_t)(records + size - 1 - (equals + 1)), extended);
    records += size;
    len -= size;
  }
  return error;
}
