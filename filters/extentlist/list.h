/* SPDX-License-Identifier: BSD-3-Clause */
/* A list of extents from a text file. */
#ifndef NBDSRV_EXTENTLIST_LIST_H
#define NBDSRV_EXTENTLIST_LIST_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct listed {
  uint64_t offset, length;
  uint32_t type;
};

/* Reads lines "offset length [type]", in any order.  *list: malloc'ed, ascending,
 * without overlaps.  0 or an errno value with nbdsrv_error (). */
int list_read(FILE *in, const char *name, struct listed **list, size_t *count);

/* The first one that ends after off; count: there is none. */
size_t list_find(const struct listed *list, size_t count, uint64_t off);

#endif
