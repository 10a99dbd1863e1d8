/* SPDX-License-Identifier: BSD-3-Clause */
/* The split plugin: several files, one after the other, as one disk.
 * Gets their names; plugins/common/pieces.c does the rest.
 */
#include "config.h"

#include "../common/pieces.h"

static const struct nbdsrv_param params[] = {
    {"file", NBDSRV_FREE, NBDSRV_MAGIC | NBDSRV_REPEAT | NBDSRV_REQUIRED, 0, NULL,
     "files or block devices, in their order", NULL, "FILE"},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

static int
split_config(void *inst, const char *key, const char *value)
{
  (void)key;
  return pieces_name_file(inst, value);
}

static int
split_ready(void *inst)
{
  struct pieces *p = inst;
  int error = pieces_measure(p);

  for (size_t i = 0; i < p->file_count && !error; i++)
    error = pieces_append_file(p, p->files[i]);
  return error;
}

static void
split_unload(void *inst)
{
  pieces_free(inst);
}

static struct nbdsrv_plugin plugin = {
    .name = "split",
    .summary = "serves several files, one after the other, as one disk",
    .params = params,
    .instance_size = sizeof(struct pieces),
    .config = split_config,
    .ready = split_ready,
    .unload = split_unload,
    PIECES_MEMBERS,
};

NBDSRV_PLUGIN(plugin)
