/* SPDX-License-Identifier: BSD-3-Clause */
/* Where a checked request runs.
 * Gets requests from request.c; runs them on the connection's thread where that
 * delays nobody, gathers the others for the workers, or submits them; finished
 * ones go to reply.c.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "clock.h"
#include "connection.h"
#include "dispatch.h"
#include "export.h"
#include "log.h"
#include "reply.h"
#include "request.h"
#include "server.h"

/* A call that waits less than this is not worth waking another thread for. */
#define CHEAP_NS 20000u
/* A call that waits less than this is not worth it for a client that waits too. */
#define LONE_NS 200000u
/* After a call of that length the answers before it have waited long enough. */
#define SLOW_NS 100000u
/* So many calls are watched closely after one that took longer than CHEAP_NS. */
#define WATCHED 16u
/* Waiting that long for a turn is not a matter of many taking it. */
#define LONG_TURN_NS 5000000u
/* What an operation is thought to wait before it was ever measured. */
#define UNKNOWN_NS 1000000u

/* -------------------------------------------------------------------- lanes */

void
lane_init(struct lane *lane)
{
  pthread_mutex_init(&lane->lock, NULL);
  pthread_cond_init(&lane->moved, NULL);
  lane->next_ticket = lane->serving = 0;
}

void
lane_destroy(struct lane *lane)
{
  pthread_cond_destroy(&lane->moved);
  pthread_mutex_destroy(&lane->lock);
}

void
lane_enter(struct lane *lane)
{
  unsigned ticket;

  pthread_mutex_lock(&lane->lock);
  ticket = lane->next_ticket++;
  while (ticket != lane->serving)
    pthread_cond_wait(&lane->moved, &lane->lock);
  pthread_mutex_unlock(&lane->lock);
}

void
lane_leave(struct lane *lane)
{
  pthread_mutex_lock(&lane->lock);
  lane->serving++;
  if (lane->serving != lane->next_ticket)
    pthread_cond_broadcast(&lane->moved);
  pthread_mutex_unlock(&lane->lock);
}

/* ------------------------------------------------------------------ measuring */

void
dispatch_init(struct connection *conn)
{
  for (unsigned i = 0; i < NBD_CMD_COUNT; i++) {
    atomic_init(&conn->cost[i].wait_ns, UNKNOWN_NS);
    atomic_init(&conn->cost[i].watch, WATCHED);
  }
}

/* The average of late: a call that waits a little now and then, at a lock that others
 * hold, is not worth another thread; one that waits long is dear at once. */
static void
learn(struct cost *cost, uint64_t ns)
{
  uint64_t old = atomic_load_explicit(&cost->wait_ns, memory_order_relaxed);

  if (ns > UINT32_MAX)
    ns = UINT32_MAX;
  ns = ns > old ? old + (ns - old) / 4 : old - (old - ns) / 4;
  atomic_store_explicit(&cost->wait_ns, (unsigned)ns, memory_order_relaxed);
}

/* How often this thread has gone to sleep of its own accord. */
static long
sleeps_of_thread(void)
{
  struct rusage usage = {0};

  getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nvcsw;
}

/* Runs a request that may block and learns how long it waited.  A call that takes long
 * because it computes or copies, or because others have the processor, would not be
 * faster elsewhere: whether it slept is asked for a while after a call took long, which
 * itself may have been chance.  The time it took. */
static uint64_t
run_measured(struct connection *conn, struct request *request)
{
  struct cost *cost = &conn->cost[request->command];
  unsigned watch = atomic_load_explicit(&cost->watch, memory_order_relaxed);
  long sleeps = watch > 0 ? sleeps_of_thread() : 0;
  uint64_t start = clock_now(), took;

  request_run(request, false);
  took = clock_now() - start;
  if (watch > 0)
    learn(cost, sleeps_of_thread() != sleeps ? took : 0);
  else if (took < CHEAP_NS)
    learn(cost, took);
  if (took >= CHEAP_NS)
    watch = WATCHED;
  else if (watch > 0)
    watch--;
  atomic_store_explicit(&cost->watch, watch, memory_order_relaxed);
  return took;
}

/* --------------------------------------------------------------------- turns */

/* Whether it should be this thread's turn.  Write-through waits for the disk, where
 * many may. */
