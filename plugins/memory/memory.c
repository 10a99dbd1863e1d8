/* SPDX-License-Identifier: BSD-3-Clause */
/* The memory plugin: a disk in memory, for as long as the server runs.
 * Gets parameters and requests; keeps the bytes in store.c.
 */
#include <errno.h>
#include <string.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include <nbdsrv-plugin.h>

#include "store.h"

struct memory {
  uint64_t size;
  const char *allocator;
  struct store *store; /* shared by all connections */
};

static const struct nbdsrv_param params[] = {
    {"size", NBDSRV_SIZE, NBDSRV_MAGIC | NBDSRV_REQUIRED, offsetof(struct memory, size),
     NULL, "size of the disk, from bytes to exabytes", NULL, NULL},
    {"allocator", NBDSRV_STRING, 0, offsetof(struct memory, allocator), "sparse",
     "how memory is got: sparse, or malloc[,mlock=true]", NULL, "NAME"},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

/* nbdkit's names.  malloc means there that all memory is there from the start, with
 * mlock that it stays in core. */
static int
prepare_allocator(struct memory *m)
{
  bool lock;

  if (strcmp(m->allocator, "sparse") == 0)
    return 0;
  lock = strcmp(m->allocator, "malloc,mlock=true") == 0 ||
         strcmp(m->allocator, "malloc,mlock=1") == 0;
  if (!lock && strcmp(m->allocator, "malloc") != 0 &&
      strcmp(m->allocator, "malloc,mlock=false") != 0) {
    nbdsrv_error("allocator: '%s' is not one of sparse, malloc, malloc,mlock=true",
                 m->allocator);
    return EINVAL;
  }
  if (lock && mlockall(MCL_FUTURE) == -1) {
    nbdsrv_error("allocator=%s: memory cannot be locked: %s", m->allocator,
                 strerror(errno));
    return errno;
  }
  return 0;
}

static int
memory_ready(void *inst)
{
  struct memory *m = inst;
  int error = prepare_allocator(m);

  if (error)
    return error;
  m->store = store_new();
  return m->store ? 0 : ENOMEM;
}

static void
memory_stop(void *inst)
{
  struct memory *m = inst;

  store_free(m->store);
}

static int
memory_describe(void *handle, struct nbdsrv_info *info)
{
  const struct memory *m = handle;

  info->export_size = m->size;
  info->can |= NBDSRV_CAN_FUA | NBDSRV_CAN_FAST_ZERO | NBDSRV_CAN_MULTI_CONN;
  info->inline_ops = NBDSRV_OP_ALL;
  return 0;
}

static int
memory_read(void *handle, void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  const struct memory *m = handle;

  (void)flags;
  store_read(m->store, buf, len, off);
  return 0;
}

static int
memory_lend(void *handle, uint64_t len, uint64_t off, struct nbdsrv_loan *loan)
{
  const struct memory *m = handle;

  loan->count = store_lend(m->store, len, off, loan->iov, NBDSRV_LOAN_MAX);
  return loan->count > 0 ? 0 : EAGAIN;
}

static int
memory_write(void *handle, const void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  const struct memory *m = handle;

  (void)flags;
  return store_write(m->store, buf, len, off);
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
  const struct memory *m = handle;

  (void)flags;
  store_trim(m->store, len, off);
  return 0;
}

/* Beyond this a disk that is to be allocated would not fit into any machine. */
#define MOST_ALLOCATED ((uint64_t)1 << 38)

static int
memory_zero(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  const struct memory *m = handle;

  if (!(flags & NBDSRV_FLAG_NO_HOLE)) {
    store_trim(m->store, len, off);
    return 0;
  }
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
