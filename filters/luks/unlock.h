/* SPDX-License-Identifier: BSD-3-Clause */
/* From a passphrase to the key that a disk is encrypted with. */
#ifndef NBDSRV_LUKS_UNLOCK_H
#define NBDSRV_LUKS_UNLOCK_H

#include <nbdsrv-filter.h>

#include "header.h"

/* Tries the slots one after the other, which takes its time on purpose.  0 or an errno
 * value with nbdsrv_error (); EACCES: none fits. */
int luks_unlock(const struct luks_header *header, struct nbdsrv_next *next,
                const char *passphrase, uint8_t key[LUKS_KEY_MAX]);

#endif
