/* SPDX-License-Identifier: BSD-3-Clause */
/* Decompressed blocks: no more than a number of them at any time, for all files. */
#ifndef NBDSRV_XZ_CACHE_H
#define NBDSRV_XZ_CACHE_H

#include <lzma.h>
#include <pthread.h>

#include <nbdsrv-filter.h>

struct cache {
  unsigned most;        /* blocks */
  pthread_mutex_t lock; /* guards what follows */
  pthread_cond_t changed;
  struct cached *first; /* the last one used */
  unsigned count;
};

void cache_init(struct cache *cache, unsigned most);
void cache_destroy(struct cache *cache);

/* Copies len bytes, from skip on, of the block that iter stands at, unless buf is NULL;
 * key says of which file.  0 or an errno value. */
int cache_read(struct cache *cache, const void *key, struct nbdsrv_next *next,
               const lzma_index_iter *iter, void *buf, uint64_t len, uint64_t skip);

/* Forgets a file, of which no block is being read. */
void cache_forget(struct cache *cache, const void *key);

#endif