static bool
wants_turn(const struct request *request)
{
  const struct connection *conn = request->conn;

  return layer_path(conn->top, request->command)->in_turn &&
         !(request->flags & NBDSRV_FLAG_FUA);
}

/* Waiting for a turn does not count as what the operation waits, unless it shows that
 * the storage is slow for whoever has the turn. */
static void
wait_for_turn(struct connection *conn, const struct request *request)
{
  uint64_t start, waited;

  if (pthread_mutex_trylock(conn->turn) == 0)
    return;
  start = clock_now();
  pthread_mutex_lock(conn->turn);
  waited = clock_now() - start;
  if (waited >= LONG_TURN_NS)
    learn(&conn->cost[request->command], waited);
}

/* On the connection's thread: from the first request that wants it to the end of the
 * batch.  False, under nowait only: it is another's turn. */
static bool
take_turn(struct connection *conn, const struct request *request, bool nowait)
{
  if (conn->has_turn || !wants_turn(request))
    return true;
  if (!nowait)
    wait_for_turn(conn, request);
  else if (pthread_mutex_trylock(conn->turn) != 0)
    return false;
  conn->has_turn = true;
  return true;
}

static void
leave_turn(struct connection *conn)
{
  if (conn->has_turn)
    pthread_mutex_unlock(conn->turn);
  conn->has_turn = false;
}

/* Starts what layers have only gathered. */
static void
kick(struct connection *conn)
{
  struct nbdsrv_next *end = conn->gathering;

  conn->gathering = NULL;
  if (end)
    layer_kick(end);
}

/* Sends the batch so far, which may take long. */
static void
send_batch(struct connection *conn)
{
  leave_turn(conn);
  kick(conn);
  reply_flush(conn);
}

/* ----------------------------------------------------------- on a worker thread */

static void worker_run(struct job *job);

/* The next request that waits for its turn among the connection's on workers, or NULL:
 * then the connection may be gone. */
static struct request *
next_waiting(struct connection *conn)
{
  struct request *request;

  pthread_mutex_lock(&conn->lock);
  request = conn->waiting;
  if (request) {
    conn->waiting = request->next;
    if (!conn->waiting)
      conn->waiting_tail = &conn->waiting;
  } else {
    conn->working--;
    if (conn->thread_waits)
      pthread_cond_signal(&conn->changed);
  }
  pthread_mutex_unlock(&conn->lock);
  return request;
}

static void
worker_run(struct job *job)
{
  struct request *request =
      (struct request *)((char *)job - offsetof(struct request, job));
  struct connection *conn = request->conn;
  struct log_call call = {.connection = conn}, *before = log_call_enter(&call);

  while (request) {
    bool turn = wants_turn(request);

    if (turn)
      wait_for_turn(conn, request);
    run_measured(conn, request);
    if (turn)
      pthread_mutex_unlock(conn->turn);
    reply_post(request, true);
    request = next_waiting(conn);
  }
  log_call_leave(before);
}

void
dispatch_flush(struct connection *conn)
{
  unsigned most = conn->server->options->threads;
  struct job *first = NULL, **last = &first;

  leave_turn(conn);
  kick(conn);
  if (!conn->handoff)
    return;
  pthread_mutex_lock(&conn->lock);
  while (conn->handoff && conn->working < most) {
    struct request *request = conn->handoff;
    conn->handoff = request->next;
    *last = &request->job;
    last = &request->job.next;
    conn->working++;
  }
  *last = NULL;
  if (conn->handoff) {
    *conn->waiting_tail = conn->handoff;
    conn->waiting_tail = conn->handoff_tail;
    conn->handoff = NULL;
  }
  conn->handoff_tail = &conn->handoff;
  pthread_mutex_unlock(&conn->lock);
  workers_submit(conn->server->workers, first);
}

/* --------------------------------------------------- on the connection's thread */

/* A payload in the receive buffer does not outlive the batch. */
static bool
own_data(struct request *request)
{
  if (request->command != NBD_CMD_WRITE || request->data == request->room)
    return true;
  if (!request_make_room(request, request->length))
    return false;
  memcpy(request->room, request->data, request->length);
  request->data = request->room;
  request->call.op.data = request->data;
  return true;
}

