/* SPDX-License-Identifier: BSD-3-Clause */
/* The readonly filter: refuses every change, always or while a file exists.
 * Looks at changes only; reads do not meet it.
 */
#include <errno.h>
#include <unistd.h>

#include <nbdsrv-filter.h>

#define CHANGES (NBDSRV_OP_WRITE | NBDSRV_OP_TRIM | NBDSRV_OP_ZERO)

struct readonly {
  const char *file; /* NULL: always */
};

static const struct nbdsrv_param params[] = {
    {"readonly-file", NBDSRV_PATH, 0, offsetof(struct readonly, file), NULL,
     "read-only only while this file exists", NULL, "FILE"},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

/* What lies below need not be opened for writing if nobody ever writes. */
static int
readonly_open(void *inst, const struct nbdsrv_client *client, void **handle)
{
  const struct readonly *r = inst;
  struct nbdsrv_client below = *client;

  if (!r->file)
    below.readonly = 1;
  *handle = inst;
  return nbdsrv_next_open(client->next, &below);
}

static int
readonly_describe(void *handle, struct nbdsrv_info *info)
{
  const struct readonly *r = handle;

  if (!r->file) {
    info->can &= ~NBDSRV_CAN_WRITE;
    info->hook_ops = 0; /* the server refuses changes by itself */
  } else
    info->hook_ops = CHANGES;
  return 0;
}

static int
readonly_before(void *handle, struct nbdsrv_op *op)
{
  const struct readonly *r = handle;

  (void)op;
  if (access(r->file, F_OK) != 0)
    return 0;
  nbdsrv_error("read-only while %s exists", r->file);
  return EPERM;
}

static struct nbdsrv_plugin filter = {
    .name = "readonly",
    .summary = "refuses changes, always or while a file exists",
    .params = params,
    .instance_size = sizeof(struct readonly),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .open = readonly_open,
    .describe = readonly_describe,
    .before = readonly_before,
};

NBDSRV_FILTER(filter)
