/* SPDX-License-Identifier: BSD-3-Clause */
/* The limit filter: refuses clients beyond a number.
 * Counts clients that come and go; operations do not meet it.
 */
#include <errno.h>
#include <stdatomic.h>

#include <nbdsrv-filter.h>

struct limit {
  uint32_t limit; /* 0: none */
  atomic_uint clients;
};

static const struct nbdsrv_param params[] = {
    {"limit", NBDSRV_UINT32, 0, offsetof(struct limit, limit), "1",
     "how many clients at the same time; 0: any number", NULL, NULL},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

static int
limit_open(void *inst, const struct nbdsrv_client *client, void **handle)
{
  struct limit *l = inst;
  int error = 0;

  (void)handle; /* the instance will do */
  if (atomic_fetch_add(&l->clients, 1) >= l->limit && l->limit > 0) {
    nbdsrv_error("there are %u clients already", l->limit);
    error = EPERM;
  }
  if (!error)
    error = nbdsrv_next_open(client->next, client);
  if (error)
    atomic_fetch_sub(&l->clients, 1);
  return error;
}

static void
limit_close(void *handle)
{
  atomic_fetch_sub(&((struct limit *)handle)->clients, 1);
}

static struct nbdsrv_plugin filter = {
    .name = "limit",
    .summary = "refuses clients beyond a number",
    .params = params,
    .instance_size = sizeof(struct limit),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .open = limit_open,
    .close = limit_close,
};

NBDSRV_FILTER(filter)
