/* SPDX-License-Identifier: BSD-3-Clause */
/* What tells whether two clients have the same file below: its name if it has one, its
 * size, and both its ends.  Compressed files have checksums there.
 */
#ifndef NBDSRV_FILTER_FINGERPRINT_H
#define NBDSRV_FILTER_FINGERPRINT_H

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <nbdsrv-filter.h>

#define FINGERPRINT_END 512u

struct fingerprint {
  char *name; /* malloc'ed */
  uint64_t size;
  uint8_t ends[2][FINGERPRINT_END];
};

/* 0 or an errno value; free fingerprint->name either way.  info: of what lies below. */
static inline int
fingerprint_take(struct fingerprint *f, struct nbdsrv_next *next,
                 const struct nbdsrv_info *info)
{
  uint64_t size = info->export_size;
  uint64_t len = size < FINGERPRINT_END ? size : FINGERPRINT_END;
  int error;

  *f = (struct fingerprint){.size = size};
  f->name = strdup(info->canonical_name ? info->canonical_name : "");
  if (!f->name)
    return ENOMEM;
  error = nbdsrv_next_read(next, f->ends[0], len, 0, 0);
  return error ? error : nbdsrv_next_read(next, f->ends[1], len, size - len, 0);
}

static inline bool
fingerprint_same(const struct fingerprint *a, const struct fingerprint *b)
{
  return a->size == b->size && strcmp(a->name, b->name) == 0 &&
         memcmp(a->ends, b->ends, sizeof a->ends) == 0;
}

#endif
