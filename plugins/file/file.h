/* SPDX-License-Identifier: BSD-3-Clause */
/* The file plugin: what a connection has open, and the data calls on it. */
#ifndef NBDSRV_FILE_H
#define NBDSRV_FILE_H

#include <stdatomic.h>
#include <stdbool.h>

#include <nbdsrv-plugin.h>

enum file_cache { FILE_CACHE_DEFAULT, FILE_CACHE_NONE };

/* Learnt by trying; only ever goes from true to false. */
struct file_abilities {
  atomic_bool nowait_read, nowait_write; /* RWF_NOWAIT works on this descriptor */
  atomic_bool punch, zero_range, discard, zero_out;
};

struct open_file {
  int fd;
  bool is_block;
  bool can_write;
  bool memory_backed; /* tmpfs: nothing to wait for */
  enum file_cache cache;
  uint32_t sector; /* logical block size of a block device, else 1 */
  struct file_abilities can;
};

int file_read(void *handle, void *buf, uint64_t len, uint64_t off, uint32_t flags);
int file_write(void *handle, const void *buf, uint64_t len, uint64_t off,
               uint32_t flags);
int file_flush(void *handle, uint32_t flags);
int file_trim(void *handle, uint64_t len, uint64_t off, uint32_t flags);
int file_zero(void *handle, uint64_t len, uint64_t off, uint32_t flags);
int file_cache(void *handle, uint64_t len, uint64_t off, uint32_t flags);
int file_extents(void *handle, uint64_t len, uint64_t off, uint32_t flags,
                 struct nbdsrv_extents *extents);

#endif
