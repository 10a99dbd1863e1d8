/* SPDX-License-Identifier: BSD-3-Clause */
/* The seed of a disk of random numbers.
 * Gets the parameter as given, or none; hands on a number.
 */
#include <errno.h>
#include <sys/random.h>

#include <nbdsrv-plugin.h>

#include "prng.h"

int
prng_parse_seed(const char *name, const char *text, uint64_t *seed)
{
  if (text)
    return nbdsrv_parse_uint64(name, text, UINT64_MAX, seed);
  if (getrandom(seed, sizeof *seed, 0) != sizeof *seed) {
    nbdsrv_error("no random seed is to be had: give one with %s=N", name);
    return EIO;
  }
  return 0;
}
