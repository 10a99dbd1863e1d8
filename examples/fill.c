/* SPDX-License-Identifier: BSD-3-Clause */
/* A disk that is full of one byte. */
#include <string.h>

#include <nbdsrv-plugin.h>

struct fill {
  uint64_t size;
  uint32_t byte;
};

static const struct nbdsrv_param params[] = {
    {"size", NBDSRV_SIZE, NBDSRV_MAGIC | NBDSRV_REQUIRED, offsetof(struct fill, size),
     NULL, "size of the disk", NULL, NULL},
    {"byte", NBDSRV_UINT32, 0, offsetof(struct fill, byte), "255",
     "what it is full of, 0 to 255", NULL, NULL},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

static int
fill_describe(void *handle, struct nbdsrv_info *info)
{
  info->export_size = ((struct fill *)handle)->size;
  info->can |= NBDSRV_CAN_MULTI_CONN;
  info->inline_ops = NBDSRV_OP_READ;
  return 0;
}

static int
fill_read(void *handle, void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  memset(buf, (int)((struct fill *)handle)->byte, len);
  return 0;
}

static struct nbdsrv_plugin plugin = {
    .name = "fill",
    .summary = "a disk that is full of one byte",
    .params = params,
    .instance_size = sizeof(struct fill),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .describe = fill_describe,
    .read = fill_read,
};

NBDSRV_PLUGIN(plugin)
