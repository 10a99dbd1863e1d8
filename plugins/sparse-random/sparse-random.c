/* SPDX-License-Identifier: BSD-3-Clause */
/* The sparse-random plugin: runs of random data and holes, as on a machine's disk.
 * map.c says where they are.  What is written is compared with what is there, so that
 * a client can copy the disk onto itself.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../common/nothing.h"
#include "../common/prng.h"

#include <nbdsrv-plugin.h>

#include "map.h"

struct sparse_random {
  uint64_t size, runlength, seed;
  const char *seed_text, *percent;
  int random_content;
  struct map map;
};

static const struct nbdsrv_param params[] = {
    {"size", NBDSRV_SIZE, NBDSRV_MAGIC | NBDSRV_REQUIRED,
     offsetof(struct sparse_random, size), NULL, "size of the disk", NULL, NULL},
    {"seed", NBDSRV_STRING, 0, offsetof(struct sparse_random, seed_text), NULL,
     "number that the disk is made from; default: a random one", NULL, "N"},
    {"percent", NBDSRV_STRING, 0, offsetof(struct sparse_random, percent), "10",
     "how much of the disk holds data, about", NULL, "N"},
    {"runlength", NBDSRV_SIZE, 0, offsetof(struct sparse_random, runlength), "16M",
     "average length of a run of data", NULL, NULL},
    {"random-content", NBDSRV_BOOL, 0, offsetof(struct sparse_random, random_content),
     "false", "each byte random, instead of one for a block", NULL, NULL},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

static int
sparse_ready(void *inst)
{
  struct sparse_random *disk = inst;
  char *end;
  double percent = strtod(disk->percent, &end);
  int error;

  if (end == disk->percent || *end || !(percent >= 0 && percent <= 100)) {
    nbdsrv_error("percent: '%s' is not a number from 0 to 100", disk->percent);
    return EINVAL;
  }
  if (disk->runlength == 0) {
    nbdsrv_error("runlength: a run has one byte at least");
    return EINVAL;
  }
  error = prng_parse_seed("seed", disk->seed_text, &disk->seed);
  return error ? error
               : map_init(&disk->map, disk->size, disk->seed, percent, disk->runlength);
}

static void
sparse_stop(void *inst)
{
  struct sparse_random *disk = inst;
  map_destroy(&disk->map);
}

static int
sparse_describe(void *handle, struct nbdsrv_info *info)
{
  const struct sparse_random *disk = handle;

  info->export_size = disk->size;
  info->can |= NBDSRV_CAN_FUA | NBDSRV_CAN_MULTI_CONN | NBDSRV_CAN_SPARSE;
  info->inline_ops = NBDSRV_OP_ALL;
  if (disk->random_content)
    info->inline_ops &= ~(NBDSRV_OP_READ | NBDSRV_OP_WRITE); /* see random.c */
  return 0;
}

/* How much of len lies in the run of blocks that begins at off or before. */
static uint64_t
run_at(const struct sparse_random *disk, uint64_t len, uint64_t off)
{
  uint64_t first = off / BLOCK, end = (off + len - 1) / BLOCK + 1;
  uint64_t stop = (first + map_run(&disk->map, first, end)) * BLOCK;

  return stop - off < len ? stop - off : len;
}

/* All of a block's bytes, for a disk with random content. */
static void
make_block(uint64_t seed, uint8_t *block)
{
  struct prng r = prng_new(seed);

  for (unsigned i = 0; i < BLOCK; i++)
    block[i] = (uint8_t)prng_next(&r);
}

/* Part of one block that holds data. */
static void
read_block(const struct sparse_random *disk, uint8_t *p, uint64_t len, uint64_t off)
{
  uint64_t skip = off % BLOCK, seed = disk->seed + (off - skip);
  uint8_t block[BLOCK];

  if (!disk->random_content) {
    struct prng r = prng_new(seed);
    uint8_t byte = (uint8_t)prng_next(&r);
    memset(p, byte ? byte : 1, len); /* zeroes could be taken for a hole */
  } else if (len == BLOCK)
    make_block(seed, p);
  else {
    make_block(seed, block);
    memcpy(p, block + skip, len);
  }
}

static int
sparse_read(void *handle, void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  const struct sparse_random *disk = handle;
  uint8_t *p = buf;

  (void)flags;
  while (len > 0) {
    uint64_t n = BLOCK - off % BLOCK;

    if (n > len)
      n = len;
    if (map_has(&disk->map, off / BLOCK))
      read_block(disk, p, n, off);
    else
      memset(p, 0, n);
    p += n;
    off += n;
    len -= n;
  }
  return 0;
}

static int
sparse_write(void *handle, const void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  const uint8_t *p = buf;
  uint8_t expected[BLOCK];

  while (len > 0) {
    uint64_t n = BLOCK - off % BLOCK;

    if (n > len)
      n = len;
    sparse_read(handle, expected, n, off, flags);
    if (memcmp(p, expected, n) != 0) {
      nbdsrv_error("what is written differs from what is there, in the block at %llu",
                   (unsigned long long)(off / BLOCK * BLOCK));
      return EIO;
    }
    p += n;
    off += n;
    len -= n;
  }
  return 0;
}

/* Trim and zero: right for holes only. */
static int
sparse_clear(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  const struct sparse_random *disk = handle;

  (void)flags;
  if (!map_has(&disk->map, off / BLOCK) && run_at(disk, len, off) == len)
    return 0;
  nbdsrv_error("not all of what is trimmed or zeroed is a hole");
  return EIO;
}

static int
sparse_extents(void *handle, uint64_t len, uint64_t off, uint32_t flags,
               struct nbdsrv_extents *extents)
{
  const struct sparse_random *disk = handle;
  int error = 0;

  (void)flags;
  while (len > 0 && !error) {
    uint64_t n = run_at(disk, len, off);
    bool data = map_has(&disk->map, off / BLOCK);

    error = nbdsrv_extents_add(extents, off, n,
                               data ? 0 : NBDSRV_EXTENT_HOLE | NBDSRV_EXTENT_ZERO);
    off += n;
    len -= n;
  }
  return error == ERANGE ? 0 : error;
}

static struct nbdsrv_plugin plugin = {
    .name = "sparse-random",
    .summary = "runs of random data and holes; writes are compared with them",
    .params = params,
    .instance_size = sizeof(struct sparse_random),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .ready = sparse_ready,
    .stop = sparse_stop,
    .describe = sparse_describe,
    .read = sparse_read,
    .write = sparse_write,
    .flush = nothing_flush,
    .trim = sparse_clear,
    .zero = sparse_clear,
    .cache = nothing_range,
    .extents = sparse_extents,
};

NBDSRV_PLUGIN(plugin)
