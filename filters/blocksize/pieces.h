/* SPDX-License-Identifier: BSD-3-Clause */
/* A range of bytes in blocks: what sticks out at both ends, and what lies between. */
#ifndef NBDSRV_BLOCKSIZE_PIECES_H
#define NBDSRV_BLOCKSIZE_PIECES_H

#include <stdint.h>

struct pieces {
  uint64_t head, middle, tail; /* bytes: of the first block, whole ones, the last */
};

/* block: a power of two.  A range inside one block that does not fill it is a head. */
static inline struct pieces
pieces_of(uint64_t len, uint64_t off, uint64_t block)
{
  uint64_t inside = off & (block - 1);
  struct pieces p = {0, 0, 0};

  if (inside || len < block) {
    p.head = block - inside;
    if (p.head > len)
      p.head = len;
  }
  p.tail = (len - p.head) & (block - 1);
  p.middle = len - p.head - p.tail;
  return p;
}

#endif
