/* SPDX-License-Identifier: BSD-3-Clause */
/* The blocks of each disk that a filter serves.  Exports that the plugin gives names
 * of their own (NBD_INFO_NAME) are disks of their own; all others are one.
 */
#ifndef NBDSRV_FILTER_DISKS_H
#define NBDSRV_FILTER_DISKS_H

#include "blocks.h"

struct disks {
  unsigned shift;
  pthread_mutex_t lock; /* guards what follows */
  struct blocks *list;  /* the unnamed one is there from the start */
};

/* 0 or an errno value with nbdsrv_error (). */
int disks_init(struct disks *disks, unsigned shift);
void disks_destroy(struct disks *disks);

/* The blocks of the disk that info describes, made if there are none. */
int disks_find(struct disks *disks, const struct nbdsrv_info *info,
               struct blocks **blocks);

#endif
