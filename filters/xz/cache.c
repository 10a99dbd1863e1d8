/* SPDX-License-Identifier: BSD-3-Clause */
/* Decompressed blocks, the least recently used of which make room for others.
 * Gets reads within a block from xz.c; has file.c decompress it, once for all that want
 * it at the same time.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "cache.h"
#include "file.h"

struct cached {
  struct cached *next;
  const void *key;
  uint64_t offset; /* of the block in the unpacked file */
  unsigned users;
  bool loaded;
  uint8_t *data; /* mmap'ed, so that it goes at once when it is given back */
  size_t size;
};

void
cache_init(struct cache *c, unsigned most)
{
  c->most = most;
  pthread_mutex_init(&c->lock, NULL);
  pthread_cond_init(&c->changed, NULL);
}

/* With the lock held. */
static void
drop(struct cache *c, struct cached **where)
{
  struct cached *block = *where;

  *where = block->next;
  c->count--;
  munmap(block->data, block->size);
  free(block);
}

void
cache_destroy(struct cache *c)
{
  while (c->first)
    drop(c, &c->first);
  pthread_cond_destroy(&c->changed);
  pthread_mutex_destroy(&c->lock);
}

void
cache_forget(struct cache *c, const void *key)
{
  pthread_mutex_lock(&c->lock);
  for (struct cached **p = &c->first; *p;)
    if ((*p)->key == key)
      drop(c, p);
    else
      p = &(*p)->next;
  pthread_cond_broadcast(&c->changed);
  pthread_mutex_unlock(&c->lock);
}

/* With the lock held: the block, moved to the front, or NULL. */
static struct cached *
find(struct cache *c, const void *key, uint64_t offset)
{
  for (struct cached **p = &c->first; *p; p = &(*p)->next) {
    struct cached *block = *p;
    if (block->key == key && block->offset == offset) {
      *p = block->next;
      block->next = c->first;
      c->first = block;
      return block;
    }
  }
  return NULL;
}

/* With the lock held.  False: all are in use. */
static bool
make_room(struct cache *c)
{
  struct cached **unused = NULL;

  if (c->count < c->most)
    return true;
  for (struct cached **p = &c->first; *p; p = &(*p)->next)
    if ((*p)->users == 0)
      unused = p;
  if (unused)
    drop(c, unused);
  return unused != NULL;
}

/* With the lock held: a block without content, in use by the caller. */
static struct cached *
add(struct cache *c, const void *key, const lzma_index_iter *iter)
{
  struct cached *block = calloc(1, sizeof *block);

  if (!block)
    return NULL;
  block->size = (size_t)iter->block.uncompressed_size;
  block->data = mmap(NULL, block->size, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (block->data == MAP_FAILED) {
    free(block);
    return NULL;
  }
  block->key = key;
  block->offset = iter->block.uncompressed_file_offset;
  block->users = 1;
  block->next = c->first;
  c->first = block;
  c->count++;
  return block;
}

/* With the lock held: leaves it for a while to load a block that was just added. */
static int
load(struct cache *c, struct nbdsrv_next *next, const lzma_index_iter *iter,
     struct cached *block)
{
  int error;

  pthread_mutex_unlock(&c->lock);
  error = xz_load_block(next, iter, block->data);
  pthread_mutex_lock(&c->lock);
  block->loaded = !error;
  if (error) {
    find(c, block->key, block->offset);
    drop(c, &c->first);
    pthread_cond_broadcast(&c->changed);
  }
  return error;
}

/* With the lock held.  In use by the caller then. */
static int
get(struct cache *c, const void *key, struct nbdsrv_next *next,
    const lzma_index_iter *iter, struct cached **result)
{
  for (;;) {
    struct cached *block = find(c, key, iter->block.uncompressed_file_offset);

    *result = block;
    if (block && block->loaded) {
      block->users++;
      return 0;
    }
    if (!block && make_room(c)) {
      *result = add(c, key, iter);
      return *result ? load(c, next, iter, *result) : ENOMEM;
    }
    pthread_cond_wait(&c->changed, &c->lock);
  }
}

int
cache_read(struct cache *c, const void *key, struct nbdsrv_next *next,
           const lzma_index_iter *iter, void *buf, uint64_t len, uint64_t skip)
{
  struct cached *block;
  int error;

  pthread_mutex_lock(&c->lock);
  error = get(c, key, next, iter, &block);
  if (!error) {
    pthread_cond_broadcast(&c->changed); /* it may be new */
    pthread_mutex_unlock(&c->lock);
    if (buf)
      memcpy(buf, block->data + skip, len);
    pthread_mutex_lock(&c->lock);
    if (--block->users == 0)
      pthread_cond_broadcast(&c->changed);
  }
  pthread_mutex_unlock(&c->lock);
  return error;
}
