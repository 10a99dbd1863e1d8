/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory that is freed all at once.
 * Gets requests of a few bytes mostly, and cuts them from blocks.
 */
#include "pool.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>

#define BLOCK ((size_t)16 * 1024)

struct pool_block {
  struct pool_block *next;
  void *adopted;
  size_t used, room; /* of bytes */
  alignas(max_align_t) unsigned char bytes[];
};

static struct pool_block *
new_block(struct pool *pool, size_t room)
{
  struct pool_block *block = calloc(1, sizeof *block + room);

  if (!block)
    return NULL;
  block->room = room;
  block->next = pool->blocks;
  pool->blocks = block;
  return block;
}

void *
pool_get(struct pool *pool, size_t size)
{
  struct pool_block *block = pool->blocks;
  void *memory;

  if (size > SIZE_MAX / 2)
    return NULL;
  size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
  if (!block || block->room - block->used < size)
    block = new_block(pool, size > BLOCK ? size : BLOCK);
  if (!block)
    return NULL;
  memory = block->bytes + block->used;
  block->used += size;
  return memory;
}

void *
pool_adopt(struct pool *pool, void *memory)
{
  struct pool_block *block = memory ? new_block(pool, BLOCK) : NULL;

  if (!block) {
    free(memory);
    return NULL;
  }
  block->adopted = memory;
  return memory;
}

void
pool_free(struct pool *pool)
{
  while (pool->blocks) {
    struct pool_block *block = pool->blocks;
    pool->blocks = block->next;
    free(block->adopted);
    free(block);
  }
}
