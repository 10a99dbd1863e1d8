/* SPDX-License-Identifier: BSD-3-Clause */
/* The tree of a sparse array: three levels of nodes, chunks below them.
 * Gets offsets; finds or makes their chunks.  Nodes and chunks are added by a single
 * compare and exchange and stay until the end, so that nobody who looks needs a lock.
 */
#include <errno.h>
#include <stdlib.h>

#include "tree.h"

#define NODE_BITS 14 /* three levels of them cover 2^63 bytes */
#define NODE_SIZE ((size_t)1 << NODE_BITS)
#define TOP_LEVEL 2u

struct node {
  _Atomic(void *) slots[NODE_SIZE]; /* nodes, or chunks in level 0 */
};

int
tree_init(struct tree *tree)
{
  tree->root = calloc(1, sizeof *tree->root);
  if (!tree->root)
    return ENOMEM;
  arenas_init(&tree->arenas);
  return 0;
}

static void
free_node(struct node *node, unsigned level)
{
  for (size_t i = 0; i < NODE_SIZE; i++) {
    void *p = atomic_load_explicit(&node->slots[i], memory_order_relaxed);
    if (p && level > 0)
      free_node(p, level - 1);
    else
      free(p);
  }
  free(node);
}

void
tree_destroy(struct tree *tree)
{
  free_node(tree->root, TOP_LEVEL);
  arenas_destroy(&tree->arenas);
}

static _Atomic(void *) *
slot_of(struct node *node, uint64_t off, unsigned level)
{
  return &node->slots[(off >> (CHUNK_BITS + level * NODE_BITS)) & (NODE_SIZE - 1)];
}

struct chunk *
tree_find(const struct tree *tree, uint64_t off, uint64_t *span)
{
  struct node *node = tree->root;

  for (unsigned level = TOP_LEVEL;; level--) {
    void *p = atomic_load_explicit(slot_of(node, off, level), memory_order_acquire);
    if (!p) {
      uint64_t reach = CHUNK << (level * NODE_BITS);
      if (span)
        *span = reach - (off & (reach - 1));
      return NULL;
    }
    if (level == 0)
      return p;
    node = p;
  }
}

static struct chunk *
new_chunk(struct tree *tree)
{
  struct chunk *chunk = calloc(1, sizeof *chunk);

  if (!chunk)
    return NULL;
  chunk->data = arenas_take(&tree->arenas);
  if (!chunk->data) {
    free(chunk);
    return NULL;
  }
  pthread_mutex_init(&chunk->lock, NULL);
  return chunk;
}

struct chunk *
tree_make(struct tree *tree, uint64_t off)
{
  struct node *node = tree->root;

  for (unsigned level = TOP_LEVEL;; level--) {
    _Atomic(void *) *slot = slot_of(node, off, level);
    void *p = atomic_load_explicit(slot, memory_order_acquire);

    if (!p) {
      void *fresh = level > 0 ? calloc(1, sizeof *node) : (void *)new_chunk(tree);
      if (!fresh)
        return NULL;
      /* Whoever comes second uses what the first one made.  The address space of a
       * chunk that came second is lost, which costs nothing. */
      if (atomic_compare_exchange_strong(slot, &p, fresh))
        p = fresh;
      else
        free(fresh);
    }
    if (level == 0)
      return p;
    node = p;
  }
}
