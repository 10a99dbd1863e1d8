/* SPDX-License-Identifier: BSD-3-Clause */
/* Where a checked request runs: here, on a worker, or submitted to the layer.
 *
 * The thread models: only parallel stacks meet workers.  All others run on their
 * connection's thread, one request after the other; what more they ask for is a
 * lane of the export, which lets one caller through at a time.
 */
#ifndef NBDSRV_DISPATCH_H
#define NBDSRV_DISPATCH_H

#include <pthread.h>
#include <stdbool.h>

struct connection;
struct request;

struct lane {
  pthread_mutex_t lock; /* guards what follows */
  pthread_cond_t moved;
  unsigned next_ticket, serving; /* first come, first served */
};

void lane_init(struct lane *lane);
void lane_destroy(struct lane *lane);
/* Blocks until it is this caller's turn. */
void lane_enter(struct lane *lane);
void lane_leave(struct lane *lane);

void dispatch_init(struct connection *conn);

/* Runs, hands on or submits a checked request.  On the connection's thread.  lone:
 * the client has nothing else under way, so that blocking here delays nobody. */
void dispatch(struct connection *conn, struct request *request, bool lone);

/* Hands what dispatch gathered for workers to them; after each batch. */
void dispatch_flush(struct connection *conn);

#endif
