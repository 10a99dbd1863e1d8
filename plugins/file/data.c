/* SPDX-License-Identifier: BSD-3-Clause */
/* The file plugin's data calls: reads and writes that do not wait where the page
 * cache has the data, holes by fallocate and the ioctls of block devices.
 * Gets handles that file.c opened.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "file.h"

/* One pread or pwrite moves no more than this. */
#define PIECE ((size_t)1 << 30)

static bool
may(atomic_bool *ability)
{
  return atomic_load_explicit(ability, memory_order_relaxed);
}

static void
cannot(atomic_bool *ability)
{
  atomic_store_explicit(ability, false, memory_order_relaxed);
}

static bool
is_unsupported(int error)
{
  return error == EOPNOTSUPP || error == ENOTSUP || error == ENOTTY || error == ENOSYS;
}

/* cache=none: what was touched does not stay in the page cache. */
static void
drop_cache(const struct open_file *h, uint64_t len, uint64_t off)
{
  if (h->cache == FILE_CACHE_NONE)
    posix_fadvise(h->fd, (off_t)off, (off_t)len, POSIX_FADV_DONTNEED);
}

/* ---------------------------------------------------------------- read, write */

/* What is left for a blocking read once the cached part is there. */
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
    if (n == 0) {
      nbdsrv_error("the file ends at %llu: it was made shorter while in use",
                   (unsigned long long)off);
      return EIO;
    }
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
  if (!may(&h->can.nowait_read))
    return EAGAIN;
  n = preadv2(h->fd, &iov, 1, (off_t)off, RWF_NOWAIT);
  if (n == (ssize_t)len)
    return 0;
  if (n == -1 && is_unsupported(errno))
    cannot(&h->can.nowait_read);
  return EAGAIN;
}

int
file_read(void *handle, void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  struct open_file *h = handle;
  int error = flags & NBDSRV_FLAG_NOWAIT ? read_cached(h, buf, len, off)
                                         : read_all(h, buf, len, off);

  if (!error)
    drop_cache(h, len, off);
  return error;
}

static int
write_all(const struct open_file *h, const uint8_t *p, size_t left, uint64_t off,
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
    p += n;
    off += (uint64_t)n;
    left -= (size_t)n;
  }
  return 0;
}

/* cache=none: written back first, as dirty pages cannot be dropped. */
static void
write_back(const struct open_file *h, uint64_t len, uint64_t off)
{
  if (h->cache != FILE_CACHE_NONE)
    return;
  sync_file_range(h->fd, (off_t)off, (off_t)len,
                  SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
                      SYNC_FILE_RANGE_WAIT_AFTER);
  drop_cache(h, len, off);
}

/* EAGAIN: it might block, or was done in part, which does no harm. */
static int
write_cached(struct open_file *h, const void *buf, size_t len, uint64_t off)
{
  struct iovec iov = {(void *)buf, len};
  ssize_t n;

  if (h->memory_backed)
    return write_all(h, buf, len, off, 0);
  if (!may(&h->can.nowait_write))
    return EAGAIN;
  n = pwritev2(h->fd, &iov, 1, (off_t)off, RWF_NOWAIT);
  if (n == (ssize_t)len)
    return 0;
  if (n == -1 && is_unsupported(errno))
    cannot(&h->can.nowait_write);
  return EAGAIN;
}

int
file_write(void *handle, const void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  struct open_file *h = handle;
  int error;

  if (flags & NBDSRV_FLAG_NOWAIT) {
    if ((flags & NBDSRV_FLAG_FUA) || h->cache == FILE_CACHE_NONE)
      return EAGAIN;
    return write_cached(h, buf, len, off);
  }
  error = write_all(h, buf, len, off, flags & NBDSRV_FLAG_FUA ? RWF_DSYNC : 0);
  if (!error)
    write_back(h, len, off);
  return error;
}

int
file_flush(void *handle, uint32_t flags)
{
  const struct open_file *h = handle;
  int error = 0;

  (void)flags;
  if (fdatasync(h->fd) == -1) {
    error = errno;
    nbdsrv_error("fdatasync: %s", strerror(error));
  }
  return error;
}

/* ------------------------------------------------------------------ trim, zero */

/* fallocate or an ioctl on a range; remembers what does not work here. EOPNOTSUPP:
 * try something else. */
