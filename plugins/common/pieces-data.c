/* SPDX-License-Identifier: BSD-3-Clause */
/* Data calls on a disk of pieces: each becomes one call for every piece that it meets.
 * Gets handles that pieces.c opened; passes parts of requests to the file plugin.
 */
#include "config.h"

#include "pieces-data.h"

#include <string.h>

/* The part of a request that meets one piece. */
struct part {
  const struct open_piece *open;
  uint64_t skip;   /* from the beginning of the piece */
  uint64_t length; /* up to its end or the request's */
  uint64_t done;   /* bytes of the request before it */
};

static const struct open_piece *
find(const struct pieces_handle *h, uint64_t off)
{
  size_t low = 0, high = h->count;

  while (high - low > 1) {
    size_t middle = low + (high - low) / 2;
    if (h->list[middle].piece->start <= off)
      low = middle;
    else
      high = middle;
  }
  return &h->list[low];
}

static struct part
first_part(const struct pieces_handle *h, uint64_t len, uint64_t off)
{
  const struct open_piece *open = find(h, off);
  uint64_t skip = off - open->piece->start, room = open->piece->length - skip;

  return (struct part){open, skip, len < room ? len : room, 0};
}

/* false: that was the last. */
static bool
next_part(struct part *part, uint64_t len)
{
  part->done += part->length;
  part->open++;
  if (part->done == len)
    return false;
  part->skip = 0;
  part->length = len - part->done;
  if (part->length > part->open->piece->length)
    part->length = part->open->piece->length;
  return true;
}

int
pieces_read(void *handle, void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  struct part part = first_part(handle, len, off);
  int error = 0;

  do {
    uint8_t *to = (uint8_t *)buf + part.done;
    if (part.open->handle)
      error = file_read(part.open->handle, to, part.length, part.skip, flags);
    else if (part.open->piece->bytes)
      memcpy(to, part.open->piece->bytes + part.skip, part.length);
    else
      memset(to, 0, part.length);
  } while (!error && next_part(&part, len));
  return error;
}

/* ---------------------------------------------------------------------- writing */

static bool
is_zero(const uint8_t *p, uint64_t len)
{
  return p[0] == 0 && memcmp(p, p + 1, len - 1) == 0;
}

/* Writing what is there already does no harm; data NULL: zeroes. */
static int
check_unchanged(const struct part *part, const uint8_t *data)
{
  const uint8_t *bytes = part->open->piece->bytes;
  bool same;

  if (bytes)
    bytes += part->skip;
  if (bytes && data)
    same = memcmp(bytes, data, part->length) == 0;
  else
    same = (!bytes || is_zero(bytes, part->length)) &&
           (!data || is_zero(data, part->length));
  if (same)
    return 0;
  nbdsrv_error("%s cannot be changed",
               bytes ? "the partition table" : "what lies between partitions");
  return EIO;
}

int
pieces_write(void *handle, const void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  struct part part = first_part(handle, len, off);
  int error = 0;

  do {
    const uint8_t *from = (const uint8_t *)buf + part.done;
    error = part.open->handle
                ? file_write(part.open->handle, from, part.length, part.skip, flags)
                : check_unchanged(&part, from);
  } while (!error && next_part(&part, len));
  return error;
}

int
pieces_zero(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  struct part part = first_part(handle, len, off);
  int error = 0;

  do
    error = part.open->handle
                ? file_zero(part.open->handle, part.length, part.skip, flags)
                : check_unchanged(&part, NULL);
  while (!error && next_part(&part, len));
  return error;
}

int
pieces_trim(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  struct part part = first_part(handle, len, off);
  int error = 0;

  do
    if (part.open->handle)
      error = file_trim(part.open->handle, part.length, part.skip, flags);
  while (!error && next_part(&part, len));
  return error;
}

int
pieces_flush(void *handle, uint32_t flags)
{
  struct pieces_handle *h = handle;
  int error = 0;

  for (size_t i = 0; i < h->count && !error; i++)
    if (h->list[i].handle)
      error = file_flush(h->list[i].handle, flags);
  return error;
}

/* ---------------------------------------------------------------------- reading */

int
pieces_cache(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  struct part part = first_part(handle, len, off);
  int error = 0;

  do
    if (part.open->handle)
      error = file_cache(part.open->handle, part.length, part.skip, flags);
  while (!error && next_part(&part, len));
  return error;
}

static int
part_extents(const struct part *part, uint32_t flags, struct nbdsrv_extents *extents)
{
  const struct piece *piece = part->open->piece;
  const struct open_file *file = part->open->handle;

  if (file && !file->is_block)
    return file_extents_of_part(part->open->handle, part->length, part->skip, flags,
                                extents, piece->length, piece->start);
  return nbdsrv_extents_add(
      extents, piece->start, piece->length,
      file || piece->bytes ? 0 : NBDSRV_EXTENT_HOLE | NBDSRV_EXTENT_ZERO);
}

int
pieces_extents(void *handle, uint64_t len, uint64_t off, uint32_t flags,
               struct nbdsrv_extents *extents)
{
  struct part part = first_part(handle, len, off);
  int error = 0;

  do
    error = part_extents(&part, flags, extents);
  while (!error && !(flags & NBDSRV_FLAG_REQ_ONE) && next_part(&part, len));
  return error == ERANGE ? 0 : error;
}

/* Of one file, or not at all. */
int
pieces_lend(void *handle, uint64_t len, uint64_t off, struct nbdsrv_loan *loan)
{
  struct part part = first_part(handle, len, off);

  return part.open->handle && part.length == len
             ? file_lend(part.open->handle, len, part.skip, loan)
             : EAGAIN;
}
