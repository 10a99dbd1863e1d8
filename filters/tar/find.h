/* SPDX-License-Identifier: BSD-3-Clause */
/* Finds an entry of a tar file. */
#ifndef NBDSRV_TAR_FIND_H
#define NBDSRV_TAR_FIND_H

#include <stdbool.h>
#include <stdint.h>

#include "header.h"

/* The tar file, read through a call. */
struct tar_source {
  int (*read)(void *opaque, void *buf, uint64_t len, uint64_t off);
  void *opaque;
  uint64_t size;
  uint64_t limit; /* headers are looked for up to here; 0: to the end */
};

struct tar_place {
  uint64_t offset, length;
  uint8_t header[TAR_BLOCK]; /* the block before it */
};

/* The first entry of that name.  0; ENOENT: there is none; or another errno value; with
 * nbdsrv_error (). */
int tar_find(const struct tar_source *source, const char *name,
             struct tar_place *place);

/* Whether it still is where it was found once. */
bool tar_is_there(const struct tar_source *source, const struct tar_place *place);

#endif
