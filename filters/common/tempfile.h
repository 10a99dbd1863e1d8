/* SPDX-License-Identifier: BSD-3-Clause */
/* A sparse temporary file that is gone with the server, in $TMPDIR or /var/tmp. */
#ifndef NBDSRV_FILTER_TEMPFILE_H
#define NBDSRV_FILTER_TEMPFILE_H

#include <stdint.h>

/* All return 0 or an errno value; open says why with nbdsrv_error (). */
int tempfile_open(int *fd);

/* What was never stored is zero. */
int tempfile_load(int fd, void *buf, uint64_t len, uint64_t off);
int tempfile_store(int fd, const void *buf, uint64_t len, uint64_t off);
int tempfile_zero(int fd, uint64_t len, uint64_t off); /* ESHUTDOWN: nobody waits */

/* Gives space back, where that is possible. */
void tempfile_punch(int fd, uint64_t len, uint64_t off);

#endif
