/* SPDX-License-Identifier: BSD-3-Clause */
/* The file plugin's data calls: reads and writes that do not wait where the page
 * cache has the data, flush, cache, and what is allocated.
 * Gets handles that open.c opened.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "file.h"

/* One pread or pwrite moves no more than this. */
#define PIECE ((size_t)1 << 30)

/* ---------------------------------------------------------------- read, write */

static int
ended_early(uint64_t off)
{
  nbdsrv_error("the file ends at %llu: it was made shorter while in use",
               (unsigned long long)off);
  return EIO;
}

static int
read_all(const struct open_file *h, uint8_t *p, size_t left, uint64_t off)
{
  while (left > 0) {
    ssize_t n = pread(h->fd, p, left < PIECE ? left : PIECE, (off_t)off);
    if (n == -1 && errno == EINTR)
      continue;
    if (n == -1) {
      int error = errno;
      nbdsrv_error("reading at %llu: %s", (unsigned long long)off, strerror(error));
      return error;
    }
    if (n == 0)
      return ended_early(off);
    p += n;
    off += (uint64_t)n;
    left -= (size_t)n;
  }
  return 0;
}

/* EAGAIN: not all of it is in the page cache. */
static int
read_cached(struct open_file *h, void *buf, size_t len, uint64_t off)
{
  struct iovec iov = {buf, len};
  ssize_t n;

  if (h->memory_backed)
    return read_all(h, buf, len, off);
  if (!file_may(&h->can.nowait_read))
    return EAGAIN;
  n = preadv2(h->fd, &iov, 1, (off_t)off, RWF_NOWAIT);
  if (n == (ssize_t)len)
    return 0;
  if (n == -1 && file_unsupported(errno))
    file_cannot(&h->can.nowait_read);
  return EAGAIN;
}

int
file_read(void *handle, void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  struct open_file *h = handle;
  int error = flags & NBDSRV_FLAG_NOWAIT ? read_cached(h, buf, len, off)
                                         : read_all(h, buf, len, off);

  if (!error && h->evict)
    evict_read(h, len, off);
  return error;
}

int
file_write_all(const struct open_file *h, const uint8_t *p, size_t left, uint64_t off,
               int rw_flags)
{
  while (left > 0) {
    struct iovec iov = {(void *)p, left < PIECE ? left : PIECE};
    ssize_t n = rw_flags ? pwritev2(h->fd, &iov, 1, (off_t)off, rw_flags)
                         : pwrite(h->fd, p, iov.iov_len, (off_t)off);
    if (n == -1 && errno == EINTR)
      continue;
    if (n == -1) {
      int error = errno;
      nbdsrv_error("writing at %llu: %s", (unsigned long long)off, strerror(error));
      return error;
    }
    if (n == 0)
      return EIO;
    p += n;
    off += (uint64_t)n;
    left -= (size_t)n;
  }
  return 0;
}

/* EAGAIN: it might block, or was done in part, which does no harm. */
static int
write_cached(struct open_file *h, const void *buf, size_t len, uint64_t off, bool fua)
{
  struct iovec iov = {(void *)buf, len};
  ssize_t n;

  if (h->memory_backed)
    return file_write_all(h, buf, len, off, 0);
  if (fua || h->evict || !file_may(&h->can.nowait_write))
    return EAGAIN;
  n = pwritev2(h->fd, &iov, 1, (off_t)off, RWF_NOWAIT);
  if (n == (ssize_t)len)
    return 0;
  if (n == -1 && file_unsupported(errno))
    file_cannot(&h->can.nowait_write);
  return EAGAIN;
}

int
file_write(void *handle, const void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  struct open_file *h = handle;
  bool fua = (flags & NBDSRV_FLAG_FUA) != 0;
  int error;

  if (flags & NBDSRV_FLAG_NOWAIT)
    return write_cached(h, buf, len, off, fua);
  error = file_write_all(h, buf, len, off, fua ? RWF_DSYNC : 0);
  if (!error && h->evict)
    error = evict_written(h, len, off);
  return error;
}

int
file_flush(void *handle, uint32_t flags)
{
  struct open_file *h = handle;
  int error = 0;

  (void)flags;
  if (fdatasync(h->fd) == -1) {
    error = errno;
    nbdsrv_error("fdatasync: %s", strerror(error));
  } else if (h->evict)
    error = evict_all(h);
  return error;
}

int
file_cache(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  const struct open_file *h = handle;

  (void)flags;
  return posix_fadvise(h->fd, (off_t)off, (off_t)len, POSIX_FADV_WILLNEED);
}

/* --------------------------------------------------------------------- extents */

/* Beyond its end a file seems to be a hole. */
static int
check_size(const struct open_file *h)
{
  struct stat st;

  if (fstat(h->fd, &st) == -1)
    return errno;
  return (uint64_t)st.st_size < h->size ? ended_early((uint64_t)st.st_size) : 0;
}

/* The file as a part of what is described. */
struct part {
  struct nbdsrv_extents *extents;
  uint64_t length; /* nothing beyond it is said */
  uint64_t base;   /* where its first byte is */
};

static int
add_extent(const struct part *part, uint64_t start, uint64_t end, uint32_t type)
{
  if (end > part->length)
    end = part->length;
  return nbdsrv_extents_add(part->extents, part->base + start, end - start, type);
}

/* REQ_ONE: nobody wants a second extent, so none is looked for. */
static int
look_for_extents(const struct open_file *h, uint64_t len, uint64_t off, uint32_t flags,
                 const struct part *part)
{
  uint64_t end = off + len;
  int error = 0;

  while (off < end && error == 0) {
    /* The position that lseek moves is nobody's: all data calls name offsets. */
    off_t data = lseek(h->fd, (off_t)off, SEEK_DATA), hole;

    if (data == -1 && errno == ENXIO) { /* a hole up to the end of the file */
      error = check_size(h);
      if (error)
        return error;
      data = (off_t)end;
    }
    if (data == -1) /* no such thing here: all is data */
      return add_extent(part, off, end, 0);
    if ((uint64_t)data > off)
      error = add_extent(part, off, (uint64_t)data,
                         NBDSRV_EXTENT_HOLE | NBDSRV_EXTENT_ZERO);
    if (error || (uint64_t)data >= end ||
        ((uint64_t)data > off && (flags & NBDSRV_FLAG_REQ_ONE)))
      break;
    hole = lseek(h->fd, data, SEEK_HOLE);
    if (hole == -1 || hole <= data)
      hole = (off_t)end;
    error = add_extent(part, (uint64_t)data, (uint64_t)hole, 0);
    if (flags & NBDSRV_FLAG_REQ_ONE)
      break;
    off = (uint64_t)hole;
  }
  return error;
}

int
file_extents(void *handle, uint64_t len, uint64_t off, uint32_t flags,
             struct nbdsrv_extents *extents)
{
  const struct part whole = {extents, UINT64_MAX, 0};
  int error = look_for_extents(handle, len, off, flags, &whole);

  return error == ERANGE ? 0 : error;
}

int
file_extents_of_part(void *handle, uint64_t len, uint64_t off, uint32_t flags,
                     struct nbdsrv_extents *extents, uint64_t length, uint64_t base)
{
  const struct part part = {extents, length, base};

  return look_for_extents(handle, len, off, flags, &part);
}
