/* SPDX-License-Identifier: BSD-3-Clause */
/* A request, from the bytes of its header to the bytes of its reply. */
#ifndef NBDSRV_REQUEST_H
#define NBDSRV_REQUEST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "extents.h"
#include "layer.h"
#include "nbdsrv-plugin.h"
#include "workers.h"

struct connection;

#define REQUEST_HEADER_ROOM 64 /* reply headers of the common case */
#define REQUEST_IOV_ROOM    4

struct request {
  struct request *next; /* in whichever list it is */
  struct connection *conn;
  struct job job; /* on a worker */

  /* As received. */
  uint64_t cookie;
  uint64_t offset, length;
  uint16_t command;    /* NBD_CMD_* */
  uint16_t wire_flags; /* NBD_CMD_FLAG_* */
  uint32_t flags;      /* NBDSRV_FLAG_* for the layers */
  uint32_t contexts;   /* block status: which are asked for, a bit each */
  uint64_t charge;     /* bytes it counts for while in flight */

  /* Result. */
  bool begun;                     /* layer_begin was called, layer_finish was not */
  int error;                      /* 0 or an errno value */
  char *text;                     /* malloc'ed, or NULL */
  struct nbdsrv_extents *extents; /* block status: one list a context; kept for reuse */

  /* data: a write's payload, in room or in the connection's receive buffer, where it
   * is good until the batch ends.  A read's answer: the parts of the loan, which point
   * to lent memory or into room. */
  uint8_t *data;
  uint8_t *room; /* malloc'ed; kept for reuse */
  size_t room_size;
  bool lent; /* the loan is to be given back after sending */
  struct nbdsrv_loan loan;

  /* The reply: iov points into head, room, the loan. */
  struct iovec *iov; /* what is not yet sent */
  unsigned iov_count;
  int file; /* after iov: a range of this file, or -1 */
  uint64_t file_offset;
  size_t file_left;
  void *more_room; /* malloc'ed, where own_iov and own_head are too small */
  struct iovec own_iov[REQUEST_IOV_ROOM];
  uint8_t own_head[REQUEST_HEADER_ROOM];

  uint64_t submitted_ns; /* to a layer that could wait instead; 0: not to such */
  struct layer_call call;
  struct layer_async async;
};

/* Receives and serves requests until the client goes or the server ends.  All
 * requests are answered and their memory is free when it returns. */
void request_loop(struct connection *conn);

/* An unused request, or NULL.  The connection's thread. */
struct request *request_new(struct connection *conn);
/* Frees what belongs to the reply that was sent.  Any thread. */
void request_release(struct request *request);
/* room of at least len bytes; false: ENOMEM.  Whoever has the request. */
bool request_make_room(struct request *request, size_t len);

/* The layer call of a request that has been checked; may block unless nowait.
 * EAGAIN, under nowait only: it would have to block, ask again elsewhere.  Else 0:
 * it is done and its error set.  Any thread. */
int request_run(struct request *request, bool nowait);
/* The before () hooks, once: request_run does it where it was not done. */
int request_begin(struct request *request);
/* The end of request_run for requests that completed asynchronously. */
void request_finish(struct request *request, int error);

/* Checks a received request against the export and the rules of the protocol.
 * 0 or the errno value to answer. */
int request_check(const struct connection *conn, const struct request *request);

#endif
