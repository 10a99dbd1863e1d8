/* SPDX-License-Identifier: BSD-3-Clause */
/* From bytes to checked requests, in batches.
 * Gets bytes from transport.c in large gulps; every complete request in a gulp goes
 * to dispatch.c; at the end of the gulp the replies leave together (reply.c).
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "connection.h"
#include "dispatch.h"
#include "log.h"
#include "reply.h"
#include "request.h"
#include "server.h"
#include "tls.h"
#include "wire.h"

#define IN_SIZE_FIRST (8u * 1024)
#define IN_SIZE_MOST  (256u * 1024)
#define IDLE_NS       1000000000u /* after that long without a request, memory is freed */

/* A client that does not take its answers holds no more than this.  One request
 * may always be in flight, however large. */
#define IN_FLIGHT_BYTES    (8u * 1024 * 1024)
#define IN_FLIGHT_REQUESTS 1024u

/* What block status is thought to need: layers rarely tell more than sectors apart.
 * An extent stands in the list and in the reply. */
#define FINEST_EXTENT 512u
#define EXTENT_BYTES  (sizeof(struct extent) + 16)

/* A batch is sent when it has grown to this, even if there is more to do. */
#define BATCH_BYTES    (512u * 1024)
#define BATCH_REQUESTS 128u

/* Larger payloads are received straight into the request's own room. */
#define DIRECT_PAYLOAD (32u * 1024)

/* ----------------------------------------------------------------- requests */

#define SPARE_BYTES (4u * 1024 * 1024)

/* Takes back what the senders have ended. */
static void
harvest(struct connection *conn)
{
  struct request *list;

  pthread_mutex_lock(&conn->lock);
  list = conn->returned;
  conn->returned = NULL;
  pthread_mutex_unlock(&conn->lock);
  while (list) {
    struct request *request = list;
    list = request->next;
    if (conn->spare_bytes + request->room_size > SPARE_BYTES) {
      free(request->room);
      request->room = NULL;
      request->room_size = 0;
    }
    conn->spare_bytes += request->room_size;
    request->next = conn->spare;
    conn->spare = request;
  }
}

struct request *
request_new(struct connection *conn)
{
  struct request *request;

  if (!conn->spare)
    harvest(conn);
  request = conn->spare;
  if (!request) {
    request = calloc(1, sizeof *request);
    if (request)
      request->conn = conn;
    return request;
  }
  conn->spare = request->next;
  conn->spare_bytes -= request->room_size;
  return request;
}

static void
put_back(struct connection *conn, struct request *request)
{
  request->next = conn->spare;
  conn->spare = request;
  conn->spare_bytes += request->room_size;
}

static void
free_lists(struct request *request)
{
  if (request->extents)
    for (unsigned i = 0; i < CONNECTION_MAX_CONTEXTS; i++)
      extents_release(&request->extents[i]);
  free(request->extents);
}

/* Frees everything that an idle client does not need. */
static void
free_memory(struct connection *conn)
{
  harvest(conn);
  while (conn->spare) {
    struct request *request = conn->spare;
    conn->spare = request->next;
    free_lists(request);
    free(request->room);
    free(request);
  }
  conn->spare_bytes = 0;
  if (conn->in_start == conn->in_end) {
    free(conn->in);
    conn->in = NULL;
    conn->in_size = conn->in_start = conn->in_end = 0;
  }
}

bool
request_make_room(struct request *request, size_t len)
{
  if (request->room_size >= len)
    return true;
  free(request->room);
  request->room_size = 0;
  request->room = malloc(len);
  if (request->room)
    request->room_size = len;
  return request->room != NULL;
}

/* ---------------------------------------------------------------- receiving */

/* Makes space behind in_end, for at least need bytes from in_start on. */
static bool
make_space(struct connection *conn, size_t need)
{
  size_t have = conn->in_end - conn->in_start;
  size_t size = conn->in_size;

  if (have > 0 && conn->in_start > 0)
    memmove(conn->in, conn->in + conn->in_start, have);
  conn->in_start = 0;
  conn->in_end = have;
  if (size < IN_SIZE_FIRST)
    size = IN_SIZE_FIRST;
  while (size < need)
    size *= 2;
  if (size != conn->in_size) {
    uint8_t *in = realloc(conn->in, size);
    if (!in)
      return false;
    conn->in = in;
    conn->in_size = size;
  }
  return true;
}

