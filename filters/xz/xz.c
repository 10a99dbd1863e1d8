/* SPDX-License-Identifier: BSD-3-Clause */
/* The xz filter: shows the content of the xz file below, a block at a time.
 * Gets reads; file.c finds and decompresses blocks, cache.c keeps some of them.
 */
#include <errno.h>

#include "../common/pass.h"
#include "../common/shared.h"
#include "cache.h"
#include "file.h"

#define MOST_DEPTH 1000000u

struct xz {
  struct shared_list files; /* first */
  uint64_t max_block;
  uint32_t max_depth;
  struct cache cache;
};

struct file {
  struct shared shared; /* first */
  struct xz *xz;
  lzma_index *index;
};

struct handle {
  struct pass pass; /* first */
  struct file *file;
};

static const struct nbdsrv_param params[] = {
    {"xz-max-block", NBDSRV_SIZE, 0, offsetof(struct xz, max_block), "512M",
     "files with larger blocks are refused", NULL, NULL},
    {"xz-max-depth", NBDSRV_UINT32, 0, offsetof(struct xz, max_depth), "8",
     "blocks kept in memory", NULL, NULL},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

static int
make_file(struct shared_list *list, struct nbdsrv_next *next, struct shared *shared)
{
  struct file *file = (struct file *)shared;
  int error;

  file->xz = (struct xz *)list;
  error = xz_load_index(next, shared->print.size, &file->index);
  if (!error)
    error = xz_check_blocks(file->index, file->xz->max_block);
  if (error)
    lzma_index_end(file->index, NULL);
  return error;
}

static void
drop_file(struct shared *shared)
{
  struct file *file = (struct file *)shared;

  cache_forget(&file->xz->cache, file);
  lzma_index_end(file->index, NULL);
}

static int
xz_ready(void *inst)
{
  struct xz *x = inst;

  if (x->max_depth == 0 || x->max_depth > MOST_DEPTH) {
    nbdsrv_error("xz-max-depth: %u is not from 1 to %u", x->max_depth, MOST_DEPTH);
    return EINVAL;
  }
  if (x->max_block > SIZE_MAX / 2)
    x->max_block = SIZE_MAX / 2;
  x->files.size = sizeof(struct file);
  x->files.make = make_file;
  x->files.clear = drop_file;
  shared_init(&x->files);
  cache_init(&x->cache, x->max_depth);
  return 0;
}

static void
xz_stop(void *inst)
{
  struct xz *x = inst;

  shared_destroy(&x->files);
  cache_destroy(&x->cache);
}

static int
xz_open(void *inst, const struct nbdsrv_client *client, void **handle)
{
  return pass_open_reading(inst, client, sizeof(struct handle), handle);
}

static int
xz_describe(void *handle, struct nbdsrv_info *info)
{
  struct handle *h = handle;
  struct xz *x = h->pass.settings;
  struct shared *shared;
  int error = shared_use(&x->files, h->pass.next, info, &shared);

  if (error)
    return error;
  h->file = (struct file *)shared;
  info->export_size = lzma_index_uncompressed_size(h->file->index);
  info->can &= NBDSRV_CAN_FLUSH | NBDSRV_IS_ROTATIONAL;
  info->can |= NBDSRV_CAN_CACHE | NBDSRV_CAN_MULTI_CONN | NBDSRV_NO_FUA;
  info->block_minimum = info->block_preferred = info->block_maximum = 0;
  info->contexts = NULL;
  return 0;
}

static void
xz_close(void *handle)
{
  struct handle *h = handle;
  struct xz *x = h->pass.settings;

  if (h->file)
    shared_leave(&x->files, &h->file->shared);
  free(h);
}

/* buf NULL: no more than that the blocks are there. */
static int
get(const struct handle *h, void *buf, uint64_t len, uint64_t off)
{
  struct xz *x = h->pass.settings;
  char *to = buf;
  int error = 0;

  while (len > 0 && !error) {
    lzma_index_iter iter;
    uint64_t skip, n;

    lzma_index_iter_init(&iter, h->file->index);
    if (lzma_index_iter_locate(&iter, off))
      return EIO; /* never: off is within the size */
    skip = off - iter.block.uncompressed_file_offset;
    n = iter.block.uncompressed_size - skip;
    if (n > len)
      n = len;
    error = cache_read(&x->cache, h->file, h->pass.next, &iter, to, n, skip);
    if (to)
      to += n;
    off += n;
    len -= n;
  }
  return error;
}

static int
xz_read(void *handle, void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  (void)flags;
  return get(handle, buf, len, off);
}

static int
xz_cache(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  (void)flags;
  return get(handle, NULL, len, off);
}

static struct nbdsrv_plugin filter = {
    .name = "xz",
    .summary = "shows the content of the xz file below",
    .params = params,
    .instance_size = sizeof(struct xz),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .ready = xz_ready,
    .stop = xz_stop,
    .open = xz_open,
    .describe = xz_describe,
    .close = xz_close,
    .read = xz_read,
    .cache = xz_cache,
};

NBDSRV_FILTER(filter)
