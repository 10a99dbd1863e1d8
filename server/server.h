/* SPDX-License-Identifier: BSD-3-Clause */
/* The server: everything that all connections share. */
#ifndef NBDSRV_SERVER_H
#define NBDSRV_SERVER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "export.h"
#include "options.h"
#include "workers.h"

struct access;
struct connection;
struct tls_context;

struct server {
  const struct options *options;
  struct export *exports;
  struct workers *workers;
  struct tls_context *tls; /* NULL: no TLS */
  struct access *access;   /* NULL: anybody may do anything */

  int stdio[2]; /* -s: the client's */

  atomic_bool quitting; /* set once: new requests get ESHUTDOWN */
  int quit_fd;          /* eventfd, readable once the server is quitting */
  int reload_fd;        /* eventfd, readable when credentials are to be read again */

  pthread_mutex_t lock; /* guards what follows */
  pthread_cond_t gone;  /* a connection has ended */
  struct connection *connections;
  unsigned connection_count;
  uint32_t last_id;
};

/* exports, tls and access are set by the caller. */
int server_init(struct server *server, const struct options *options);
/* When the layers are gone: until then their threads may ask the server to end. */
void server_destroy(struct server *server);

/* Serves one accepted client on a thread of its own; owns the descriptors from
 * here on (fd_out is fd_in but for stdin and stdout). 0 or an errno value, logged. */
int server_start_connection(struct server *server, int fd_in, int fd_out);

/* The same in two steps, for a client that is served on the thread that asks.  NULL:
 * ENOMEM, logged. */
struct connection *server_add_connection(struct server *server, int fd_in, int fd_out);
void server_run_connection(struct connection *connection);

/* Starts quitting: async-signal-safe.  Requests in flight finish, later ones get
 * ESHUTDOWN, connections are closed after them. */
void server_quit(struct server *server);

/* Has the accepting thread read the credentials again: async-signal-safe. */
void server_reload(struct server *server);

/* Waits for all connections to end; after a few seconds cuts those that stall.  False:
 * some are stuck in a plugin even so, and what they use may not be freed. */
bool server_wait_connections(struct server *server);

/* The process-wide server, for nbdsrv_shutdown and signal handlers. */
extern struct server *server_running;

#endif
