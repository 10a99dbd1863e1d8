/* SPDX-License-Identifier: BSD-3-Clause */
/* A request, from the bytes of its header to the bytes of its reply. */
#ifndef NBDSRV_REQUEST_H
#define NBDSRV_REQUEST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "extents.h"
#include "nbdsrv-plugin.h"
#include "workers.h"

struct connection;

#define REQUEST_HEADER_ROOM 64 /* reply headers of the common case */
#define REQUEST_IOV_ROOM    3

struct request {
  struct connection *conn;
  struct request *next; /* in whichever list it is */
  struct job job;       /* on a worker */

  /* As received. */
  uint64_t cookie;
  uint64_t offset, length;
  uint16_t command;    /* NBD_CMD_* */
  uint16_t wire_flags; /* NBD_CMD_FLAG_* */
  uint32_t flags;      /* NBDSRV_FLAG_* for the layers */
  uint64_t effect; /* BLOCK_STATUS with a payload: contexts asked for, one bit each */

  /* Result. */
  int error;                      /* 0 or an errno value */
  char *text;                     /* malloc'ed, or NULL */
  struct nbdsrv_extents *extents; /* block status: one list for each context */

  /* Data of a write or read.  buf belongs to the request if buf_size is not 0, else it
   * lies in the connection's receive buffer and is good until the batch ends. */
  uint8_t *buf;
  size_t buf_size;
  bool lent; /* loan is to be given back after sending */

  /* The reply: iov points into head, buf, the loan. */
  struct iovec *iov; /* own_iov or malloc'ed */
  unsigned iov_count;
  uint8_t *head; /* own_head or malloc'ed */
  struct iovec own_iov[REQUEST_IOV_ROOM];
  uint8_t own_head[REQUEST_HEADER_ROOM];

  struct nbdsrv_loan loan;
  struct nbdsrv_request async; /* what submit () sees */
};

/* Receives and serves requests until the client goes or the server ends. */
void request_loop(struct connection *conn);

/* The layer call of a request that has been checked; may block unless nowait.
 * Returns EAGAIN under nowait if it would have to, else the request is done and
 * its error set.  Any thread. */
int request_run(struct request *request, bool nowait);

#endif
