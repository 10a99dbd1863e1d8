/* SPDX-License-Identifier: BSD-3-Clause */
/* The file plugin's trim and zero: by fallocate and the ioctls of block devices.
 * Gets handles that open.c opened; remembers in them what does not work there.  Where
 * nothing does, the server writes zeroes: it sees in between whether they are still
 * wanted.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>

#include "file.h"

#define PUNCH   (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)
#define ZERO    (FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE)
#define RESERVE FALLOC_FL_KEEP_SIZE

/* The result of a system call on a range.  EOPNOTSUPP: try something else. */
static int
result(int r, atomic_bool *ability)
{
  if (r == 0)
    return 0;
  if (errno == EBUSY) /* a device that is mounted: not now */
    return EOPNOTSUPP;
  if (!file_unsupported(errno))
    return errno;
  file_cannot(ability);
  return EOPNOTSUPP;
}

static int
allocation(struct open_file *h, atomic_bool *ability, int mode, uint64_t len,
           uint64_t off)
{
  int r;

  if (!file_may(ability))
    return EOPNOTSUPP;
  do
    r = fallocate(h->fd, mode, (off_t)off, (off_t)len);
  while (r == -1 && errno == EINTR);
  return result(r, ability);
}

static int
device(struct open_file *h, atomic_bool *ability, unsigned long request, uint64_t len,
       uint64_t off)
{
  uint64_t range[2] = {off, len};
  int r;

  if (!file_may(ability))
    return EOPNOTSUPP;
  do
    r = ioctl(h->fd, request, range);
  while (r == -1 && errno == EINTR);
  return result(r, ability);
}

static int
finish(struct open_file *h, int error, const char *what, uint64_t off, uint32_t flags)
{
  if (error)
    nbdsrv_error("%s at %llu: %s", what, (unsigned long long)off, strerror(error));
  return !error && (flags & NBDSRV_FLAG_FUA) ? file_flush(h, 0) : error;
}

/* Whole sectors inside of a range. A file has sectors of one byte. */
static void
whole_sectors(const struct open_file *h, uint64_t *start, uint64_t *end)
{
  uint64_t mask = h->sector - 1;

  *start = (*start + mask) & ~mask;
  *end &= ~mask;
}

int
file_trim(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  struct open_file *h = handle;
  uint64_t start = off, end = off + len;
  int error = 0;

  whole_sectors(h, &start, &end);
  if (start < end)
    error = h->is_block ? device(h, &h->can.discard, BLKDISCARD, end - start, start)
                        : allocation(h, &h->can.punch, PUNCH, end - start, start);
  if (error == EOPNOTSUPP) /* trimming is advice */
    error = 0;
  return finish(h, error, "trimming", off, flags);
}

static int
zero_file(struct open_file *h, uint64_t len, uint64_t off, uint32_t flags)
{
  int error = EOPNOTSUPP;

  if (!(flags & NBDSRV_FLAG_NO_HOLE))
    error = allocation(h, &h->can.punch, PUNCH, len, off);
  if (error == EOPNOTSUPP)
    error = allocation(h, &h->can.zero_range, ZERO, len, off);
  /* A hole that is filled again; not where that may end with half of it done. */
  if (error == EOPNOTSUPP && !(flags & NBDSRV_FLAG_FAST_ZERO)) {
    error = allocation(h, &h->can.punch, PUNCH, len, off);
    if (!error)
      error = allocation(h, &h->can.allocate, RESERVE, len, off);
  }
  return error;
}

/* Punching fails where the device itself cannot zero; the ioctl writes then. */
static int
zero_device(struct open_file *h, uint64_t len, uint64_t off, uint32_t flags)
{
  int error = EOPNOTSUPP;

  if (!(flags & NBDSRV_FLAG_NO_HOLE))
    error = allocation(h, &h->can.punch, PUNCH, len, off);
  if (error == EOPNOTSUPP && !(flags & NBDSRV_FLAG_FAST_ZERO))
    error = device(h, &h->can.zero_out, BLKZEROOUT, len, off);
  return error;
}

/* Less than a sector. */
static int
zero_edge(const struct open_file *h, uint64_t len, uint64_t off)
{
  static const uint8_t zeroes[4096];
  int error = 0;

  while (len > 0 && !error) {
    size_t n = len < sizeof zeroes ? (size_t)len : sizeof zeroes;
    error = file_write_all(h, zeroes, n, off, 0);
    off += n;
    len -= n;
  }
  return error;
}

int
file_zero(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  struct open_file *h = handle;
  uint64_t start = off, end = off + len, stop = end;
  int error = EOPNOTSUPP;

  whole_sectors(h, &start, &end);
  if (start < end)
    error = h->is_block ? zero_device(h, end - start, start, flags)
                        : zero_file(h, end - start, start, flags);
  if (error == EOPNOTSUPP)
    return ENOTSUP;
  if (error)
    return finish(h, error, "zeroing", off, flags);
  error = zero_edge(h, start - off, off);
  if (!error)
    error = zero_edge(h, stop - end, end);
  return error ? error : finish(h, 0, "zeroing", off, flags);
}