/* Waits without memory for a client that has nothing to say, unless it is to go.  While
 * requests are under way one of them may yet ask for that. */
static bool
wait_idle(struct connection *conn)
{
  if (conn->taken != atomic_load(&conn->done))
    return true;
  if (atomic_load(&conn->leave_ns) != 0)
    return false;
  free_memory(conn);
  return transport_wait(&conn->transport) == 0;
}

/* A client that sends but does not take its answers: does whichever comes first. */
static bool
wait_stalled(struct connection *conn)
{
  while (conn->stalled) {
    int events = transport_wait_both(&conn->transport);
    if (events < 0)
      return false;
    if (events & TRANSPORT_WRITABLE)
      reply_flush(conn);
    if (events & TRANSPORT_READABLE)
      break;
  }
  return true;
}

/* One line, unless it is only that the client is gone. */
static void
log_lost(const struct connection *conn, ssize_t n)
{
  if (n < 0 && n != -ETIMEDOUT && n != -ECONNRESET &&
      !atomic_load(&conn->server->quitting) && !atomic_load(&conn->disconnect))
    log_connection_error(conn, "receiving: %s",
                         tls_strerror(conn->transport.tls, (int)-n));
}

/* More bytes from the client.  False: there will be none. */
static bool
receive(struct connection *conn, size_t need)
{
  ssize_t n;

  do {
    if (conn->stalled && !wait_stalled(conn))
      return false;
    /* A gulp that filled the buffer asks for a larger one. */
    if (conn->in_end == conn->in_size && conn->in_size < IN_SIZE_MOST)
      need = need > 2 * conn->in_size ? need : 2 * conn->in_size;
    if (!make_space(conn, need))
      return false;
    n = transport_recv(&conn->transport, conn->in + conn->in_end,
                       conn->in_size - conn->in_end, false);
  } while (n == -ETIMEDOUT && wait_idle(conn));
  log_lost(conn, n);
  if (n <= 0)
    return false;
  conn->in_end += (size_t)n;
  return true;
}

static void
flush(struct connection *conn)
{
  dispatch_flush(conn);
  reply_flush(conn);
}

/* The rest of a payload that lies only partly in the receive buffer, received
 * where it belongs; what follows it on the wire may come with it. */
static bool
receive_payload(struct connection *conn, struct request *request, size_t len)
{
  size_t have = conn->in_end - conn->in_start;

  if (!request_make_room(request, len)) {
    request->error = ENOMEM;
    conn->skip = len;
    return true;
  }
  flush(conn); /* the client may wait for an answer before it sends the rest */
  memcpy(request->room, conn->in + conn->in_start, have);
  conn->in_start = conn->in_end = 0;
  request->data = request->room;
  while (have < len) {
    struct iovec iov[2] = {{request->room + have, len - have},
                           {conn->in, conn->in_size}};
    ssize_t n;
    if (conn->stalled && !wait_stalled(conn))
      return false;
    n = transport_recvv(&conn->transport, iov, 2);
    if (n == -ETIMEDOUT)
      continue;
    log_lost(conn, n);
    if (n <= 0)
      return false;
    if ((size_t)n > len - have)
      conn->in_end = (size_t)n - (len - have);
    have += (size_t)n;
  }
  return true;
}

/* Drops received bytes of a refused payload. */
static void
drop(struct connection *conn)
{
  size_t have = conn->in_end - conn->in_start;
  size_t n = conn->skip < have ? (size_t)conn->skip : have;

  conn->in_start += n;
  conn->skip -= n;
}

/* ------------------------------------------------------------ understanding */

static bool
parse_header(const struct connection *conn, struct request *request)
{
  struct wire_in in = {conn->in + conn->in_start, conn->in_end - conn->in_start};
  uint32_t magic = 0, length32 = 0;
  bool ok = wire_get_u32(&in, &magic) && wire_get_u16(&in, &request->wire_flags) &&
            wire_get_u16(&in, &request->command) &&
            wire_get_u64(&in, &request->cookie) && wire_get_u64(&in, &request->offset);

  if (conn->agreed.extended)
    return ok && magic == NBD_EXTENDED_REQUEST_MAGIC &&
           wire_get_u64(&in, &request->length);
  ok = ok && magic == NBD_REQUEST_MAGIC && wire_get_u32(&in, &length32);
  if (ok)
    request->length = length32;
  return ok;
}

