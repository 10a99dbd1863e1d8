/* SPDX-License-Identifier: BSD-3-Clause */
/* Bits picked at random, found without looking at those between them.
 * Gets a probability and ranges; draws the gaps from one picked bit to the next, block
 * by block, so that a range in the middle is found without all that lies before it.
 */
#include <math.h>

#include "../../plugins/common/prng.h"
#include "bits.h"

#define LEAST_SHIFT 6
#define MOST_SHIFT  20
/* So many picked bits in a block are few enough to walk over. */
#define PER_BLOCK 32

void
bits_init(struct bits *bits, double probability)
{
  bits->log_spared = probability < 1 ? log1p(-probability) : 0;
  bits->shift = LEAST_SHIFT;
  while (bits->shift < MOST_SHIFT &&
         probability * (double)(UINT64_C(16) << bits->shift) <= PER_BLOCK)
    bits->shift++;
}

/* How many bits are spared before the next one that is picked, at most most. */
static uint64_t
gap(const struct bits *bits, struct prng *r, uint64_t most)
{
  double u = (double)((prng_next(r) >> 11) + 1) / (double)(UINT64_C(1) << 53);
  double spared = bits->log_spared < 0 ? log(u) / bits->log_spared : 0;

  return spared < (double)most ? (uint64_t)spared : most;
}

void
bits_walk(const struct bits *bits, uint64_t seed, uint64_t len, uint64_t off,
          void (*hit)(void *opaque, uint64_t bit, bool value), void *opaque)
{
  uint64_t size = UINT64_C(8) << bits->shift; /* of a block, in bits */
  uint64_t last = (off + len - 1) >> bits->shift;

  for (uint64_t block = off >> bits->shift; block <= last; block++) {
    struct prng r = prng_new(seed + block * 4 * PRNG_GOLDEN); /* prng_new takes 4 */
    uint64_t start = block << bits->shift;

    for (uint64_t bit = gap(bits, &r, size); bit < size;
         bit += 1 + gap(bits, &r, size)) {
      bool value = prng_next(&r) >> 63;
      uint64_t at = start + bit / 8;

      if (at >= off + len)
        break;
      if (at >= off)
        hit(opaque, (at - off) * 8 + bit % 8, value);
    }
  }
}
