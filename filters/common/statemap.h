/* SPDX-License-Identifier: BSD-3-Clause */
/* A state of two bits for each block of a disk, however large the disk: ranges of
 * one state take no memory to speak of.
 */
#ifndef NBDSRV_FILTER_STATEMAP_H
#define NBDSRV_FILTER_STATEMAP_H

#include <stdint.h>

struct statemap;

/* All blocks have state 0.  NULL: ENOMEM. */
struct statemap *statemap_new(void);
void statemap_free(struct statemap *map);

#define STATEMAP_BLOCKS ((uint64_t)1 << 59) /* numbers are below this */

/* The state of a block, and how many from it on (1 to most) have the same; there may
 * be still more. */
uint64_t statemap_run(const struct statemap *map, uint64_t block, uint64_t most,
                      unsigned *state);

/* Sets a range; ENOMEM: only a part of it is set. */
int statemap_set(struct statemap *map, uint64_t block, uint64_t count, unsigned state);

#endif
