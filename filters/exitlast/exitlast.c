/* SPDX-License-Identifier: BSD-3-Clause */
/* The exitlast filter: ends the server when the last client has left.
 * Counts clients that come and go; operations do not meet it.
 */
#include <stdatomic.h>

#include <nbdsrv-filter.h>

struct exitlast {
  atomic_uint clients;
};

static int
exitlast_open(void *inst, const struct nbdsrv_client *client, void **handle)
{
  struct exitlast *e = inst;
  int error = nbdsrv_next_open(client->next, client);

  (void)handle; /* the instance will do */
  if (!error)
    atomic_fetch_add(&e->clients, 1);
  return error;
}

static void
exitlast_close(void *handle)
{
  if (atomic_fetch_sub(&((struct exitlast *)handle)->clients, 1) == 1)
    nbdsrv_shutdown();
}

static struct nbdsrv_plugin filter = {
    .name = "exitlast",
    .summary = "ends the server when the last client has left",
    .instance_size = sizeof(struct exitlast),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .open = exitlast_open,
    .close = exitlast_close,
};

NBDSRV_FILTER(filter)
