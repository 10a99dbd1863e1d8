/* SPDX-License-Identifier: BSD-3-Clause */
/* What has to hold in a fuzz target, and a disk that must be read inside its size. */
#ifndef NBDSRV_FUZZ_HOLD_H
#define NBDSRV_FUZZ_HOLD_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define HOLD(condition)                                                                \
  do {                                                                                 \
    if (!(condition))                                                                  \
      abort();                                                                         \
  } while (0)

struct disk {
  const uint8_t *data;
  size_t size;
};

static inline int
read_disk(void *opaque, void *buf, uint64_t len, uint64_t off)
{
  const struct disk *disk = opaque;

  HOLD(off <= disk->size && len <= disk->size - off);
  memcpy(buf, disk->data + off, len);
  return 0;
}

#endif
