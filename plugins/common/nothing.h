/* SPDX-License-Identifier: BSD-3-Clause */
/* Calls that have nothing to do, for plugins that keep nothing on stable storage. */
#ifndef NBDSRV_PLUGIN_NOTHING_H
#define NBDSRV_PLUGIN_NOTHING_H

#include <stdint.h>

static inline int
nothing_flush(void *handle, uint32_t flags)
{
  (void)handle;
  (void)flags;
  return 0;
}

/* Trim, zero or cache. */
static inline int
nothing_range(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  (void)handle;
  (void)len;
  (void)off;
  (void)flags;
  return 0;
}

static inline int
nothing_write(void *handle, const void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  (void)buf;
  return nothing_range(handle, len, off, flags);
}

#endif
