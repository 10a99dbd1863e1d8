/* SPDX-License-Identifier: BSD-3-Clause */
/* Replies to the client: whoever finds nobody sending sends everything that waits.
 * Gets replies that reply.c built; gives sent requests back to request.c.
 */
#include "config.h"

#include <errno.h>
#include <string.h>

#include "connection.h"
#include "log.h"
#include "reply.h"
#include "request.h"
#include "server.h"

#define SEND_IOVS 512

/* Moves past n sent bytes; requests that are sent whole go from *list to *sent. */
static void
advance(struct request **list, struct request ***sent, size_t n)
{
  while (*list) {
    struct request *request = *list;

    while (request->iov_count > 0 && n >= request->iov->iov_len) {
      n -= request->iov->iov_len;
      request->iov++;
      request->iov_count--;
    }
    if (request->iov_count > 0) {
      request->iov->iov_base = (char *)request->iov->iov_base + n;
      request->iov->iov_len -= n;
      return;
    }
    if (request->file >= 0)
      return;
    *list = request->next;
    **sent = request;
    *sent = &request->next;
  }
}

/* One file range behind its header. */
static int
send_file(struct connection *conn, struct request *request)
{
  ssize_t n = transport_send_file(&conn->transport, request->file, request->file_offset,
                                  request->file_left);

  if (n <= 0)
    return n == 0 ? EIO : (int)-n; /* 0: the file shrank after its length was told */
  request->file_offset += (uint64_t)n;
  request->file_left -= (size_t)n;
  if (request->file_left == 0)
    request->file = -1;
  return 0;
}

/* One send of as much of the list as fits.  0; EAGAIN: the socket is full, under
 * nowait at once, else after TRANSPORT_SEND_MS; or the connection is lost. */
static int
send_some(struct connection *conn, struct request **list, struct request ***sent,
          bool nowait)
{
  struct iovec iov[SEND_IOVS];
  unsigned count = 0;
  bool file_follows = false;
  ssize_t n;

  if ((*list)->iov_count == 0) { /* at a file range */
    int error = nowait ? EAGAIN : send_file(conn, *list);
    if (!error)
      advance(list, sent, 0);
    return error;
  }
  for (struct request *r = *list; r && !file_follows; r = r->next) {
    unsigned fits = SEND_IOVS - count < r->iov_count ? SEND_IOVS - count : r->iov_count;
    memcpy(iov + count, r->iov, fits * sizeof *iov);
    count += fits;
    file_follows = r->file >= 0;
    if (fits < r->iov_count)
      break;
  }
  n = transport_sendv(&conn->transport, iov, (int)count, nowait, file_follows);
  if (n < 0)
    return (int)-n;
  advance(list, sent, (size_t)n);
  return 0;
}

/* The connection is lost: drops what waits and wakes the thread that receives. */
static void
give_up(struct connection *conn, int error)
{
  if (error != EPIPE && error != ECONNRESET)
    log_connection_error(conn, "sending: %s", strerror(error));
  transport_cut(&conn->transport);
}

/* With conn->lock held: a list of ended requests goes back. */
static void
end_requests(struct connection *conn, struct request *list)
{
  unsigned count = 0;

  while (list) {
    struct request *next = list->next;
    conn->bytes_done += list->charge;
    count++;
    list->next = conn->returned;
    conn->returned = list;
    list = next;
  }
  atomic_store(&conn->done,
               atomic_load_explicit(&conn->done, memory_order_relaxed) + count);
}

static void
release_all(struct request *list)
{
  for (; list; list = list->next)
    request_release(list);
}

/* What a thread that sends does about a full socket. */
enum patience {
  SEND_BLOCKING, /* waits */
  SEND_A_WHILE,  /* waits as long as TRANSPORT_SEND_MS; the thread that receives */
  SEND_NOWAIT,   /* does not wait: it is not ours */
};

/* Sends until nothing waits.  With conn->lock held, sending set by the caller;
 * false: the socket is full and patience at its end, sending stays set. */
