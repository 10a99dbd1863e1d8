/* SPDX-License-Identifier: BSD-3-Clause */
/* Emulation of abilities that a layer lacks: zero by write, cache by read, a read
 * by a loan, extents as data.
 * Gets operations from layer.c that reached a layer without a call for them.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "emulate.h"
#include "layer.h"

/* One request may be for exabytes: between the pieces it is seen whether anybody still
 * waits for it (nbdsrv_sleep (0)). */
#define PIECE (1024u * 1024)

/* Never written: one copy for all. */
static const uint8_t zeroes[PIECE];

static int
zero_by_write(struct nbdsrv_next *at, uint32_t flags, uint64_t len, uint64_t off)
{
  int error = 0;

  if (flags & NBDSRV_FLAG_FAST_ZERO)
    return ENOTSUP;
  flags &= NBDSRV_FLAG_FUA;
  while (len > 0 && !error) {
    size_t n = len < PIECE ? (size_t)len : PIECE;
    error = layer_do(at, NBD_CMD_WRITE, flags, n, off, (void *)zeroes, NULL);
    len -= n;
    off += n;
    if (len > 0 && !error)
      error = nbdsrv_sleep(0);
  }
  return error;
}

static int
cache_by_read(struct nbdsrv_next *at, uint64_t len, uint64_t off)
{
  size_t room = len < PIECE ? (size_t)len : PIECE;
  void *buf = malloc(room);
  int error = buf ? 0 : ENOMEM;

  while (len > 0 && !error) {
    size_t n = len < room ? (size_t)len : room;
    error = layer_do(at, NBD_CMD_READ, 0, n, off, buf, NULL);
    len -= n;
    off += n;
    if (len > 0 && !error)
      error = nbdsrv_sleep(0);
  }
  free(buf);
  return error;
}

static int
read_file(int fd, uint8_t *buf, size_t len, uint64_t off)
{
  while (len > 0) {
    ssize_t n = pread(fd, buf, len, (off_t)off);
    if (n == -1 && errno == EINTR)
      continue;
    if (n <= 0)
      return n == 0 ? EIO : errno;
    buf += n;
    len -= (size_t)n;
    off += (uint64_t)n;
  }
  return 0;
}

/* What was lent, copied. */
static int
copy_loan(const struct nbdsrv_loan *loan, uint8_t *buf, size_t len)
{
  if (loan->count == 0)
    return read_file(loan->fd, buf, len, loan->fd_offset);
  for (uint32_t i = 0; i < loan->count; i++) {
    const struct iovec *part = &loan->iov[i];
    if (part->iov_base)
      memcpy(buf, part->iov_base, part->iov_len);
    else
      memset(buf, 0, part->iov_len);
    buf += part->iov_len;
  }
  return 0;
}

static int
read_by_loan(struct nbdsrv_next *at, uint64_t len, uint64_t off, uint8_t *buf)
{
  int error = at->layer->ops->lend ? 0 : EIO;

  while (len > 0 && !error) {
    struct nbdsrv_loan loan = {0};
    size_t n = len < PIECE ? (size_t)len : PIECE;

    error = layer_borrow(at, n, off, &loan);
    if (error)
      return error == EAGAIN ? EIO : error;
    error = copy_loan(&loan, buf, n);
    if (loan.release)
      loan.release(at->handle, &loan);
    buf += n;
    len -= n;
    off += n;
  }
  return error;
}

int
emulate(struct nbdsrv_next *at, unsigned command, uint32_t flags, uint64_t len,
        uint64_t off, void *buf, struct nbdsrv_extents *extents)
{
  switch (command) {
  case NBD_CMD_READ:
    return read_by_loan(at, len, off, buf);
  case NBD_CMD_WRITE:
    return EPERM;
  case NBD_CMD_WRITE_ZEROES:
    return at->info.can & NBDSRV_CAN_WRITE ? zero_by_write(at, flags, len, off) : EPERM;
  case NBD_CMD_CACHE:
    return cache_by_read(at, len, off);
  case NBD_CMD_BLOCK_STATUS:
    return nbdsrv_extents_context(extents) == 0
               ? nbdsrv_extents_add(extents, off, len, 0)
               : EINVAL;
  case NBD_CMD_FLUSH: /* nothing to do where nothing is kept back */
  case NBD_CMD_TRIM:  /* advice, and not taken */
    return 0;
  default:
    return EINVAL;
  }
}
