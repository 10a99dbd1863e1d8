/* SPDX-License-Identifier: BSD-3-Clause */
/* The delay filter: lets operations wait, to see what a slow disk does to others.
 * Gets operations that have a delay; hands them on after it.
 */
#include "../common/pass.h"

struct delay {
  uint64_t read, write, zero, trim, extents, cache, open, close; /* nanoseconds */
  uint64_t wdelay;
  int fast_zero;
};

#define DELAY(name, member, help)                                                      \
  {                                                                                    \
    name, NBDSRV_DURATION, 0, offsetof(struct delay, member), NULL, help, NULL, NULL   \
  }

static const struct nbdsrv_param params[] = {
    DELAY("rdelay", read, "delay of reads"),
    DELAY("wdelay", wdelay, "delay of writes, zeroing and trimming"),
    DELAY("delay-read", read, "the same as rdelay"),
    DELAY("delay-write", write, "delay of writes"),
    DELAY("delay-zero", zero, "delay of zeroing"),
    DELAY("delay-trim", trim, "delay of trimming"),
    DELAY("delay-extents", extents, "delay of block status"),
    DELAY("delay-cache", cache, "delay of caching"),
    DELAY("delay-open", open, "delay when a client connects"),
    DELAY("delay-close", close, "delay when a client leaves"),
    {"delay-fast-zero", NBDSRV_BOOL, 0, offsetof(struct delay, fast_zero), "true",
     "false: fast zero requests fail at once", NULL, NULL},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

static void
set_unless_given(uint64_t *one, uint64_t group)
{
  if (*one == 0)
    *one = group;
}

static int
delay_ready(void *inst)
{
  struct delay *d = inst;

  set_unless_given(&d->write, d->wdelay);
  set_unless_given(&d->zero, d->wdelay);
  set_unless_given(&d->trim, d->wdelay);
  return 0;
}

static int
delay_open(void *inst, const struct nbdsrv_client *client, void **handle)
{
  const struct delay *d = inst;
  int error = d->open ? nbdsrv_sleep(d->open) : 0;

  return error ? error : pass_open(inst, client, handle);
}

static const struct delay *
settings_of(void *handle)
{
  return ((struct pass *)handle)->settings;
}

static void
delay_close(void *handle)
{
  const struct delay *d = settings_of(handle);

  if (d->close)
    nbdsrv_sleep(d->close);
  free(handle);
}

/* What need not wait does not pass through here. */
static int
delay_describe(void *handle, struct nbdsrv_info *info)
{
  const struct delay *d = settings_of(handle);

  info->own_ops =
      (d->read ? NBDSRV_OP_READ : 0) | (d->write ? NBDSRV_OP_WRITE : 0) |
      (d->zero || !d->fast_zero ? NBDSRV_OP_ZERO : 0) | (d->trim ? NBDSRV_OP_TRIM : 0) |
      (d->extents ? NBDSRV_OP_EXTENTS : 0) | (d->cache ? NBDSRV_OP_CACHE : 0);
  if (!d->fast_zero)
    info->can |= NBDSRV_CAN_FAST_ZERO; /* for it is answered, with ENOTSUP */
  return 0;
}

static int
delay_read(void *handle, void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  const struct pass *pass = handle;
  int error = nbdsrv_sleep(settings_of(handle)->read);

  return error ? error : nbdsrv_next_read(pass->next, buf, len, off, flags);
}

static int
delay_write(void *handle, const void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  const struct pass *pass = handle;
  int error = nbdsrv_sleep(settings_of(handle)->write);

  return error ? error : nbdsrv_next_write(pass->next, buf, len, off, flags);
}

static int
delay_zero(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  const struct pass *pass = handle;
  int error;

  if ((flags & NBDSRV_FLAG_FAST_ZERO) && !settings_of(handle)->fast_zero)
    return ENOTSUP;
  error = nbdsrv_sleep(settings_of(handle)->zero);
  return error ? error : nbdsrv_next_zero(pass->next, len, off, flags);
}

static int
delay_trim(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  const struct pass *pass = handle;
  int error = nbdsrv_sleep(settings_of(handle)->trim);

  return error ? error : nbdsrv_next_trim(pass->next, len, off, flags);
}

static int
delay_cache(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  const struct pass *pass = handle;
  int error = nbdsrv_sleep(settings_of(handle)->cache);

  return error ? error : nbdsrv_next_cache(pass->next, len, off, flags);
}

static int
delay_extents(void *handle, uint64_t len, uint64_t off, uint32_t flags,
              struct nbdsrv_extents *extents)
{
  const struct pass *pass = handle;
  int error = nbdsrv_sleep(settings_of(handle)->extents);

  return error ? error : nbdsrv_next_extents(pass->next, len, off, flags, extents);
}

static struct nbdsrv_plugin filter = {
    .name = "delay",
    .summary = "lets operations wait",
    .params = params,
    .instance_size = sizeof(struct delay),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .ready = delay_ready,
    .open = delay_open,
    .close = delay_close,
    .describe = delay_describe,
    .read = delay_read,
    .write = delay_write,
    .zero = delay_zero,
    .trim = delay_trim,
    .cache = delay_cache,
    .extents = delay_extents,
};

NBDSRV_FILTER(filter)
