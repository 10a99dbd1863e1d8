/* SPDX-License-Identifier: BSD-3-Clause */
/* The pattern plugin: every eight bytes hold their own offset.
 * For testing filters and clients: what is read says where it came from.
 */
#include <endian.h>
#include <string.h>

#include "../common/nothing.h"

#include <nbdsrv-plugin.h>

struct pattern {
  uint64_t size;
};

static const struct nbdsrv_param params[] = {
    {"size", NBDSRV_SIZE, NBDSRV_MAGIC | NBDSRV_REQUIRED,
     offsetof(struct pattern, size), NULL, "size of the disk", NULL, NULL},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

static int
pattern_describe(void *handle, struct nbdsrv_info *info)
{
  const struct pattern *pattern = handle;

  info->export_size = pattern->size;
  info->can |= NBDSRV_CAN_MULTI_CONN;
  info->inline_ops = NBDSRV_OP_ALL;
  return 0;
}

/* A part of one word, up to its end.  How much that was. */
static uint64_t
part_of_word(uint8_t *p, uint64_t len, uint64_t off)
{
  uint64_t word = htobe64(off & ~(uint64_t)7), skip = off & 7;
  uint64_t n = len < 8 - skip ? len : 8 - skip;

  memcpy(p, (const uint8_t *)&word + skip, n);
  return n;
}

static int
pattern_read(void *handle, void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  uint64_t done = off & 7 ? part_of_word(buf, len, off) : 0;
  uint8_t *p = buf;

  (void)handle;
  (void)flags;
  for (; len - done >= 8; done += 8) {
    uint64_t word = htobe64(off + done);
    memcpy(p + done, &word, 8);
  }
  if (done < len)
    part_of_word(p + done, len - done, off + done);
  return 0;
}

static struct nbdsrv_plugin plugin = {
    .name = "pattern",
    .summary = "every eight bytes hold their own offset",
    .params = params,
    .instance_size = sizeof(struct pattern),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .describe = pattern_describe,
    .read = pattern_read,
    .cache = nothing_range,
};

NBDSRV_PLUGIN(plugin)
