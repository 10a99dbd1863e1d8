/* SPDX-License-Identifier: BSD-3-Clause */
/* Where a checked request runs: here, on a worker, or submitted to the layer.
 *
 * A lane lets one call through at a time; the thread models are made of lanes,
 * and of nothing else.
 */
#ifndef NBDSRV_DISPATCH_H
#define NBDSRV_DISPATCH_H

#include <pthread.h>
#include <stdbool.h>

#include "workers.h"

struct connection;
struct request;

struct lane {
  pthread_mutex_t lock; /* guards what follows */
  pthread_cond_t free;  /* busy became false while somebody waits in lane_enter */
  bool busy;
  unsigned waiting;
  struct request *head, *tail; /* wait for their turn */
  struct job drain;            /* runs what waits */
};

void lane_init(struct lane *lane);
void lane_destroy(struct lane *lane);
/* For calls outside the flow of requests (open, close, list): blocks. */
void lane_enter(struct lane *lane);
void lane_leave(struct lane *lane);

/* Runs, hands on or submits a request.  On the connection's thread.  lone: the
 * client has nothing else under way, so that blocking here delays nobody. */
void dispatch(struct connection *conn, struct request *request, bool lone);

/* Hands what dispatch gathered for workers to them; after each batch. */
void dispatch_flush(struct connection *conn);

#endif
