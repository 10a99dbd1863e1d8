/* SPDX-License-Identifier: BSD-3-Clause */
/* The nocache filter: cache requests that are not offered, or not as good as they
 * could be.  Gets cache requests where it changes them.
 */
#include "../common/pass.h"

enum cache_mode { NONE, EMULATE, NOP };

struct nocache {
  int mode;
};

static const struct nbdsrv_param params[] = {
    {"cachemode", NBDSRV_ENUM, 0, offsetof(struct nocache, mode), "none",
     "not offered; emulated by reading; accepted and ignored", "none|emulate|nop",
     NULL},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

static int
nocache_describe(void *handle, struct nbdsrv_info *info)
{
  const struct nocache *n = ((struct pass *)handle)->settings;

  if (n->mode == NONE) {
    info->can &= ~NBDSRV_CAN_CACHE;
    info->own_ops = 0;
  } else
    info->can |= NBDSRV_CAN_CACHE;
  if (n->mode == NOP)
    info->inline_ops |= NBDSRV_OP_CACHE;
  return 0;
}

#define PIECE (256u * 1024)

static int
read_and_drop(struct nbdsrv_next *next, uint64_t len, uint64_t off)
{
  size_t room = len < PIECE ? (size_t)len : PIECE;
  void *buf = malloc(room);
  int error = buf ? 0 : ENOMEM;

  while (len > 0 && !error) {
    uint64_t n = len < room ? len : room;
    error = nbdsrv_next_read(next, buf, n, off, 0);
    len -= n;
    off += n;
    if (len > 0 && !error) /* is it still wanted? */
      error = nbdsrv_sleep(0);
  }
  free(buf);
  return error;
}

static int
nocache_cache(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  const struct pass *pass = handle;
  const struct nocache *n = pass->settings;

  (void)flags;
  return n->mode == NOP ? 0 : read_and_drop(pass->next, len, off);
}

static struct nbdsrv_plugin filter = {
    .name = "nocache",
    .summary = "takes cache requests away, or makes them worse",
    .params = params,
    .instance_size = sizeof(struct nocache),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .open = pass_open,
    .describe = nocache_describe,
    .close = free,
    .cache = nocache_cache,
};

NBDSRV_FILTER(filter)
