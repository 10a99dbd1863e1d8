/* SPDX-License-Identifier: BSD-3-Clause */
/* Where the bytes of an expression go: a disk, or a piece of memory that is going to be
 * repeated on one. */
#ifndef NBDSRV_DATA_TARGET_H
#define NBDSRV_DATA_TARGET_H

#include "../memory/disk.h"

struct target {
  uint8_t *memory; /* NULL: disk */
  struct disk *disk;
  uint64_t left; /* memory that the disk may still take */
  uint64_t page; /* that was written last, counted from 1 */
};

/* Both overwrite what was there.  0 or ENOMEM, or EFBIG, which has been reported. */
int target_put(struct target *t, const uint8_t *bytes, uint64_t len, uint64_t at);
int target_clear(struct target *t, uint64_t len, uint64_t at);

/* Whether len more bytes fit: EFBIG, if not. */
int target_check(const struct target *t, uint64_t len);

#endif
