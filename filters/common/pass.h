/* SPDX-License-Identifier: BSD-3-Clause */
/* The handle of a filter with data calls: the layer below, and the settings. */
#ifndef NBDSRV_FILTER_PASS_H
#define NBDSRV_FILTER_PASS_H

#include <errno.h>
#include <stdlib.h>

#include <nbdsrv-filter.h>

/* The handle, or the first member of it. */
struct pass {
  struct nbdsrv_next *next;
  void *settings; /* the instance */
};

/* Opens the layer below and makes a handle of that size, zeroed but for its struct
 * pass; to be given to free (). */
static inline int
pass_open_size(void *inst, const struct nbdsrv_client *client, size_t size,
               void **handle)
{
  struct pass *pass = calloc(1, size);
  int error = pass ? nbdsrv_next_open(client->next, client) : ENOMEM;

  if (error) {
    free(pass);
    return error;
  }
  pass->next = client->next;
  pass->settings = inst;
  *handle = pass;
  return 0;
}

/* The same, with a layer below that is only read. */
static inline int
pass_open_reading(void *inst, const struct nbdsrv_client *client, size_t size,
                  void **handle)
{
  struct nbdsrv_client below = *client;

  below.readonly = 1;
  return pass_open_size(inst, &below, size, handle);
}

/* open () of filters that need no more. */
static inline int
pass_open(void *inst, const struct nbdsrv_client *client, void **handle)
{
  return pass_open_size(inst, client, sizeof(struct pass), handle);
}

#endif