static bool
send_all(struct connection *conn, enum patience patience)
{
  while (conn->replies) {
    struct request *list = conn->replies, *done = NULL, **sent = &done;
    int error = conn->broken ? EPIPE : 0;

    conn->replies = NULL;
    conn->replies_tail = &conn->replies;
    pthread_mutex_unlock(&conn->lock);

    while (list && !error) {
      error = send_some(conn, &list, &sent, patience == SEND_NOWAIT);
      if (error == EAGAIN && patience == SEND_BLOCKING)
        error = 0;
    }
    *sent = NULL;
    if (error && error != EAGAIN) {
      if (!conn->broken)
        give_up(conn, error);
      *sent = list;
      list = NULL;
    }
    release_all(done);

    pthread_mutex_lock(&conn->lock);
    conn->broken = conn->broken || (error && error != EAGAIN);
    end_requests(conn, done);
    if (conn->thread_waits)
      pthread_cond_signal(&conn->changed);
    if (list) { /* the rest goes before what was posted meanwhile */
      struct request *last = list;
      while (last->next)
        last = last->next;
      last->next = conn->replies;
      if (!conn->replies)
        conn->replies_tail = &last->next;
      conn->replies = list;
      return false;
    }
  }
  conn->sending = false;
  if (conn->thread_waits)
    pthread_cond_signal(&conn->changed);
  return true;
}

static void
send_job(struct job *job)
{
  struct connection *conn =
      (struct connection *)((char *)job - offsetof(struct connection, send_job));

  pthread_mutex_lock(&conn->lock);
  send_all(conn, SEND_BLOCKING);
  pthread_mutex_unlock(&conn->lock);
}

void
reply_add(struct request *request)
{
  struct connection *conn = request->conn;

  reply_build(request);
  request->next = NULL;
  *conn->batch_tail = request;
  conn->batch_tail = &request->next;
  conn->batch_count++;
  if (request->command == NBD_CMD_READ)
    conn->batch_bytes += request->charge;
}

void
reply_flush(struct connection *conn)
{
  if (conn->batch_count == 0 && !conn->stalled)
    return;
  pthread_mutex_lock(&conn->lock);
  if (conn->batch) {
    *conn->replies_tail = conn->batch;
    conn->replies_tail = conn->batch_tail;
    conn->batch = NULL;
    conn->batch_tail = &conn->batch;
    conn->batch_count = 0;
    conn->batch_bytes = 0;
  }
  conn->stalled = false;
  if (!conn->sending) {
    conn->sending = true;
    conn->stalled = !send_all(conn, SEND_A_WHILE);
    if (conn->stalled)
      conn->sending = false;
  }
  pthread_mutex_unlock(&conn->lock);
}

void
reply_post(struct request *request, bool may_block)
{
  struct connection *conn = request->conn;
  bool all = true;

  reply_build(request);
  request->next = NULL;
  pthread_mutex_lock(&conn->lock);
  *conn->replies_tail = request;
  conn->replies_tail = &request->next;
  if (!conn->sending) {
    conn->sending = true;
    all = send_all(conn, may_block ? SEND_BLOCKING : SEND_NOWAIT);
  }
  pthread_mutex_unlock(&conn->lock);
  if (!all) { /* sending is still set, and keeps the connection alive */
    conn->send_job = (struct job){.run = send_job};
    workers_submit(conn->server->workers, &conn->send_job);
  }
}

uint64_t
reply_bytes_done(struct connection *conn)
{
  uint64_t bytes;

  pthread_mutex_lock(&conn->lock);
  bytes = conn->bytes_done;
  pthread_mutex_unlock(&conn->lock);
  return bytes;
}

void
reply_wait(struct connection *conn, unsigned requests, uint64_t bytes)
{
  pthread_mutex_lock(&conn->lock);
  conn->thread_waits = true;
  while (conn->taken - atomic_load(&conn->done) > requests ||
         conn->bytes_taken - conn->bytes_done > bytes ||
         (requests == 0 && (conn->sending || conn->working > 0)))
    if (conn->replies && !conn->sending) {
      conn->sending = true;
      send_all(conn, SEND_BLOCKING);
    } else
      pthread_cond_wait(&conn->changed, &conn->lock);
  conn->thread_waits = false;
  pthread_mutex_unlock(&conn->lock);
}
