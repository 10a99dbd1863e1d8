/* SPDX-License-Identifier: BSD-3-Clause */
/* Which blocks of a sparse random disk hold data. */
#ifndef NBDSRV_SPARSE_RANDOM_MAP_H
#define NBDSRV_SPARSE_RANDOM_MAP_H

#include <stdbool.h>
#include <stdint.h>

#define BLOCK ((uint64_t)4096)

struct map {
  uint64_t *bits; /* of blocks with data; NULL: all blocks are alike */
  bool full;      /* that they have data */
};

/* Fills the map of a disk.  percent of it hold data, in runs of runlength bytes on
 * average.  0 or an errno value. */
int map_init(struct map *map, uint64_t size, uint64_t seed, double percent,
             uint64_t runlength);
void map_destroy(struct map *map);

static inline bool
map_has(const struct map *map, uint64_t block)
{
  return map->bits ? map->bits[block / 64] >> (block % 64) & 1 : map->full;
}

/* How many blocks from first on, before end, are like first. */
uint64_t map_run(const struct map *map, uint64_t first, uint64_t end);

#endif
