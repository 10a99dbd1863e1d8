/* SPDX-License-Identifier: BSD-3-Clause */
/* Data calls of nbdkit plugins, in pieces that their 32-bit lengths can name.
 * Gets the operations that nbdkit-handle.c offered; what a plugin lacks never comes
 * here but is emulated by the layers.
 */
#include "config.h"

#include <errno.h>

#include "nbdkit.h"

/* Keeps every alignment that a block size may ask for. */
#define MOST_AT_ONCE ((uint64_t)1 << 31)

_Thread_local int bridge_last_error;

int
bridge_failed(const struct nbdkit_plugin *plugin)
{
  int error = bridge_last_error;

  if (error == 0 && plugin->errno_is_preserved)
    error = errno;
  return error > 0 ? error : EIO;
}

/* One call of the plugin; -1 as nbdkit's plugins say it. */
typedef int piece_call(const struct bridge_handle *h, void *buf, uint32_t count,
                       uint64_t offset, uint32_t flags);

static inline __attribute__((always_inline)) int
in_pieces(const struct bridge_handle *h, piece_call *call, void *buf, uint64_t len,
          uint64_t off, uint32_t flags)
{
  for (;;) {
    uint32_t count = (uint32_t)(len < MOST_AT_ONCE ? len : MOST_AT_ONCE);

    bridge_last_error = 0;
    if (call(h, buf, count, off, flags) == -1)
      return bridge_failed(h->plugin);
    len -= count;
    if (len == 0)
      return 0;
    off += count;
    buf = buf ? (char *)buf + count : NULL;
  }
}

static int
read_piece(const struct bridge_handle *h, void *buf, uint32_t count, uint64_t offset,
           uint32_t flags)
{
  return h->v1 ? h->plugin->pread_v1(h->handle, buf, count, offset)
               : h->plugin->pread(h->handle, buf, count, offset, flags);
}

static int
write_piece(const struct bridge_handle *h, void *buf, uint32_t count, uint64_t offset,
            uint32_t flags)
{
  return h->v1 ? h->plugin->pwrite_v1(h->handle, buf, count, offset)
               : h->plugin->pwrite(h->handle, buf, count, offset, flags);
}

static int
trim_piece(const struct bridge_handle *h, void *buf, uint32_t count, uint64_t offset,
           uint32_t flags)
{
  (void)buf;
  return h->v1 ? h->plugin->trim_v1(h->handle, count, offset)
               : h->plugin->trim(h->handle, count, offset, flags);
}

static int
zero_piece(const struct bridge_handle *h, void *buf, uint32_t count, uint64_t offset,
           uint32_t flags)
{
  (void)buf;
  return h->v1 ? h->plugin->zero_v1(h->handle, count, offset,
                                    (flags & NBDKIT_MAY_TRIM) != 0)
               : h->plugin->zero(h->handle, count, offset, flags);
}

static int
cache_piece(const struct bridge_handle *h, void *buf, uint32_t count, uint64_t offset,
            uint32_t flags)
{
  (void)buf;
  return h->plugin->cache(h->handle, count, offset, flags);
}

/* FUA as the plugin sees it: not at all where a flush of ours stands for it. */
static uint32_t
fua(const struct bridge_handle *h, uint32_t flags)
{
  return (flags & NBDSRV_FLAG_FUA) && !h->fua_by_flush ? NBDKIT_FUA : 0;
}

static int
flush_for_fua(struct bridge_handle *h, int error, uint32_t flags)
{
  if (!error && (flags & NBDSRV_FLAG_FUA) && h->fua_by_flush)
    return bridge_flush(h, 0);
  return error;
}

int
bridge_read(void *handle, void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  (void)flags;
  return in_pieces(handle, read_piece, buf, len, off, 0);
}

int
bridge_write(void *handle, const void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  struct bridge_handle *h = handle;

  return flush_for_fua(
      h, in_pieces(h, write_piece, (void *)buf, len, off, fua(h, flags)), flags);
}

int
bridge_flush(void *handle, uint32_t flags)
{
  struct bridge_handle *h = handle;
  int r;

  (void)flags;
  bridge_last_error = 0;
  r = h->v1 ? h->plugin->flush_v1(h->handle) : h->plugin->flush(h->handle, 0);
  return r == -1 ? bridge_failed(h->plugin) : 0;
}

int
bridge_trim(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  struct bridge_handle *h = handle;

  return flush_for_fua(h, in_pieces(h, trim_piece, NULL, len, off, fua(h, flags)),
                       flags);
}

/* ENOTSUP makes the layers write zeroes. */
int
bridge_zero(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  struct bridge_handle *h = handle;
  uint32_t theirs = fua(h, flags);

  if (h->zero_by_write || (h->v1 && (flags & NBDSRV_FLAG_FAST_ZERO)))
    return ENOTSUP;
  if (!(flags & NBDSRV_FLAG_NO_HOLE))
    theirs |= NBDKIT_MAY_TRIM;
  if (flags & NBDSRV_FLAG_FAST_ZERO)
    theirs |= NBDKIT_FAST_ZERO;
  return flush_for_fua(h, in_pieces(h, zero_piece, NULL, len, off, theirs), flags);
}

int
bridge_cache(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  struct bridge_handle *h = handle;

  (void)flags;
  /* It offered caching without a call for it: done at once. */
  return h->plugin->cache ? in_pieces(h, cache_piece, NULL, len, off, 0) : 0;
}

/* One piece is enough of an answer. */
int
bridge_extents(void *handle, uint64_t len, uint64_t off, uint32_t flags,
               struct nbdsrv_extents *extents)
{
  struct bridge_handle *h = handle;
  uint32_t count = (uint32_t)(len < MOST_AT_ONCE ? len : MOST_AT_ONCE);

  bridge_last_error = 0;
  if (h->plugin->extents(h->handle, count, off,
                         flags & NBDSRV_FLAG_REQ_ONE ? NBDKIT_REQ_ONE : 0,
                         (struct nbdkit_extents *)extents) == -1)
    return bridge_failed(h->plugin);
  return 0;
}
