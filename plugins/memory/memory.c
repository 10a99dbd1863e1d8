/* SPDX-License-Identifier: BSD-3-Clause */
/* The memory plugin: a disk in memory, for as long as the server runs.
 * Gets parameters and requests; keeps the bytes in store.c, or in flat.c where memory
 * is to be there from the start.
 */
#include <errno.h>
#include <string.h>
#include <stdio.h>

#include <nbdsrv-plugin.h>

#include "bytes.h"
#include "flat.h"
#include "store.h"

struct memory {
  uint64_t size;
  const char *allocator;
  /* Shared by all connections; one of the two is in use. */
  struct store *store;
  struct flat flat;
};

static const struct nbdsrv_param params[] = {
    {"size", NBDSRV_SIZE, NBDSRV_MAGIC | NBDSRV_REQUIRED, offsetof(struct memory, size),
     NULL, "size of the disk, from bytes to exabytes", NULL, NULL},
    {"allocator", NBDSRV_STRING, 0, offsetof(struct memory, allocator), "sparse",
     "how memory is got: sparse, or malloc[,mlock=true]", NULL, "NAME"},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

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

static int
memory_ready(void *inst)
{
  struct memory *m = inst;
  enum allocator allocator = allocator_named(m->allocator);

  if (allocator == OTHER) {
    nbdsrv_error("allocator: '%s' is not one of sparse, malloc, malloc,mlock=true",
                 m->allocator);
    return EINVAL;
  }
  if (allocator != SPARSE)
    return flat_init(&m->flat, m->size, allocator == MALLOC_LOCKED);
  m->store = store_new();
  return m->store ? 0 : ENOMEM;
}

static void
memory_stop(void *inst)
{
  struct memory *m = inst;

  store_free(m->store);
  flat_destroy(&m->flat);
}

static int
memory_describe(void *handle, struct nbdsrv_info *info)
{
  const struct memory *m = handle;

  info->export_size = m->size;
  info->can |= NBDSRV_CAN_FUA | NBDSRV_CAN_FAST_ZERO | NBDSRV_CAN_MULTI_CONN;
  if (!m->store)
    info->can &= ~NBDSRV_CAN_EXTENTS; /* all of it is allocated */
  info->inline_ops = NBDSRV_OP_ALL;
  return 0;
}

static int
memory_read(void *handle, void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  const struct memory *m = handle;

  (void)flags;
  if (m->store)
    store_read(m->store, buf, len, off);
  else
    bytes_copy(buf, m->flat.base + off, len);
  return 0;
}

static int
memory_lend(void *handle, uint64_t len, uint64_t off, struct nbdsrv_loan *loan)
{
  const struct memory *m = handle;

  if (m->store)
    loan->count = store_lend(m->store, len, off, loan->iov, NBDSRV_LOAN_MAX);
  else {
    loan->count = 1;
    loan->iov[0] = (struct iovec){m->flat.base + off, len};
  }
  return loan->count > 0 ? 0 : EAGAIN;
}

static int
memory_write(void *handle, const void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  const struct memory *m = handle;

  (void)flags;
  if (m->store)
    return store_write(m->store, buf, len, off);
  bytes_copy(m->flat.base + off, buf, len);
  return 0;
}

/* There is nothing more stable to flush to; and all is cached already. */
static int
memory_flush(void *handle, uint32_t flags)
{
  (void)handle;
  (void)flags;
  return 0;
}

static int
memory_cache(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  (void)handle;
  (void)len;
  (void)off;
  (void)flags;
  return 0;
}

static int
memory_trim(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  struct memory *m = handle;

  (void)flags;
  if (m->store)
    store_trim(m->store, len, off);
  else
    flat_clear(&m->flat, len, off);
  return 0;
}

/* Beyond this a disk that is to be allocated would not fit into any machine. */
#define MOST_ALLOCATED ((uint64_t)1 << 38)

static int
memory_zero(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  const struct memory *m = handle;

  if (!m->store || !(flags & NBDSRV_FLAG_NO_HOLE))
    return memory_trim(handle, len, off, flags);
  return len > MOST_ALLOCATED ? ENOMEM : store_allocate_zeroes(m->store, len, off);
}

static int
memory_extents(void *handle, uint64_t len, uint64_t off, uint32_t flags,
               struct nbdsrv_extents *extents)
{
  const struct memory *m = handle;

  (void)flags;
  return store_extents(m->store, len, off, extents);
}

static void
memory_dump(void)
{
  puts("mlock=yes");
}

static struct nbdsrv_plugin plugin = {
    .name = "memory",
    .summary = "a disk in memory, sparse, gone when the server ends",
    .params = params,
    .instance_size = sizeof(struct memory),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .ready = memory_ready,
    .stop = memory_stop,
    .describe = memory_describe,
    .read = memory_read,
    .write = memory_write,
    .flush = memory_flush,
    .trim = memory_trim,
    .zero = memory_zero,
    .cache = memory_cache,
    .extents = memory_extents,
    .lend = memory_lend,
    .dump = memory_dump,
};

NBDSRV_PLUGIN(plugin)
