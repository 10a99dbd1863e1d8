/* SPDX-License-Identifier: BSD-3-Clause */
/* Blocks by the name of the disk.
 * Gets descriptions of exports from cow and cache; hands them their blocks.
 */
#include "disks.h"

#include <errno.h>
#include <string.h>

int
disks_init(struct disks *disks, unsigned shift)
{
  disks->shift = shift;
  pthread_mutex_init(&disks->lock, NULL);
  return blocks_new("", shift, &disks->list);
}

void
disks_destroy(struct disks *disks)
{
  blocks_free(disks->list);
  pthread_mutex_destroy(&disks->lock);
}

int
disks_find(struct disks *disks, const struct nbdsrv_info *info, struct blocks **result)
{
  const char *name = info->canonical_name ? info->canonical_name : "";
  struct blocks **link;
  int error = 0;

  pthread_mutex_lock(&disks->lock);
  link = &disks->list;
  while (*link && strcmp((*link)->name, name) != 0)
    link = &(*link)->next;
  if (!*link)
    error = blocks_new(name, disks->shift, link);
  *result = *link;
  pthread_mutex_unlock(&disks->lock);
  return error;
}
