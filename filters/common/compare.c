/* SPDX-License-Identifier: BSD-3-Clause */
/* Compares bytes with what lies below.
 * Gets what a client would write from checkwrite and protect; says whether that would
 * change anything.
 */
#include "compare.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <nbdsrv-filter.h>

#define PIECE (256u * 1024)

static bool
is_zero(const unsigned char *p, size_t len)
{
  return len == 0 || (p[0] == 0 && memcmp(p, p + 1, len - 1) == 0);
}

static int
read_and_compare(struct nbdsrv_next *next, const unsigned char *expected, uint64_t len,
                 uint64_t off, bool *same)
{
  size_t room = len < PIECE ? (size_t)len : PIECE;
  unsigned char *buf = malloc(room);
  int error = buf ? 0 : ENOMEM;

  while (len > 0 && !error && *same) {
    size_t n = len < room ? (size_t)len : room;
    error = nbdsrv_next_read(next, buf, n, off, 0);
    if (!error)
      *same = expected ? memcmp(buf, expected, n) == 0 : is_zero(buf, n);
    expected = expected ? expected + n : NULL;
    len -= n;
    off += n;
  }
  free(buf);
  return error;
}

/* How many bytes at off are known to read as zeroes. */
static uint64_t
known_zeroes(struct nbdsrv_next *next, uint64_t len, uint64_t off)
{
  struct nbdsrv_extents *extents = nbdsrv_extents_new(NULL, len, off);
  uint64_t offset, length, zeroes = 0;
  uint32_t type;

  if (extents && nbdsrv_next_extents(next, len, off, 0, extents) == 0 &&
      nbdsrv_extents_count(extents) > 0) {
    nbdsrv_extents_get(extents, 0, &offset, &length, &type);
    if (type & NBDSRV_EXTENT_ZERO)
      zeroes = length < len ? length : len;
  }
  nbdsrv_extents_free(extents);
  return zeroes;
}

int
compare_below(struct nbdsrv_next *next, const void *buf, uint64_t len, uint64_t off,
              bool *same)
{
  const unsigned char *expected = buf;
  int error = 0;

  *same = true;
  if (expected)
    return read_and_compare(next, expected, len, off, same);
  while (len > 0 && !error && *same) {
    uint64_t n = known_zeroes(next, len, off);

    if (n == 0) {
      n = len < PIECE ? len : PIECE;
      error = read_and_compare(next, NULL, n, off, same);
    }
    len -= n;
    off += n;
    if (len > 0 && !error) /* is it still wanted? */
      error = nbdsrv_sleep(0);
  }
  return error;
}
