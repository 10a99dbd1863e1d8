/* SPDX-License-Identifier: BSD-3-Clause */
/* Bits picked at random from a row without end, the same ones for the same seed. */
#ifndef NBDSRV_EVIL_BITS_H
#define NBDSRV_EVIL_BITS_H

#include <stdbool.h>
#include <stdint.h>

struct bits {
  double log_spared; /* log (1 - probability); 0: all are picked */
  unsigned shift;    /* the row has blocks of 1 << shift bytes, each with its seed */
};

/* probability: above 0. */
void bits_init(struct bits *bits, double probability);

/* Calls hit for each one in len bytes from byte off of the row on: its number from
 * there, ascending, and a value for it that is drawn as well. */
void bits_walk(const struct bits *bits, uint64_t seed, uint64_t len, uint64_t off,
               void (*hit)(void *opaque, uint64_t bit, bool value), void *opaque);

#endif
