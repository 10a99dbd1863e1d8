/* SPDX-License-Identifier: BSD-3-Clause */
/* The ddrescue filter: reads fail where GNU ddrescue could not read the disk.
 * Looks at reads; map.c knows what was rescued.
 */
#include <errno.h>
#include <string.h>

#include "../common/extents.h"
#include "../common/pass.h"
#include "map.h"

struct ddrescue {
  const char *mapfile;
  struct map map;
};

static const struct nbdsrv_param params[] = {
    {"ddrescue-mapfile", NBDSRV_PATH, NBDSRV_REQUIRED,
     offsetof(struct ddrescue, mapfile), NULL, "what ddrescue wrote beside the image",
     NULL, "FILE"},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

static int
ddrescue_ready(void *inst)
{
  struct ddrescue *d = inst;
  FILE *file = fopen(d->mapfile, "re");
  int error;

  if (!file) {
    error = errno;
    nbdsrv_error("ddrescue-mapfile: %s: %s", d->mapfile, strerror(error));
    return error;
  }
  error = map_read(&d->map, file, d->mapfile);
  fclose(file);
  return error;
}

static void
ddrescue_unload(void *inst)
{
  map_free(&((struct ddrescue *)inst)->map);
}

static int
ddrescue_open(void *inst, const struct nbdsrv_client *client, void **handle)
{
  return pass_open_reading(inst, client, sizeof(struct pass), handle);
}

static int
ddrescue_describe(void *handle, struct nbdsrv_info *info)
{
  (void)handle;
  info->can &= ~(NBDSRV_CAN_WRITE | NBDSRV_CAN_CACHE);
  info->hook_ops = NBDSRV_OP_READ;
  if (!(info->can & NBDSRV_CAN_EXTENTS))
    info->own_ops = 0; /* all is data */
  return 0;
}

static int
ddrescue_before(void *handle, struct nbdsrv_op *op)
{
  const struct ddrescue *d = ((struct pass *)handle)->settings;
  uint64_t end;
  bool rescued = map_look(&d->map, op->offset, &end);

  if (rescued && end - op->offset >= op->length)
    return 0;
  nbdsrv_error("what is at offset %llu was not rescued",
               (unsigned long long)(rescued ? end : op->offset));
  return EIO;
}

/* What was not rescued is data, lest a client takes a hole in the image for zeroes. */
static int
ddrescue_extents(void *handle, uint64_t len, uint64_t off, uint32_t flags,
                 struct nbdsrv_extents *extents)
{
  const struct pass *pass = handle;
  const struct ddrescue *d = pass->settings;
  uint64_t end = off + len, reached = off;
  int error = 0;

  if (nbdsrv_extents_context(extents) != 0) /* of the plugin's own kinds */
    return nbdsrv_next_extents(pass->next, len, off, flags, extents);
  do {
    uint64_t here;
    bool rescued = map_look(&d->map, off, &here);

    if (here > end)
      here = end;
    if (rescued)
      error =
          extents_pass(pass->next, here - off, off, flags, here, 0, extents, &reached);
    else {
      error = nbdsrv_extents_add(extents, off, here - off, 0);
      reached = here;
    }
    if (reached == off)
      break;
    off = reached;
  } while (!error && off < end && !(flags & NBDSRV_FLAG_REQ_ONE));
  return error == ERANGE ? 0 : error;
}

static struct nbdsrv_plugin filter = {
    .name = "ddrescue",
    .summary = "lets reads fail where ddrescue could not read",
    .params = params,
    .instance_size = sizeof(struct ddrescue),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .ready = ddrescue_ready,
    .unload = ddrescue_unload,
    .open = ddrescue_open,
    .describe = ddrescue_describe,
    .close = free,
    .extents = ddrescue_extents,
    .before = ddrescue_before,
};

NBDSRV_FILTER(filter)
