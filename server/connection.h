/* SPDX-License-Identifier: BSD-3-Clause */
/* A client: its thread, its life from accept to close, what it negotiated. */
#ifndef NBDSRV_CONNECTION_H
#define NBDSRV_CONNECTION_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "access.h"
#include "dispatch.h"
#include "layer.h"
#include "protocol.h"
#include "transport.h"
#include "workers.h"

struct export;
struct request;
struct server;

#define CONNECTION_MAX_CONTEXTS 16

/* A metadata context that was negotiated. */
struct metacontext {
  uint32_t id;    /* on the wire; its place in the list plus one */
  uint32_t index; /* for layers: 0 base:allocation, n the n-th of info.contexts */
};

/* What the handshake settles; STARTTLS resets all of it. */
struct negotiated {
  bool structured, extended;
  uint16_t transmission_flags; /* as told to the client */
  bool block_size_known;       /* the client asked for NBD_INFO_BLOCK_SIZE */
  unsigned context_count;
  struct metacontext contexts[CONNECTION_MAX_CONTEXTS];
};

/* What dispatch.c learnt of an operation; any thread, relaxed: it is a guess. */
struct cost {
  atomic_uint wait_ns; /* how long it blocks */
  atomic_uint watch;   /* so many of its next calls are watched closely */
};

struct connection {
  struct server *server;
  uint32_t id; /* from 1, as in the log */
  struct transport transport;
  struct connection *next, **link; /* guarded by server->lock */

  struct sockaddr_storage peer;
  socklen_t peer_len;    /* 0: none */
  int64_t uid, gid, pid; /* of a Unix peer, else -1 */
  char *security;        /* context of the peer, or NULL */

  bool is_admitted; /* leave () is owed to the layers */
  /* What the client agreed to of the handshake's own flags. */
  bool fixed_newstyle, no_zeroes;
  uint64_t deadline_ns; /* of the handshake, CLOCK_MONOTONIC; 0: none */
  struct negotiated agreed;
  char *context_name;            /* the export that agreed.contexts are for */
  struct export *export;         /* opened, or NULL */
  struct nbdsrv_next *top;       /* its outermost handle, or NULL */
  pthread_mutex_t *turn;         /* at its disk, among the export's connections */
  enum access_verdict verdict;   /* under which it was opened, or ACCESS_ALLOW */
  bool was_denied;               /* the log has a line about it */
  char *export_name;             /* under which it was opened */
  struct nbdkit_string *strings; /* that plugins interned; nbdkit-context.c */

  /* The connection's thread only. */
  uint8_t *in; /* received bytes [in_start, in_end) wait to be understood */
  size_t in_size, in_start, in_end;
  uint64_t skip;           /* bytes of a refused payload still to be dropped */
  struct request *refused; /* whose they are: answered when all of it was sent, for some
                              clients take no answer before */
  struct request *batch, **batch_tail; /* replies made here, not yet queued */
  bool has_turn;                       /* holds turn, until the end of the batch */
  bool stalled; /* replies wait for a client that does not take them */
  unsigned batch_count;
  uint64_t batch_bytes;
  struct request *handoff, **handoff_tail; /* for workers, at the end of the batch */
  struct request *spare;                   /* unused requests */
  uint64_t spare_bytes;                    /* of buffers that they keep */
  struct nbdsrv_next *gathering;           /* a kick is owed to it, or NULL */
  unsigned taken;                          /* requests begun, wraps */
  uint64_t bytes_taken;                    /* and the bytes of their data */
  uint64_t bytes_bound; /* bytes_taken may come this far before looking at bytes_done */

  /* Any thread. */
  struct cost cost[NBD_CMD_COUNT]; /* of calls that may block */
  /* Where a layer said there are no holes: reads need not ask again.  Relaxed, and
   * possibly out of date, which costs a look for holes or a few zeroes. */
  atomic_uint_fast64_t data_start, data_end;
  atomic_uint_fast64_t operation_id; /* of the last operation that hooks saw */
  atomic_uint done;                  /* requests ended, wraps; written under lock */
  atomic_bool disconnect;            /* a layer asked for the end, now */
  atomic_uint_fast64_t leave_ns;     /* or, if not 0: requests are refused, and by that
                                        time on CLOCK_MONOTONIC the client has to go */

  pthread_mutex_t lock;   /* guards what follows */
  pthread_cond_t changed; /* done or working changed while conn's thread waits */
  bool thread_waits;
  struct request *replies, **replies_tail; /* to be sent */
  struct request *returned;                /* ended: back to spare */
  struct request *waiting, **waiting_tail; /* above the limit of requests on workers */
  bool sending;                            /* somebody sends: a thread or send_job */
  bool broken;                             /* sending failed: drop replies */
  unsigned working;                        /* requests on workers */
  uint64_t bytes_done;                     /* of bytes_taken */

  struct job send_job; /* goes on sending where a thread may not block */
};

/* NULL: ENOMEM.  It owns the descriptors from here on. */
struct connection *connection_new(struct server *server, int fd_in, int fd_out);
void connection_free(struct connection *conn);

/* The life of a connection, on its own thread: handshake, requests, end. */
void connection_main(struct connection *conn);

#endif
