/* SPDX-License-Identifier: BSD-3-Clause */
/* The data plugin: a disk whose first content stands on the command line.
 * Gets parameters; has parser.c and emit.c fill a disk in memory, which is the memory
 * plugin's.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/base64.h"
#include "emit.h"
#include "parser.h"

/* Any other parameter: for $NAME in the data. */
struct variable {
  struct variable *next;
  const char *value;
  char name[];
};

struct data {
  struct disk disk;                /* first */
  const char *data, *raw, *base64; /* NULL: not given */
  const char *size, *allocator;
  struct variable *variables; /* as they were given */
};

static const struct nbdsrv_param params[] = {
    {"data", NBDSRV_STRING, NBDSRV_MAGIC, offsetof(struct data, data), NULL,
     "what is on the disk, in a language of its own", NULL, "DATA"},
    {"raw", NBDSRV_STRING, 0, offsetof(struct data, raw), NULL,
     "what is on the disk, as it is", NULL, "BYTES"},
    {"base64", NBDSRV_STRING, 0, offsetof(struct data, base64), NULL,
     "what is on the disk, in base64", NULL, "BASE64"},
    {"size", NBDSRV_STRING, 0, offsetof(struct data, size), NULL,
     "size of the disk; default: that of the data", NULL, "SIZE"},
    DISK_ALLOCATOR(offsetof(struct data, allocator)),
    {"*", NBDSRV_FREE, NBDSRV_REPEAT, 0, NULL, "what $NAME in the data stands for",
     NULL, "DATA"},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

static int
data_config(void *inst, const char *key, const char *value)
{
  struct data *d = inst;
  struct variable **at = &d->variables, *v = malloc(sizeof *v + strlen(key) + 1);

  if (!v)
    return ENOMEM;
  strcpy(v->name, key);
  v->value = value;
  v->next = NULL;
  while (*at)
    at = &(*at)->next;
  *at = v;
  return 0;
}

/* The first one of a name counts. */
static const char *
lookup(void *opaque, const char *name)
{
  const struct data *d = opaque;

  for (const struct variable *v = d->variables; v; v = v->next)
    if (strcmp(v->name, name) == 0)
      return v->value;
  return getenv(name);
}

/* ------------------------------------------------------------------- the content */

static int
from_base64(struct pool *pool, const char *text, struct expr **e)
{
  uint8_t *bytes = pool_get(pool, base64_room(text) + 1);
  size_t len;

  if (!bytes)
    return ENOMEM;
  if (base64_decode(text, bytes, &len) == 0)
    return expr_bytes(pool, bytes, len, e);
  nbdsrv_error("base64: the text is not base64, or not all of it");
  return EINVAL;
}

static int
make_expr(struct data *d, struct pool *pool, struct expr **e)
{
  if (!!d->data + !!d->raw + !!d->base64 != 1) {
    nbdsrv_error("one of data=, raw= and base64= says what is on the disk");
    return EINVAL;
  }
  if (d->data)
    return parser_parse(pool, d->data, lookup, d, e);
  if (d->base64)
    return from_base64(pool, d->base64, e);
  return expr_bytes(pool, (const uint8_t *)d->raw, strlen(d->raw), e);
}

static int
fill(struct data *d, const struct expr *e)
{
  uint64_t size = e->size;
  int error = d->size ? nbdsrv_parse_size("size", d->size, &size) : 0;

  if (!error)
    error = disk_init(&d->disk, size, d->allocator);
  if (error)
    return error;
  error = emit(e, &d->disk);
  if (error)
    disk_destroy(&d->disk);
  return error;
}

static int
data_ready(void *inst)
{
  struct data *d = inst;
  struct pool pool = {NULL};
  struct expr *e;
  int error = make_expr(d, &pool, &e);

  if (!error)
    error = fill(d, e);
  pool_free(&pool);
  return error;
}

static void
data_stop(void *inst)
{
  struct data *d = inst;
  disk_destroy(&d->disk);
}

static void
data_unload(void *inst)
{
  struct data *d = inst;

  while (d->variables) {
    struct variable *v = d->variables;
    d->variables = v->next;
    free(v);
  }
}

static void
data_dump(void)
{
  printf("data_base64=yes\nmlock=yes\n");
}

static struct nbdsrv_plugin plugin = {
    .name = "data",
    .summary = "a disk whose content stands on the command line",
    .params = params,
    .instance_size = sizeof(struct data),
    .config = data_config,
    .ready = data_ready,
    .stop = data_stop,
    DISK_CALLS,
    .dump = data_dump,
    .unload = data_unload,
};

NBDSRV_PLUGIN(plugin)
