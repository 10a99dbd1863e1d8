/* SPDX-License-Identifier: BSD-3-Clause */
/* A filter that uses the frozen header: turns all bytes over, shows its export under
 * another name, looks at what it does not do itself.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nbdsrv-filter.h>

struct instance {
  const char *prefix;
};

struct handle {
  struct nbdsrv_next *next;
  unsigned trims, fails;
};

static const struct nbdsrv_param params[] = {
    {"prefix", NBDSRV_STRING, 0, offsetof(struct instance, prefix), "new-",
     "put in front of names", NULL, NULL},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

static int
abi_list(void *inst, struct nbdsrv_exports *exports)
{
  const struct instance *i = inst;
  struct nbdsrv_exports *below = nbdsrv_exports_new(exports);
  int error = below ? nbdsrv_next_list(below) : ENOMEM;

  for (size_t n = 0; !error && n < nbdsrv_exports_count(below); n++) {
    const char *name, *description;
    char changed[256];

    nbdsrv_exports_get(below, n, &name, &description);
    snprintf(changed, sizeof changed, "%s%s", i->prefix, name);
    error = nbdsrv_exports_add(exports, changed, description);
  }
  nbdsrv_exports_free(below);
  return error;
}

static int
abi_open(void *inst, const struct nbdsrv_client *client, void **handle)
{
  const struct instance *i = inst;
  size_t n = strlen(i->prefix);
  struct nbdsrv_client changed = *client;
  struct handle *h;
  int error;

  if (strncmp(client->export_name, i->prefix, n) != 0) {
    nbdsrv_error("the name does not begin with %s", i->prefix);
    return ENOENT;
  }
  h = calloc(1, sizeof *h);
  if (!h)
    return ENOMEM;
  changed.export_name += n;
  h->next = client->next;
  error = nbdsrv_next_open(h->next, &changed);
  if (error)
    free(h);
  else
    *handle = h;
  return error;
}

static void
abi_close(void *handle)
{
  struct handle *h = handle;

  nbdsrv_debug("%u trims, %u failures", h->trims, h->fails);
  free(h);
}

static int
abi_describe(void *handle, struct nbdsrv_info *info)
{
  struct handle *h = handle;
  struct nbdsrv_info below = {.size = sizeof below};
  int error = nbdsrv_next_describe(h->next, &below);

  if (error)
    return error;
  if (below.export_size != info->export_size || below.can != info->can)
    return EINVAL;
  info->can &= ~NBDSRV_CAN_FAST_ZERO;
  info->export_size -= 4096;
  info->hook_ops = NBDSRV_OP_TRIM | NBDSRV_OP_READ;
  return 0;
}

static void
turn_over(uint8_t *to, const uint8_t *from, uint64_t len)
{
  for (uint64_t i = 0; i < len; i++)
    to[i] = from[i] ^ 0xff;
}

static int
abi_read(void *handle, void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  struct handle *h = handle;
  int error = nbdsrv_next_read(h->next, buf, len, off, flags);

  if (!error)
    turn_over(buf, buf, len);
  return error;
}

static int
abi_write(void *handle, const void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  struct handle *h = handle;
  uint8_t *copy = malloc(len);
  int error = copy ? 0 : ENOMEM;

  if (!error) {
    turn_over(copy, buf, len);
    error = nbdsrv_next_write(h->next, copy, len, off, flags);
  }
  free(copy);
  return error;
}

static int
abi_zero(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  uint8_t *zeroes = calloc(1, len);
  int error =
      zeroes ? abi_write(handle, zeroes, len, off, flags & NBDSRV_FLAG_FUA) : ENOMEM;

  free(zeroes);
  return error;
}

static int
abi_flush(void *handle, uint32_t flags)
{
  return nbdsrv_next_flush(((struct handle *)handle)->next, flags);
}

static int
abi_cache(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  return nbdsrv_next_cache(((struct handle *)handle)->next, len, off, flags);
}

/* Holes below are not zeroes here. */
static int
abi_extents(void *handle, uint64_t len, uint64_t off, uint32_t flags,
            struct nbdsrv_extents *extents)
{
  struct handle *h = handle;
  struct nbdsrv_extents *below = nbdsrv_extents_new(extents, len, off);
  int error = below ? nbdsrv_next_extents(h->next, len, off, flags, below) : ENOMEM;

  for (size_t i = 0; !error && i < nbdsrv_extents_count(below); i++) {
    uint64_t offset, length;
    uint32_t type;

    nbdsrv_extents_get(below, i, &offset, &length, &type);
    error = nbdsrv_extents_add(extents, offset, length,
                               nbdsrv_extents_context(extents) == 0
                                   ? type & ~(uint32_t)NBDSRV_EXTENT_ZERO
                                   : type);
  }
  nbdsrv_extents_free(below);
  return error == ERANGE ? 0 : error;
}

/* A trim of the first page becomes one of the second; a longer one is refused. */
static int
abi_before(void *handle, struct nbdsrv_op *op)
{
  struct handle *h = handle;

  if (op->op != NBDSRV_OP_TRIM || op->size < sizeof *op)
    return 0;
  h->trims++;
  if (op->length > 65536)
    return EPERM;
  if (op->offset == 0)
    op->offset = 4096;
  return 0;
}

static void
abi_after(void *handle, struct nbdsrv_op *op, int *error)
{
  struct handle *h = handle;

  if (*error)
    h->fails++;
  if (op->op == NBDSRV_OP_TRIM && *error == EPERM)
    *error = ENOSPC;
}

static struct nbdsrv_plugin filter = {
    .name = "abi-filter",
    .params = params,
    .instance_size = sizeof(struct instance),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .list = abi_list,
    .open = abi_open,
    .describe = abi_describe,
    .close = abi_close,
    .read = abi_read,
    .write = abi_write,
    .flush = abi_flush,
    .zero = abi_zero,
    .cache = abi_cache,
    .extents = abi_extents,
    .before = abi_before,
    .after = abi_after,
};

NBDSRV_FILTER(filter)
