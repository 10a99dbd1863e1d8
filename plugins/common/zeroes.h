/* SPDX-License-Identifier: BSD-3-Clause */
/* Calls of a disk, or a layer's disk, that is one hole. */
#ifndef NBDSRV_PLUGIN_ZEROES_H
#define NBDSRV_PLUGIN_ZEROES_H

#include <string.h>

#include <nbdsrv-plugin.h>

static inline int
zeroes_read(void *handle, void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  (void)handle;
  (void)off;
  (void)flags;
  memset(buf, 0, len);
  return 0;
}

static inline int
zeroes_lend(void *handle, uint64_t len, uint64_t off, struct nbdsrv_loan *loan)
{
  (void)handle;
  (void)off;
  loan->count = 1;
  loan->iov[0].iov_base = NULL;
  loan->iov[0].iov_len = len;
  return 0;
}

static inline int
zeroes_extents(void *handle, uint64_t len, uint64_t off, uint32_t flags,
               struct nbdsrv_extents *extents)
{
  (void)handle;
  (void)flags;
  return nbdsrv_extents_add(extents, off, len, NBDSRV_EXTENT_HOLE | NBDSRV_EXTENT_ZERO);
}

#endif
