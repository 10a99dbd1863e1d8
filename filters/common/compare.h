/* SPDX-License-Identifier: BSD-3-Clause */
/* Compares bytes with what lies below: checkwrite, protect. */
#ifndef NBDSRV_FILTER_COMPARE_H
#define NBDSRV_FILTER_COMPARE_H

#include <stdbool.h>
#include <stdint.h>

struct nbdsrv_next;

/* *same: whether len bytes at off are those of buf (NULL: zeroes).  Holes are not
 * read where zeroes are expected.  0 or an errno value. */
int compare_below(struct nbdsrv_next *next, const void *buf, uint64_t len, uint64_t off,
                  bool *same);

#endif
