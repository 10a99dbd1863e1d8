/* SPDX-License-Identifier: BSD-3-Clause */
/* Finished requests to chunks, and chunks to the client: whoever finds nobody
 * sending sends everything that waits.
 */
#ifndef NBDSRV_REPLY_H
#define NBDSRV_REPLY_H

#include <stdbool.h>
#include <stdint.h>

struct connection;
struct request;

/* The bytes of the reply of a finished request, into its iov. Any thread. */
void reply_build(struct request *request);

/* Makes the reply of a finished request and adds it to this batch.  Sends nothing.
 * The connection's thread. */
void reply_add(struct request *request);
/* Sends the batch and what others posted meanwhile.  May block.  The connection's
 * thread. */
void reply_flush(struct connection *conn);

/* Makes the reply of a finished request and sends it, unless somebody sends already
 * and will send it too.  may_block: else what the socket does not take at once is
 * left to a worker.  Any thread. */
void reply_post(struct request *request, bool may_block);

/* Waits until at most that many requests and bytes are in flight. The connection's
 * thread, after reply_flush and dispatch_flush. */
void reply_wait(struct connection *conn, unsigned requests, uint64_t bytes);
/* How many of conn->bytes_taken are done with. */
uint64_t reply_bytes_done(struct connection *conn);

#endif
