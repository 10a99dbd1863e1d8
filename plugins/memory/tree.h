/* SPDX-License-Identifier: BSD-3-Clause */
/* The tree that finds the chunk of an offset, without a lock. */
#ifndef NBDSRV_MEMORY_TREE_H
#define NBDSRV_MEMORY_TREE_H

#include "arena.h"
#include "chunk.h"

struct node;

struct tree {
  struct node *root;
  struct arenas arenas; /* memory for chunks */
};

/* store.h's: no more than the tree. */
struct store {
  struct tree tree;
};

int tree_init(struct tree *tree); /* 0 or ENOMEM */
void tree_destroy(struct tree *tree);

/* The chunk that holds off, or NULL; then *span, unless NULL, is how far from off on
 * there is none. */
struct chunk *tree_find(const struct tree *tree, uint64_t off, uint64_t *span);

/* The chunk that holds off, made if need be; NULL: ENOMEM. */
struct chunk *tree_make(struct tree *tree, uint64_t off);

#endif
