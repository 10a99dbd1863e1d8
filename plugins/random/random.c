/* SPDX-License-Identifier: BSD-3-Clause */
/* The random plugin: a disk of random bytes, the same for the same seed.
 * What is written is compared with them, so that a client can copy it onto itself.
 */
#include <errno.h>
#include <string.h>

#include "../common/nothing.h"
#include "../common/prng.h"

#include <nbdsrv-plugin.h>

struct random_disk {
  uint64_t size;
  const char *seed_text;
  uint64_t seed;
};

static const struct nbdsrv_param params[] = {
    {"size", NBDSRV_SIZE, NBDSRV_MAGIC | NBDSRV_REQUIRED,
     offsetof(struct random_disk, size), NULL, "size of the disk", NULL, NULL},
    {"seed", NBDSRV_STRING, 0, offsetof(struct random_disk, seed_text), NULL,
     "number that the bytes are made from; default: a random one", NULL, "N"},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

static int
random_ready(void *inst)
{
  struct random_disk *disk = inst;
  return prng_parse_seed("seed", disk->seed_text, &disk->seed);
}

static int
random_describe(void *handle, struct nbdsrv_info *info)
{
  const struct random_disk *disk = handle;

  info->export_size = disk->size;
  info->can |= NBDSRV_CAN_MULTI_CONN;
  /* Making many bytes takes its time: better on several processors. */
  info->inline_ops = NBDSRV_OP_ALL & ~(NBDSRV_OP_READ | NBDSRV_OP_WRITE);
  return 0;
}

/* Each byte has a generator of its own, seeded with its offset, and is the low end of
 * its third number.  This is what two steps leave of the state that matters. */
static uint8_t
byte_at(uint64_t seed)
{
  return (uint8_t)prng_scramble((prng_split(seed, 2) << 17) ^ prng_split(seed, 1) ^
                                prng_split(seed, 4));
}

static int
random_read(void *handle, void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  const struct random_disk *disk = handle;
  uint64_t seed = disk->seed + off;
  uint8_t *p = buf;

  (void)flags;
  for (uint64_t i = 0; i < len; i++)
    p[i] = byte_at(seed + i);
  return 0;
}

static int
random_write(void *handle, const void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  const struct random_disk *disk = handle;
  uint64_t seed = disk->seed + off;
  const uint8_t *p = buf;

  (void)flags;
  for (uint64_t i = 0; i < len; i++)
    if (p[i] != byte_at(seed + i)) {
      nbdsrv_error("what is written differs from what is there at offset %llu",
                   (unsigned long long)(off + i));
      return EIO;
    }
  return 0;
}

static int
random_clear(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  (void)handle;
  (void)len;
  (void)off;
  (void)flags;
  nbdsrv_error("a disk of random bytes has nothing that could be trimmed or zeroed");
  return EIO;
}

static struct nbdsrv_plugin plugin = {
    .name = "random",
    .summary = "random bytes; writes are compared with them",
    .params = params,
    .instance_size = sizeof(struct random_disk),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .ready = random_ready,
    .describe = random_describe,
    .read = random_read,
    .write = random_write,
    .trim = random_clear,
    .zero = random_clear,
    .cache = nothing_range,
};

NBDSRV_PLUGIN(plugin)
