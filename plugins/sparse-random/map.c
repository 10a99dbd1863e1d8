/* SPDX-License-Identifier: BSD-3-Clause */
/* Which blocks of a sparse random disk hold data.
 * Gets the disk's size and shape; hands on a bitmap, made by going through the disk
 * once with two states, data and hole, that change at random.
 */
#include <errno.h>
#include <stdlib.h>

#include "../common/prng.h"

#include <nbdsrv-plugin.h>

#include "map.h"

static void
fill(struct map *map, uint64_t blocks, uint64_t seed, double begins, double ends)
{
  struct prng r = prng_new(seed);
  bool data = false;

  for (uint64_t block = 0; block < blocks; block++) {
    double x = (double)(prng_next(&r) >> 11) * 0x1p-53;
    if (data)
      map->bits[block / 64] |= (uint64_t)1 << (block % 64);
    if (x < (data ? ends : begins))
      data = !data;
  }
}

int
map_init(struct map *map, uint64_t size, uint64_t seed, double percent,
         uint64_t runlength)
{
  uint64_t blocks = size / BLOCK + (size % BLOCK != 0);
  double ends = (double)BLOCK / (double)runlength;

  *map = (struct map){.full = percent >= 100};
  if (percent <= 0 || percent >= 100)
    return 0;
  map->bits = calloc(blocks / 64 + 1, sizeof *map->bits);
  if (!map->bits) {
    nbdsrv_error("a map of %llu blocks does not fit into memory",
                 (unsigned long long)blocks);
    return ENOMEM;
  }
  /* So that in the long run percent of the blocks hold data, if runs are longer than a
   * block. */
  fill(map, blocks, seed, ends * percent / (100 - percent), ends);
  return 0;
}

void
map_destroy(struct map *map)
{
  free(map->bits);
}

uint64_t
map_run(const struct map *map, uint64_t first, uint64_t end)
{
  uint64_t block = first;
  bool data = map_has(map, first);

  if (!map->bits)
    return end - first;
  while (block < end) {
    uint64_t word = map->bits[block / 64];
    uint64_t differ = (data ? ~word : word) >> (block % 64);
    if (differ) {
      block += (uint64_t)__builtin_ctzll(differ);
      break;
    }
    block = (block / 64 + 1) * 64;
  }
  return (block < end ? block : end) - first;
}
