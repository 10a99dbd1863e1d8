/* SPDX-License-Identifier: BSD-3-Clause */
/* Numbers that look random, the same for the same seed, and of no use for secrets.
 *
 * splitmix64 and xoshiro256**, by Sebastiano Vigna and David Blackman, who gave both
 * to the public domain.  Which of their numbers end up at which offset of a disk is as
 * in nbdkit, so that a seed means the same disk under both.
 */
#ifndef NBDSRV_PLUGIN_PRNG_H
#define NBDSRV_PLUGIN_PRNG_H

#include <stdint.h>

struct prng {
  uint64_t s[4];
};

#define PRNG_GOLDEN 0x9e3779b97f4a7c15u

/* The n-th number (from 1) of splitmix64 from a seed. */
static inline uint64_t
prng_split(uint64_t seed, unsigned n)
{
  uint64_t z = seed + n * PRNG_GOLDEN;

  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

static inline uint64_t
prng_rotate(uint64_t x, unsigned by)
{
  return (x << by) | (x >> (64 - by));
}

static inline struct prng
prng_new(uint64_t seed)
{
  return (struct prng){{prng_split(seed, 1), prng_split(seed, 2), prng_split(seed, 3),
                        prng_split(seed, 4)}};
}

/* What xoshiro256** makes of the second word of its state. */
static inline uint64_t
prng_scramble(uint64_t word)
{
  return prng_rotate(word * 5, 7) * 9;
}

static inline uint64_t
prng_next(struct prng *r)
{
  uint64_t *s = r->s, result = prng_scramble(s[1]), t = s[1] << 17;

  s[2] ^= s[0];
  s[3] ^= s[1];
  s[1] ^= s[2];
  s[0] ^= s[3];
  s[2] ^= t;
  s[3] = prng_rotate(s[3], 45);
  return result;
}

/* A seed from the parameter of that name, or a random one where that is NULL. */
int prng_parse_seed(const char *name, const char *text, uint64_t *seed);

#endif
