/* SPDX-License-Identifier: BSD-3-Clause */
/* Puts the bytes that an expression stands for on a disk. */
#ifndef NBDSRV_DATA_EMIT_H
#define NBDSRV_DATA_EMIT_H

#include "../memory/disk.h"
#include "expr.h"

/* As far as the disk reaches.  The disk is new; zeroes take no space on it.  0 or an
 * errno value, that has been reported but for ENOMEM. */
int emit(const struct expr *e, struct disk *disk);

#endif