/* How many bytes follow the header. */
static uint64_t
payload_length(const struct connection *conn, const struct request *request)
{
  if (conn->agreed.extended)
    return request->wire_flags & NBD_CMD_FLAG_PAYLOAD_LEN ? request->length : 0;
  return request->command == NBD_CMD_WRITE ? request->length : 0;
}

/* The effect length and the context ids of a block status request.  EINVAL for ids
 * that are unknown or come twice. */
static int
parse_status_payload(const struct connection *conn, struct request *request)
{
  struct wire_in in = {request->data, (size_t)request->length};
  uint32_t id;

  if (!wire_get_u64(&in, &request->length))
    return EINVAL;
  request->contexts = 0;
  while (in.left > 0) {
    if (!wire_get_u32(&in, &id) || id < 1 || id > conn->agreed.context_count ||
        (request->contexts & (1u << (id - 1))))
      return EINVAL;
    request->contexts |= 1u << (id - 1);
  }
  return request->contexts ? 0 : EINVAL;
}

#define STATUS_PAYLOAD_MOST (8u + 4u * CONNECTION_MAX_CONTEXTS)

/* Why a payload is not wanted, as an errno value; 0: it is. */
static int
refuse_payload(const struct connection *conn, const struct request *request,
               uint64_t payload)
{
  if (request->command == NBD_CMD_WRITE)
    return payload > NBD_MAX_PAYLOAD ? EINVAL : request_check(conn, request);
  if (request->command == NBD_CMD_BLOCK_STATUS &&
      (conn->agreed.transmission_flags & NBD_FLAG_BLOCK_STATUS_PAYLOAD))
    return payload > STATUS_PAYLOAD_MOST ? EINVAL : 0;
  return EINVAL;
}

enum step { STEP_GO_ON, STEP_NEED_MORE, STEP_END };

/* Brings in the payload that follows a header.  conn->in_start is behind the header. */
static enum step
take_payload(struct connection *conn, struct request *request, uint64_t payload)
{
  size_t have = conn->in_end - conn->in_start;

  request->error = refuse_payload(conn, request, payload);
  if (request->error) {
    if (payload > UINT32_MAX) {
      log_connection_error(conn, "a payload of %llu bytes",
                           (unsigned long long)payload);
      return STEP_END;
    }
    conn->skip = payload;
    conn->refused = request;
    return STEP_GO_ON;
  }
  if (payload <= have) {
    request->data = conn->in + conn->in_start;
    conn->in_start += payload;
  } else if (payload < DIRECT_PAYLOAD)
    return STEP_NEED_MORE;
  else {
    if (request->room_size > 4 * payload) { /* keep memory close to what is asked */
      free(request->room);
      request->room = NULL;
      request->room_size = 0;
    }
    if (!receive_payload(conn, request, payload))
      return STEP_END;
    if (request->error)
      conn->refused = request;
  }
  if (!request->error && request->command == NBD_CMD_BLOCK_STATUS)
    request->error = parse_status_payload(conn, request);
  return STEP_GO_ON;
}

/* The flags that layers know have the values of the protocol. */
static uint32_t
layer_flags(uint16_t wire_flags)
{
  return wire_flags & (NBDSRV_FLAG_FUA | NBDSRV_FLAG_NO_HOLE | NBDSRV_FLAG_REQ_ONE |
                       NBDSRV_FLAG_FAST_ZERO);
}

/* The memory that a request may hold until it is answered. */
static uint64_t
charge_of(const struct connection *conn, const struct request *request)
{
  uint64_t extents = request->length / FINEST_EXTENT + 1;

  if (request->command == NBD_CMD_READ || request->command == NBD_CMD_WRITE)
    return request->length;
  if (request->command != NBD_CMD_BLOCK_STATUS ||
      (request->wire_flags & NBD_CMD_FLAG_REQ_ONE))
    return 0;
  if (extents > NBD_MAX_EXTENTS)
    extents = NBD_MAX_EXTENTS;
  return extents * EXTENT_BYTES * conn->agreed.context_count;
}

