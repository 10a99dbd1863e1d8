/* SPDX-License-Identifier: BSD-3-Clause */
/* Emulation of abilities that a layer lacks: zero by write, cache by read, a read
 * by a loan, extents as data.
 * Gets operations from layer.c that reached a layer without a call for them.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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
read_by_loan(struct nbdsrv_next *at, uint64_t len, uint64_t off, uint8_t *buf)
{
  const struct nbdsrv_plugin *ops = at->layer->ops;

  if (!ops->lend)
    return EIO;
  while (len > 0) {
    struct nbdsrv_loan loan = {.size = sizeof loan, .fd = -1};
    uint64_t n = len < PIECE ? len : PIECE;
    int error = ops->lend(at->handle, n, off, &loan);
    if (error)
      return error == EAGAIN ? EIO : error;
    for (uint32_t i = 0; i < loan.count; i++) {
      if (loan.iov[i].iov_base)
        memcpy(buf, loan.iov[i].iov_base, loan.iov[i].iov_len);
      else
        memset(buf, 0, loan.iov[i].iov_len);
      buf += loan.iov[i].iov_len;
    }
    if (loan.release)
      loan.release(at->handle, &loan);
    len -= n;
    off += n;
  }
  return 0;
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
