/* SPDX-License-Identifier: BSD-3-Clause */
/* Puts expressions one behind the other, or where it is told to. */
#ifndef NBDSRV_DATA_LIST_H
#define NBDSRV_DATA_LIST_H

#include "expr.h"

/* Begins as zeroes but for pool. */
struct list {
  struct pool *pool;
  uint64_t at, size; /* where the next goes; the end of what there is */
  bool scattered;    /* there are gaps, or something may lie over something else */
  struct expr_part *parts;
  size_t count, room;
  uint8_t *literal; /* small pieces behind each other, not in parts yet */
  size_t literal_size, literal_room;
  uint64_t literal_at;
};

/* 0 or as in expr.h. */
int list_append(struct list *list, const struct expr *e);
int list_move(struct list *list, uint64_t to);

/* Whether it was neither appended to nor moved. */
bool list_is_new(const struct list *list);

/* The whole as one expression. */
int list_end(struct list *list, struct expr **e);
void list_free(struct list *list);

#endif