/* New requests fail: the server ends, or a layer wants the client to go. */
static bool
is_refusing(const struct connection *conn)
{
  return atomic_load_explicit(&conn->server->quitting, memory_order_relaxed) ||
         atomic_load_explicit(&conn->leave_ns, memory_order_relaxed) != 0;
}

static bool
has_to_go(const struct connection *conn)
{
  uint64_t leave_ns = atomic_load(&conn->leave_ns);

  return atomic_load(&conn->disconnect) || (leave_ns != 0 && clock_now() >= leave_ns);
}

static void
serve(struct connection *conn, struct request *request)
{
  unsigned before = conn->taken++;
  bool lone = conn->in_start == conn->in_end && before == atomic_load(&conn->done);

  request->flags = layer_flags(request->wire_flags);
  request->charge = charge_of(conn, request);
  if (request->error == 0)
    request->error = is_refusing(conn) ? ESHUTDOWN : request_check(conn, request);
  if (request->error) {
    request->charge = 0;
    reply_add(request);
    return;
  }
  conn->bytes_taken += request->charge;
  dispatch(conn, request, lone);
}

/* Holds a client back that has too much under way. */
static void
hold_back(struct connection *conn)
{
  unsigned requests = conn->taken - atomic_load(&conn->done);

  if (conn->batch_count >= BATCH_REQUESTS || conn->batch_bytes >= BATCH_BYTES)
    flush(conn);
  if (requests < IN_FLIGHT_REQUESTS && conn->bytes_taken < conn->bytes_bound)
    return;
  flush(conn);
  reply_wait(conn, IN_FLIGHT_REQUESTS - 1, IN_FLIGHT_BYTES - 1);
  conn->bytes_bound = reply_bytes_done(conn) + IN_FLIGHT_BYTES;
}

/* One request out of the receive buffer.  *need: how much must be there. */
static enum step
next_request(struct connection *conn, size_t *need)
{
  size_t header = conn->agreed.extended ? NBD_EXTENDED_REQUEST_SIZE : NBD_REQUEST_SIZE;
  struct request *request;
  uint64_t payload;
  enum step step = STEP_GO_ON;

  *need = header;
  if (conn->skip > 0)
    drop(conn);
  if (conn->skip == 0 && conn->refused) {
    request = conn->refused;
    conn->refused = NULL;
    serve(conn, request);
    return STEP_GO_ON;
  }
  if (conn->in_end - conn->in_start < header)
    return STEP_NEED_MORE;
  hold_back(conn);
  request = request_new(conn);
  if (!request)
    return STEP_END;
  request->error = 0;
  request->begun = request->lent = false;
  request->contexts = UINT32_MAX;
  if (!parse_header(conn, request)) {
    log_connection_error(conn, "a request without the magic number: giving up");
    step = STEP_END;
  } else if (request->command == NBD_CMD_DISC) {
    log_connection_debug(conn, "the client disconnects");
    step = STEP_END;
  } else {
    payload = payload_length(conn, request);
    conn->in_start += header;
    if (payload > 0)
      step = take_payload(conn, request, payload);
    if (step == STEP_NEED_MORE) {
      conn->in_start -= header;
      *need = header + (size_t)payload;
    }
  }
  if (step != STEP_GO_ON)
    put_back(conn, request);
  else if (request != conn->refused)
    serve(conn, request);
  return step;
}

void
request_loop(struct connection *conn)
{
  enum step step = STEP_NEED_MORE;
  size_t need = 0;

  transport_set_timeout(&conn->transport, IDLE_NS);
  conn->bytes_bound = IN_FLIGHT_BYTES;
  while (step != STEP_END && !has_to_go(conn) && receive(conn, need)) {
    do
      step = next_request(conn, &need);
    while (step == STEP_GO_ON);
    flush(conn);
  }
  if (conn->refused)
    put_back(conn, conn->refused);
  flush(conn);
  reply_wait(conn, 0, 0);
  conn->in_start = conn->in_end = 0;
  free_memory(conn);
}
