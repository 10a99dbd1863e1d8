/* SPDX-License-Identifier: BSD-3-Clause */
/* The state of each block, as a tree.  A slot stands for a range of blocks: it holds
 * the one state of them all, or leads to finer slots, in the end to a leaf of two
 * bits a block.  Gets calls under its owner's lock.
 */
#include "statemap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LEAF_BITS 14u /* blocks of a leaf */
#define NODE_BITS 9u  /* slots of a node */
#define LEVELS    5u  /* of nodes above the leaves */

#define LEAF_BLOCKS ((uint64_t)1 << LEAF_BITS)
#define NODE_SLOTS  (1u << NODE_BITS)

/* A pointer, or a state shifted left with the lowest bit set. */
typedef uintptr_t slot;

struct node {
  slot slots[NODE_SLOTS];
};

struct leaf {
  uint8_t states[LEAF_BLOCKS / 4];
};

struct statemap {
  slot root;
};

static slot
uniform(unsigned state)
{
  return (slot)state << 1 | 1;
}

static int
is_uniform(slot s)
{
  return s & 1;
}

/* How many blocks a slot stands for; level 0 leads to a leaf. */
static uint64_t
span(unsigned level)
{
  return LEAF_BLOCKS << NODE_BITS * level;
}

struct statemap *
statemap_new(void)
{
  struct statemap *map = malloc(sizeof *map);

  if (map)
    map->root = uniform(0);
  return map;
}

static void
release(slot s, unsigned level)
{
  if (is_uniform(s))
    return;
  for (unsigned i = 0; level > 0 && i < NODE_SLOTS; i++)
    release(((struct node *)s)->slots[i], level - 1);
  free((void *)s);
}

void
statemap_free(struct statemap *map)
{
  if (map)
    release(map->root, LEVELS);
  free(map);
}

/* ---------------------------------------------------------------------- leaves */

static unsigned
leaf_get(const struct leaf *leaf, uint64_t i)
{
  return leaf->states[i / 4] >> i % 4 * 2 & 3;
}

static void
leaf_set(struct leaf *leaf, uint64_t first, uint64_t count, unsigned state)
{
  for (uint64_t i = first; i < first + count; i++) {
    unsigned shift = (unsigned)(i % 4) * 2;
    leaf->states[i / 4] =
        (uint8_t)((leaf->states[i / 4] & ~(3u << shift)) | state << shift);
  }
}

static uint64_t
leaf_run(const struct leaf *leaf, uint64_t first, uint64_t most, unsigned *state)
{
  uint64_t i = first + 1, end = first + most < LEAF_BLOCKS ? first + most : LEAF_BLOCKS;

  *state = leaf_get(leaf, first);
  while (i < end) {
    if (i % 4 == 0 && end - i >= 4 && leaf->states[i / 4] == *state * 0x55)
      i += 4;
    else if (leaf_get(leaf, i) == *state)
      i++;
    else
      break;
  }
  return i - first;
}

/* ------------------------------------------------------------------------ tree */

uint64_t
statemap_run(const struct statemap *map, uint64_t block, uint64_t most, unsigned *state)
{
  slot s = map->root;
  unsigned level = LEVELS;
  uint64_t rest;

  while (!is_uniform(s) && level > 0) {
    level--;
    s = ((const struct node *)s)->slots[block / span(level) % NODE_SLOTS];
  }
  if (!is_uniform(s))
    return leaf_run((const struct leaf *)s, block % LEAF_BLOCKS, most, state);
  *state = (unsigned)(s >> 1);
  rest = span(level) - block % span(level);
  return rest < most ? rest : most;
}

/* Makes a uniform slot lead to finer ones of the same state. */
static int
split(slot *s, unsigned level)
{
  unsigned state = (unsigned)(*s >> 1);

  if (level == 0) {
    struct leaf *leaf = malloc(sizeof *leaf);
    if (!leaf)
      return ENOMEM;
    memset(leaf->states, (int)(state * 0x55), sizeof leaf->states);
    *s = (slot)leaf;
  } else {
    struct node *node = malloc(sizeof *node);
    if (!node)
      return ENOMEM;
    for (unsigned i = 0; i < NODE_SLOTS; i++)
      node->slots[i] = *s;
    *s = (slot)node;
  }
  return 0;
}

/* first: relative to the slot's own range. */
static int
set(slot *s, unsigned level, uint64_t first, uint64_t count, unsigned state)
{
  int error = 0;

  if (*s == uniform(state))
    return 0;
  if (count == span(level)) {
    release(*s, level);
    *s = uniform(state);
    return 0;
  }
  if (is_uniform(*s))
    error = split(s, level);
  if (error)
    return error;
  if (level == 0) {
    leaf_set((struct leaf *)*s, first, count, state);
    return 0;
  }
  while (count > 0 && !error) {
    uint64_t each = span(level - 1), inside = first % each;
    uint64_t n = count < each - inside ? count : each - inside;

    error = set(&((struct node *)*s)->slots[first / each], level - 1, inside, n, state);
    first += n;
    count -= n;
  }
  return error;
}

int
statemap_set(struct statemap *map, uint64_t block, uint64_t count, unsigned state)
{
  return count ? set(&map->root, LEVELS, block, count, state) : 0;
}