static int
attempt(struct open_file *h, atomic_bool *ability, unsigned long request,
        uint64_t len, uint64_t off)
{
  uint64_t range[2] = {off, len};
  int r;

  if (!may(ability))
    return EOPNOTSUPP;
  do
    r = request == BLKDISCARD || request == BLKZEROOUT
            ? ioctl(h->fd, request, range)
            : fallocate(h->fd, (int)request, (off_t)off, (off_t)len);
  while (r == -1 && errno == EINTR);
  if (r == 0)
    return 0;
  if (!is_unsupported(errno))
    return errno;
  cannot(ability);
  return EOPNOTSUPP;
}

static bool
is_aligned(const struct open_file *h, uint64_t len, uint64_t off)
{
  return ((len | off) & (h->sector - 1)) == 0;
}

static int
finish(struct open_file *h, int error, const char *what, uint64_t off, uint32_t flags)
{
  if (error && error != EOPNOTSUPP)
    nbdsrv_error("%s at %llu: %s", what, (unsigned long long)off, strerror(error));
  return !error && (flags & NBDSRV_FLAG_FUA) ? file_flush(h, 0) : error;
}

int
file_trim(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  struct open_file *h = handle;
  int error;

  if (!h->is_block)
    error =
        attempt(h, &h->can.punch, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, len, off);
  else if (is_aligned(h, len, off))
    error = attempt(h, &h->can.discard, BLKDISCARD, len, off);
  else
    error = 0;
  if (error == EOPNOTSUPP) /* trimming is advice */
    error = 0;
  return finish(h, error, "trimming", off, flags);
}

static int
zero_file(struct open_file *h, uint64_t len, uint64_t off, uint32_t flags)
{
  int error = EOPNOTSUPP;

  if (!(flags & NBDSRV_FLAG_NO_HOLE))
    error =
        attempt(h, &h->can.punch, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, len, off);
  if (error == EOPNOTSUPP)
    error = attempt(h, &h->can.zero_range, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE,
                    len, off);
  return error;
}

static int
zero_by_writing(struct open_file *h, uint64_t len, uint64_t off)
{
  static const uint8_t zeroes[256 * 1024];
  int error = 0;

  while (len > 0 && !error) {
    size_t n = len < sizeof zeroes ? (size_t)len : sizeof zeroes;
    error = write_all(h, zeroes, n, off, 0);
    off += n;
    len -= n;
  }
  return error;
}

int
file_zero(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  struct open_file *h = handle;
  int error;

  if (!h->is_block)
    error = zero_file(h, len, off, flags);
  else if (is_aligned(h, len, off) && !(flags & NBDSRV_FLAG_FAST_ZERO))
    /* The device may do it fast or write zeroes itself; nobody can tell. */
    error = attempt(h, &h->can.zero_out, BLKZEROOUT, len, off);
  else
    error = EOPNOTSUPP;
  if (error == EOPNOTSUPP && (flags & NBDSRV_FLAG_FAST_ZERO))
    return ENOTSUP;
  if (error == EOPNOTSUPP)
    error = zero_by_writing(h, len, off);
  return finish(h, error, "zeroing", off, flags);
}

int
file_cache(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  const struct open_file *h = handle;

  (void)flags;
  return posix_fadvise(h->fd, (off_t)off, (off_t)len, POSIX_FADV_WILLNEED);
}

/* --------------------------------------------------------------------- extents */

int
file_extents(void *handle, uint64_t len, uint64_t off, uint32_t flags,
             struct nbdsrv_extents *extents)
{
  const struct open_file *h = handle;
  uint64_t end = off + len;
  int error = 0;

  (void)flags;
  while (off < end && error == 0) {
    /* The position that lseek moves is nobody's: all data calls name offsets. */
    off_t data = lseek(h->fd, (off_t)off, SEEK_DATA), hole;

    if (data == -1 && errno == ENXIO) /* a hole up to the end of the file */
      data = (off_t)end;
    else if (data == -1) /* no such thing here: all is data */
      return nbdsrv_extents_add(extents, off, end - off, 0);
    if ((uint64_t)data > off)
      error = nbdsrv_extents_add(extents, off, (uint64_t)data - off,
                                 NBDSRV_EXTENT_HOLE | NBDSRV_EXTENT_ZERO);
    if (error || (uint64_t)data >= end)
      break;
    hole = lseek(h->fd, data, SEEK_HOLE);
    if (hole == -1 || hole <= data)
      hole = (off_t)end;
    error = nbdsrv_extents_add(extents, (uint64_t)data, (uint64_t)(hole - data), 0);
    off = (uint64_t)hole;
  }
  return error == ERANGE ? 0 : error;
}
