/* SPDX-License-Identifier: BSD-3-Clause */
/* The noparallel filter: a stricter thread model for what lies below.
 * Only says so; operations do not meet it.
 */
#include <stdio.h>

#include <nbdsrv-filter.h>

enum mode { REQUESTS, ALL_REQUESTS, CONNECTIONS };

struct noparallel {
  int mode;
};

static const struct nbdsrv_param params[] = {
    {"serialize", NBDSRV_ENUM, 0, offsetof(struct noparallel, mode), "requests",
     "one request a client, one request, or one client at a time",
     "requests|all-requests|connections", NULL},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

static uint32_t
noparallel_threads(void *inst)
{
  switch ((enum mode)((struct noparallel *)inst)->mode) {
  case ALL_REQUESTS:
    return NBDSRV_THREADS_SERIALIZE_ALL;
  case CONNECTIONS:
    return NBDSRV_THREADS_SERIALIZE_CONNECTIONS;
  default:
    return NBDSRV_THREADS_SERIALIZE_REQUESTS;
  }
}

/* That there is one has the server ask for the thread model. */
static void
noparallel_dump(void *inst)
{
  static const char *const modes[] = {"requests", "all-requests", "connections"};

  printf("noparallel_serialize=%s\n", modes[((struct noparallel *)inst)->mode]);
}

static struct nbdsrv_plugin filter = {
    .name = "noparallel",
    .summary = "lets requests or clients in one by one",
    .params = params,
    .instance_size = sizeof(struct noparallel),
    .threads = noparallel_threads,
    .dump_instance = noparallel_dump,
};

NBDSRV_FILTER(filter)
