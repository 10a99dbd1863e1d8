/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory that is freed all at once: what a data expression is made of. */
#ifndef NBDSRV_DATA_POOL_H
#define NBDSRV_DATA_POOL_H

#include <stddef.h>

struct pool {
  struct pool_block *blocks; /* the newest first */
};

/* Zeroed, aligned for anything; NULL: ENOMEM. */
void *pool_get(struct pool *pool, size_t size);

/* Frees what malloc () gave when the pool goes.  NULL, and freed now: ENOMEM. */
void *pool_adopt(struct pool *pool, void *memory);

void pool_free(struct pool *pool);

#endif
