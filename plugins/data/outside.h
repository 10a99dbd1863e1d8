/* SPDX-License-Identifier: BSD-3-Clause */
/* What data expressions take from outside: files, and what programs print. */
#ifndef NBDSRV_DATA_OUTSIDE_H
#define NBDSRV_DATA_OUTSIDE_H

#include "expr.h"

/* All of these return 0 or an errno value that has been reported, but for ENOMEM. */

/* A file's content, or, of what has no length of its own, a stream. */
int outside_file(struct pool *pool, const char *path, struct expr **e);

/* What a shell script prints: a stream. */
int outside_script(struct pool *pool, const char *script, struct expr **e);

/* Reads a stream until there are upto bytes, UINT64_MAX: all.  At its end it becomes
 * plain bytes.  Anything else is left alone. */
int outside_read(struct pool *pool, struct expr *e, uint64_t upto);

#endif
