/* SPDX-License-Identifier: BSD-3-Clause */
/* One array of bytes that is all there from the start: allocator=malloc. */
#ifndef NBDSRV_MEMORY_FLAT_H
#define NBDSRV_MEMORY_FLAT_H

#include <stdbool.h>
#include <stdint.h>

struct flat {
  uint8_t *base; /* NULL: not in use */
  uint64_t size;
  bool locked; /* stays in core */
};

int flat_init(struct flat *flat, uint64_t size, bool lock); /* 0 or an errno value */
void flat_destroy(struct flat *flat);
void flat_clear(struct flat *flat, uint64_t len, uint64_t off);

#endif
