/* SPDX-License-Identifier: BSD-3-Clause */
/* What GNU ddrescue's mapfile says has been rescued. */
#ifndef NBDSRV_DDRESCUE_MAP_H
#define NBDSRV_DDRESCUE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Ranges of rescued bytes, ascending and with gaps between them. */
struct map {
  struct map_range {
    uint64_t start, end;
  } * ranges;
  size_t count;
};

/* 0 or an errno value with nbdsrv_error (); map_free either way.  name is for errors.
 */
int map_read(struct map *map, FILE *file, const char *name);
void map_free(struct map *map);

/* Whether the byte at off was rescued, and up to where (excluded) that goes on. */
bool map_look(const struct map *map, uint64_t off, uint64_t *end);

#endif
