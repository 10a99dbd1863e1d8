/* SPDX-License-Identifier: BSD-3-Clause */
/* A client: its thread, its life from accept to close.
 * Gets accepted descriptors from listen.c by way of server.c; hands them to the
 * handshake and then to the loop of requests.
 */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "connection.h"
#include "handshake.h"
#include "log.h"
#include "nbdkit.h"
#include "request.h"
#include "server.h"

/* A client that is asked to go, and goes on asking, is not answered for ever. */
#define LEAVE_NS 2000000000u

/* Most systems have none. */
static char *
find_security(int fd)
{
  char context[4096 + 1];
  socklen_t len = sizeof context - 1;

  if (getsockopt(fd, SOL_SOCKET, SO_PEERSEC, context, &len) == -1 || len == 0)
    return NULL;
  return strndup(context, len);
}

static void
find_peer(struct connection *conn)
{
  struct ucred cred;
  socklen_t len = sizeof cred;
  int fd = conn->transport.fd_in;

  conn->uid = conn->gid = conn->pid = -1;
  /* Stdin may be a socket, too: that of inetd, or one of a pair. */
  conn->peer_len = sizeof conn->peer;
  if (getpeername(fd, (struct sockaddr *)&conn->peer, &conn->peer_len) == -1)
    conn->peer_len = 0;
  if (conn->peer_len > 0 && conn->peer.ss_family == AF_UNIX &&
      getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0) {
    conn->uid = cred.uid;
    conn->gid = cred.gid;
    conn->pid = cred.pid;
  }
  conn->security = find_security(fd);
}

struct connection *
connection_new(struct server *server, int fd_in, int fd_out)
{
  struct connection *conn = calloc(1, sizeof *conn);

  if (!conn)
    return NULL;
  conn->server = server;
  transport_init(&conn->transport, fd_in, fd_out, server->quit_fd);
  if (server->options->keepalive && conn->transport.is_socket)
    setsockopt(fd_in, SOL_SOCKET, SO_KEEPALIVE, &(int){1}, sizeof(int));
  find_peer(conn);
  conn->verdict = ACCESS_ALLOW;
  pthread_mutex_init(&conn->lock, NULL);
  pthread_cond_init(&conn->changed, NULL);
  conn->batch_tail = &conn->batch;
  conn->handoff_tail = &conn->handoff;
  conn->replies_tail = &conn->replies;
  conn->waiting_tail = &conn->waiting;
  dispatch_init(conn);
  return conn;
}

void
connection_free(struct connection *conn)
{
  transport_close(&conn->transport);
  pthread_cond_destroy(&conn->changed);
  pthread_mutex_destroy(&conn->lock);
  free(conn->in);
  free(conn->context_name);
  free(conn->security);
  nbdkit_strings_free(&conn->strings);
  free(conn);
}

void
connection_main(struct connection *conn)
{
  struct log_call call = {.connection = conn}, *before = log_call_enter(&call);

  log_connection_debug(conn, "connected");
  if (connection_admit(conn) == 0 && handshake(conn) == 0)
    request_loop(conn);
  connection_close_export(conn);
  /* Everything that was asked for is answered: say so, rather than reset. */
  transport_finish(&conn->transport);
  connection_leave(conn);
  log_connection_debug(conn, "closed");
  log_call_leave(before);
}

/* ------------------------------------------------- the list of all connections */

static void
enlist(struct connection *conn)
{
  struct server *server = conn->server;

  pthread_mutex_lock(&server->lock);
  conn->id = ++server->last_id;
  conn->next = server->connections;
  if (conn->next)
    conn->next->link = &conn->next;
  conn->link = &server->connections;
  server->connections = conn;
  server->connection_count++;
  pthread_mutex_unlock(&server->lock);
}

static void
delist(struct connection *conn)
{
  pthread_mutex_lock(&conn->server->lock);
  *conn->link = conn->next;
  if (conn->next)
    conn->next->link = conn->link;
  pthread_mutex_unlock(&conn->server->lock);
}

/* After this the server may go. */
static void
count_down(struct server *server)
{
  pthread_mutex_lock(&server->lock);
  server->connection_count--;
  pthread_cond_broadcast(&server->gone);
  pthread_mutex_unlock(&server->lock);
}

void
server_run_connection(struct connection *conn)
{
  struct server *server = conn->server;

  connection_main(conn);
  delist(conn);
  connection_free(conn);
  if (server->options->single)
    server_quit(server);
  count_down(server);
}

struct connection *
server_add_connection(struct server *server, int fd_in, int fd_out)
{
  struct connection *conn = connection_new(server, fd_in, fd_out);

  if (conn) {
    enlist(conn);
    return conn;
  }
  close(fd_in);
  if (fd_out != fd_in)
    close(fd_out);
  log_error("a new connection: %s", strerror(ENOMEM));
  return NULL;
}

static void *
connection_thread(void *conn)
{
  server_run_connection(conn);
  return NULL;
}

int
server_start_connection(struct server *server, int fd_in, int fd_out)
{
  struct connection *conn = server_add_connection(server, fd_in, fd_out);
  pthread_attr_t attr;
  pthread_t thread;
  int error;

  if (!conn)
    return ENOMEM;
  pthread_attr_init(&attr);
  pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
  error = pthread_create(&thread, &attr, connection_thread, conn);
  pthread_attr_destroy(&attr);
  if (error) {
    log_error("a thread for a new connection: %s", strerror(error));
    delist(conn);
    connection_free(conn);
    count_down(server);
  }
  return error;
}

NBDSRV_PUBLIC void
nbdsrv_disconnect(int force)
{
  struct connection *conn = log_call_current()->connection;

  if (!conn)
    return;
  if (!force) {
    atomic_store(&conn->leave_ns, clock_now() + LEAVE_NS);
    return;
  }
  atomic_store(&conn->disconnect, true);
  transport_cut(&conn->transport);
}
