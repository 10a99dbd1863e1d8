/* SPDX-License-Identifier: BSD-3-Clause */
/* The disk in memory that the memory and data plugins serve.
 * Gets its size and how memory is to be got; keeps the bytes in store.c, or in flat.c
 * where memory is to be there from the start.
 */
#include "disk.h"

#include <errno.h>
#include <string.h>

#include "bytes.h"

/* nbdkit's words; it also has zstd, which compresses. */
enum allocator { SPARSE, MALLOC, MALLOC_LOCKED, OTHER };

static enum allocator
allocator_named(const char *name)
{
  static const struct {
    const char *name;
    enum allocator allocator;
  } names[] = {
      {"sparse", SPARSE},
      {"malloc", MALLOC},
      {"malloc,mlock=true", MALLOC_LOCKED},
      {"malloc,mlock=1", MALLOC_LOCKED},
      {"malloc,mlock=false", MALLOC},
      {"malloc,mlock=0", MALLOC},
  };

  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (strcmp(name, names[i].name) == 0)
      return names[i].allocator;
  return OTHER;
}

int
disk_init(struct disk *disk, uint64_t size, const char *how)
{
  enum allocator allocator = allocator_named(how);

  *disk = (struct disk){.size = size};
  if (allocator == OTHER) {
    nbdsrv_error("allocator: '%s' is not one of sparse, malloc, malloc,mlock=true",
                 how);
    return EINVAL;
  }
  if (allocator != SPARSE)
    return flat_init(&disk->flat, size, allocator == MALLOC_LOCKED);
  disk->store = store_new();
  return disk->store ? 0 : ENOMEM;
}

void
disk_destroy(struct disk *disk)
{
  store_free(disk->store);
  flat_destroy(&disk->flat);
}

int
disk_describe(void *handle, struct nbdsrv_info *info)
{
  const struct disk *disk = handle;

  info->export_size = disk->size;
  info->can |= NBDSRV_CAN_FUA | NBDSRV_CAN_FAST_ZERO | NBDSRV_CAN_MULTI_CONN;
  if (!disk->store)
    info->can &= ~NBDSRV_CAN_EXTENTS; /* all of it is allocated */
  info->inline_ops = NBDSRV_OP_ALL;
  return 0;
}

int
disk_read(void *handle, void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  const struct disk *disk = handle;

  (void)flags;
  if (disk->store)
    store_read(disk->store, buf, len, off);
  else
    bytes_copy(buf, disk->flat.base + off, len);
  return 0;
}

int
disk_lend(void *handle, uint64_t len, uint64_t off, struct nbdsrv_loan *loan)
{
  const struct disk *disk = handle;

  if (disk->store)
    loan->count = store_lend(disk->store, len, off, loan->iov, NBDSRV_LOAN_MAX);
  else {
    loan->count = 1;
    loan->iov[0] = (struct iovec){disk->flat.base + off, len};
  }
  return loan->count > 0 ? 0 : EAGAIN;
}

int
disk_write(void *handle, const void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  const struct disk *disk = handle;

  (void)flags;
  if (disk->store)
    return store_write(disk->store, buf, len, off);
  bytes_copy(disk->flat.base + off, buf, len);
  return 0;
}

int
disk_trim(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  struct disk *disk = handle;

  (void)flags;
  if (disk->store)
    store_trim(disk->store, len, off);
  else
    flat_clear(&disk->flat, len, off);
  return 0;
}

/* Beyond this a disk that is to be allocated would not fit into any machine. */
#define MOST_ALLOCATED ((uint64_t)1 << 38)

int
disk_zero(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  const struct disk *disk = handle;

  if (!disk->store || !(flags & NBDSRV_FLAG_NO_HOLE))
    return disk_trim(handle, len, off, flags);
  return len > MOST_ALLOCATED ? ENOMEM : store_allocate_zeroes(disk->store, len, off);
}

int
disk_extents(void *handle, uint64_t len, uint64_t off, uint32_t flags,
             struct nbdsrv_extents *extents)
{
  const struct disk *disk = handle;

  (void)flags;
  return store_extents(disk->store, len, off, extents);
}
