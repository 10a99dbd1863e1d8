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
limit_admit(void *inst, const struct nbdsrv_client *client)
{
  struct limit *l = inst;

  (void)client;
  if (atomic_fetch_add(&l->clients, 1) < l->limit || l->limit == 0)
    return 0;
  atomic_fetch_sub(&l->clients, 1);
  nbdsrv_error("there are %u clients already", l->limit);
  return EPERM;
}

static void
limit_leave(void *inst, const struct nbdsrv_client *client)
{
  (void)client;
  atomic_fetch_sub(&((struct limit *)inst)->clients, 1);
}

static struct nbdsrv_plugin filter = {
    .name = "limit",
    .summary = "refuses clients beyond a number",
    .params = params,
    .instance_size = sizeof(struct limit),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .admit = limit_admit,
    .leave = limit_leave,
};

NBDSRV_FILTER(filter)
