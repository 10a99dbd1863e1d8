/* SPDX-License-Identifier: BSD-3-Clause */
/* The null plugin: reads as zeroes, forgets what is written.
 * For measuring what lies in front of a plugin.
 */
#include <string.h>

#include <nbdsrv-plugin.h>

struct null {
  uint64_t size;
};

static const struct nbdsrv_param params[] = {
    {"size", NBDSRV_SIZE, NBDSRV_MAGIC, offsetof(struct null, size), "0",
     "size of the disk", NULL, NULL},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

static int
null_describe(void *handle, struct nbdsrv_info *info)
{
  const struct null *null = handle;

  info->export_size = null->size;
  info->can |= NBDSRV_CAN_FUA | NBDSRV_CAN_FAST_ZERO | NBDSRV_CAN_MULTI_CONN;
  info->inline_ops = NBDSRV_OP_ALL;
  return 0;
}

static int
null_read(void *handle, void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  (void)handle;
  (void)off;
  (void)flags;
  memset(buf, 0, len);
  return 0;
}

static int
null_lend(void *handle, uint64_t len, uint64_t off, struct nbdsrv_loan *loan)
{
  (void)handle;
  (void)off;
  loan->count = 1;
  loan->iov[0].iov_base = NULL;
  loan->iov[0].iov_len = len;
  return 0;
}

static int
null_write(void *handle, const void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  (void)handle;
  (void)buf;
  (void)len;
  (void)off;
  (void)flags;
  return 0;
}

static int
null_flush(void *handle, uint32_t flags)
{
  (void)handle;
  (void)flags;
  return 0;
}

/* Trim, zero and cache: there is nothing to change. */
static int
null_range(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  (void)handle;
  (void)len;
  (void)off;
  (void)flags;
  return 0;
}

static int
null_extents(void *handle, uint64_t len, uint64_t off, uint32_t flags,
             struct nbdsrv_extents *extents)
{
  (void)handle;
  (void)flags;
  return nbdsrv_extents_add(extents, off, len, NBDSRV_EXTENT_HOLE | NBDSRV_EXTENT_ZERO);
}

static struct nbdsrv_plugin plugin = {
    .name = "null",
    .summary = "reads as zeroes, forgets what is written",
    .params = params,
    .instance_size = sizeof(struct null),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .describe = null_describe,
    .read = null_read,
    .write = null_write,
    .flush = null_flush,
    .trim = null_range,
    .zero = null_range,
    .cache = null_range,
    .extents = null_extents,
    .lend = null_lend,
};

NBDSRV_PLUGIN(plugin)
