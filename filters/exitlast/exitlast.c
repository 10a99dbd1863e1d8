/* SPDX-License-Identifier: BSD-3-Clause */
/* The exitlast filter: ends the server when the last client has left.
 * Counts clients that come and go; operations do not meet it.
 */
#include <stdatomic.h>
#include <stdbool.h>

#include <nbdsrv-filter.h>

struct exitlast {
  atomic_uint clients;
  atomic_bool served; /* one of them has opened the disk, and did not just look in */
};

static int
exitlast_admit(void *inst, const struct nbdsrv_client *client)
{
  (void)client;
  atomic_fetch_add(&((struct exitlast *)inst)->clients, 1);
  return 0;
}

static void
exitlast_leave(void *inst, const struct nbdsrv_client *client)
{
  struct exitlast *e = inst;

  (void)client;
  if (atomic_fetch_sub(&e->clients, 1) == 1 && atomic_load(&e->served))
    nbdsrv_shutdown();
}

static int
exitlast_open(void *inst, const struct nbdsrv_client *client, void **handle)
{
  struct exitlast *e = inst;
  int error = nbdsrv_next_open(client->next, client);

  (void)handle; /* the instance will do */
  if (!error)
    atomic_store(&e->served, true);
  return error;
}

static struct nbdsrv_plugin filter = {
    .name = "exitlast",
    .summary = "ends the server when the last client has left",
    .instance_size = sizeof(struct exitlast),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .admit = exitlast_admit,
    .leave = exitlast_leave,
    .open = exitlast_open,
};

NBDSRV_FILTER(filter)
