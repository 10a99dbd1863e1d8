/* SPDX-License-Identifier: BSD-3-Clause */
/* Finished requests to chunks, and chunks to the client: whoever finds nobody
 * sending sends everything that waits.
 */
#ifndef NBDSRV_REPLY_H
#define NBDSRV_REPLY_H

#include <stdbool.h>

struct connection;
struct request;

/* The error number that stands for an errno value on the wire. */
unsigned reply_wire_error(int error);

/* Makes the reply of a finished request and queues it on this thread's batch
 * (reply_add, the connection's thread only) or on the connection (reply_post, any
 * thread, sends at once if nobody else does). */
void reply_add(struct request *request);
void reply_post(struct request *request);

/* Sends what reply_add gathered and what others posted meanwhile.  May block. On
 * the connection's thread. */
void reply_flush(struct connection *conn);

#endif