static void
hand_off(struct connection *conn, struct request *request)
{
  if (!own_data(request)) {
    request_finish(request, ENOMEM);
    reply_add(request);
    return;
  }
  request->job.run = worker_run;
  request->next = NULL;
  *conn->handoff_tail = request;
  conn->handoff_tail = &request->next;
}

static void
async_done(struct layer_async *async, int error, const char *text)
{
  struct request *request =
      (struct request *)((char *)async - offsetof(struct request, async));
  struct log_call call = {.connection = request->conn,
                          .layer = request->call.path->end->layer};
  struct log_call *before = log_call_enter(&call);

  if (request->submitted_ns)
    learn(&request->conn->cost[request->command], clock_now() - request->submitted_ns);
  if (error && text)
    nbdsrv_error("%s", text);
  request_finish(request, error);
  reply_post(request, false);
  log_call_leave(before);
}

/* What a submit () needs beforehand.  0 or an errno value. */
static int
prepare_submit(struct request *request)
{
  bool is_read = request->command == NBD_CMD_READ;

  if (!own_data(request) || (is_read && !request_make_room(request, request->length)))
    return ENOMEM;
  if (is_read) {
    request->loan.count = 1;
    request->loan.iov[0] = (struct iovec){request->room, request->length};
  }
  request->async.done = async_done;
  return 0;
}

/* Gives a request to a layer that completes it later.  False: it is not made for
 * that, or does not want this one.  Block status is one operation a context, and waits
 * on a worker. */
static bool
submit(struct request *request)
{
  struct connection *conn = request->conn;
  const struct path *path = layer_path(conn->top, request->command);
  int error;

  if (request->command == NBD_CMD_BLOCK_STATUS)
    return false;
  error = request_begin(request);
  if (!error && !layer_is_async(&request->call))
    return false;
  if (!error)
    error = prepare_submit(request);
  request->submitted_ns = path->submits ? clock_now() : 0;
  if (!error)
    error = layer_submit(&request->call, request->room, NULL, &request->async);
  if (error == EAGAIN && path->submits)
    return false;
  if (!error) {
    if (conn->gathering != path->end)
      kick(conn);
    conn->gathering = path->end;
  } else { /* it was not taken */
    request_finish(request, error);
    reply_add(request);
  }
  return true;
}

static unsigned
expected_wait(struct connection *conn, const struct request *request)
{
  return atomic_load_explicit(&conn->cost[request->command].wait_ns,
                              memory_order_relaxed);
}

/* Runs it here and now, whatever it takes. */
static void
run_here(struct connection *conn, struct request *request, struct lane *lane)
{
  uint64_t took;

  if (conn->batch_count > 0 && expected_wait(conn, request) >= SLOW_NS)
    send_batch(conn); /* answers need not wait for this */
  if (lane)
    lane_enter(lane);
  else
    take_turn(conn, request, false);
  took = run_measured(conn, request);
  if (lane)
    lane_leave(lane);
  reply_add(request);
  if (took >= SLOW_NS)
    send_batch(conn);
}

static void
dispatch_parallel(struct connection *conn, struct request *request, bool lone)
{
  const struct path *path = layer_path(conn->top, request->command);
  unsigned wait;

  if ((path->is_inline || path->nowait) && take_turn(conn, request, true) &&
      request_run(request, true) == 0) {
    reply_add(request);
    return;
  }
  if (path->end && path->end->layer->ops->submit && !path->submits && submit(request))
    return;
  wait = expected_wait(conn, request);
  if (wait < CHEAP_NS || (lone && wait < LONE_NS))
    run_here(conn, request, NULL);
  else if (!path->submits || !submit(request))
    hand_off(conn, request);
}

void
dispatch(struct connection *conn, struct request *request, bool lone)
{
  switch (conn->export->threads) {
  case NBDSRV_THREADS_PARALLEL:
    dispatch_parallel(conn, request, lone);
    break;
  case NBDSRV_THREADS_SERIALIZE_REQUESTS:
  case NBDSRV_THREADS_SERIALIZE_CONNECTIONS: /* the lane is held since open */
    run_here(conn, request, NULL);
    break;
  default:
    run_here(conn, request, &conn->export->lane);
  }
}
