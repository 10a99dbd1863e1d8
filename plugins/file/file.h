/* SPDX-License-Identifier: BSD-3-Clause */
/* The file plugin: its parameters, what a connection has open, and the calls on it. */
#ifndef NBDSRV_FILE_H
#define NBDSRV_FILE_H

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <sys/types.h>

#include <nbdsrv-plugin.h>

_Static_assert(sizeof(off_t) == 8, "disks are larger than 2 GiB");

/* Values of the instance's members, in the order of the words in file.c. */
enum file_fadvise { FILE_NORMAL, FILE_RANDOM, FILE_SEQUENTIAL };
enum file_cache { FILE_CACHE_DEFAULT, FILE_CACHE_NONE };

/* The instance. */
struct file {
  const char *file, *dir;
  int fd;    /* fd=, or -1 */
  int dirfd; /* dirfd=, or dir= opened; or -1 */
  int fadvise, cache;
  struct rings *rings;
};

/* Learnt by trying; only ever goes from true to false. */
struct file_abilities {
  atomic_bool nowait_read, nowait_write; /* RWF_NOWAIT works on this descriptor */
  atomic_bool cachestat; /* the kernel tells what is in the page cache */
  atomic_bool punch, zero_range, allocate, discard, zero_out;
};

/* cache=none: ranges that were written and are not out of the page cache yet. */
struct window {
  uint64_t start, end;
  uint64_t bytes; /* written since it was opened */
};

struct evict {
  pthread_mutex_t lock; /* guards both */
  struct window filling, leaving;
};

/* The handle of a connection. */
struct open_file {
  int fd;
  uint32_t connection; /* its number */
  char *name;          /* of the export, where each file is one; else NULL */
  uint64_t size;       /* as described; the file's own may be another by now */
  bool is_block;
  bool can_write;
  bool memory_backed;  /* tmpfs: nothing to wait for */
  bool sparse;         /* it had holes when it was opened */
  uint32_t sector;     /* logical block size of a block device, else 1 */
  struct evict *evict; /* NULL unless cache=none */
  struct rings *rings; /* the instance's */
  struct file_abilities can;
};

static inline bool
file_may(atomic_bool *ability)
{
  return atomic_load_explicit(ability, memory_order_relaxed);
}

static inline void
file_cannot(atomic_bool *ability)
{
  atomic_store_explicit(ability, false, memory_order_relaxed);
}

static inline bool
file_unsupported(int error)
{
  return error == EOPNOTSUPP || error == ENOTTY || error == ENOSYS;
}

/* open.c */
int file_list(void *inst, struct nbdsrv_exports *exports);
int file_open(void *inst, const struct nbdsrv_client *client, void **handle);
void file_close(void *handle);
int file_describe(void *handle, struct nbdsrv_info *info);

/* ring.c */
struct rings *rings_new(void); /* NULL: there are none */
void rings_free(struct rings *rings);
int file_submit(void *handle, struct nbdsrv_request *request);
void file_kick(void *handle);

/* lend.c */
int file_lend(void *handle, uint64_t len, uint64_t off, struct nbdsrv_loan *loan);

/* data.c */
int file_read(void *handle, void *buf, uint64_t len, uint64_t off, uint32_t flags);
int file_write(void *handle, const void *buf, uint64_t len, uint64_t off,
               uint32_t flags);
int file_flush(void *handle, uint32_t flags);
int file_cache(void *handle, uint64_t len, uint64_t off, uint32_t flags);
int file_extents(void *handle, uint64_t len, uint64_t off, uint32_t flags,
                 struct nbdsrv_extents *extents);
/* Of a file of which length bytes are in what is described, from base on.  ERANGE: no
 * more is wanted. */
int file_extents_of_part(void *handle, uint64_t len, uint64_t off, uint32_t flags,
                         struct nbdsrv_extents *extents, uint64_t length,
                         uint64_t base);
/* rw_flags: of pwritev2. */
int file_write_all(const struct open_file *h, const uint8_t *p, size_t len,
                   uint64_t off, int rw_flags);

/* holes.c */
int file_trim(void *handle, uint64_t len, uint64_t off, uint32_t flags);
int file_zero(void *handle, uint64_t len, uint64_t off, uint32_t flags);

/* evict.c */
struct evict *evict_new(void); /* NULL: ENOMEM */
void evict_free(struct evict *evict);
void evict_read(const struct open_file *h, uint64_t len, uint64_t off);
int evict_written(const struct open_file *h, uint64_t len, uint64_t off);
int evict_all(const struct open_file *h);

#endif
