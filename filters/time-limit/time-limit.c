/* SPDX-License-Identifier: BSD-3-Clause */
/* The time-limit filter: ends connections that last too long.
 * Looks at operations on their way down, and at the clock.
 */
#include <errno.h>
#include <stdlib.h>

#include <nbdsrv-filter.h>

#include "../common/clock.h"
#include "../common/pass.h"

struct time_limit {
  uint64_t limit; /* nanoseconds */
};

struct handle {
  struct pass pass; /* first */
  uint64_t begin;
};

static const struct nbdsrv_param params[] = {
    {"time-limit", NBDSRV_DURATION, 0, offsetof(struct time_limit, limit), "60",
     "how long a client may stay; 0: for ever", NULL, NULL},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

static int
time_limit_open(void *inst, const struct nbdsrv_client *client, void **handle)
{
  int error = pass_open_size(inst, client, sizeof(struct handle), handle);

  if (!error)
    ((struct handle *)*handle)->begin = clock_ns();
  return error;
}

static int
time_limit_describe(void *handle, struct nbdsrv_info *info)
{
  const struct time_limit *t = ((struct pass *)handle)->settings;

  if (t->limit == 0)
    info->hook_ops = 0;
  return 0;
}

static int
time_limit_before(void *handle, struct nbdsrv_op *op)
{
  const struct handle *h = handle;
  const struct time_limit *t = h->pass.settings;

  (void)op;
  if (clock_ns() - h->begin < t->limit)
    return 0;
  nbdsrv_error("the client has been connected for longer than its time-limit");
  nbdsrv_disconnect(0);
  return ESHUTDOWN;
}

static struct nbdsrv_plugin filter = {
    .name = "time-limit",
    .summary = "ends connections that last too long",
    .params = params,
    .instance_size = sizeof(struct time_limit),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .open = time_limit_open,
    .describe = time_limit_describe,
    .close = free,
    .before = time_limit_before,
};

NBDSRV_FILTER(filter)
