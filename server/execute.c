/* SPDX-License-Identifier: BSD-3-Clause */
/* The layer call of one request.
 * Gets checked requests from dispatch.c, on whichever thread it chose; leaves the
 * result in the request for reply.c.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "connection.h"
#include "log.h"
#include "request.h"

/* Reads smaller than this are not worth a look for holes. */
#define SPARSE_LEAST (64u * 1024)

/* A read's answer as one part. */
static void
one_part(struct request *request, void *base)
{
  request->loan.count = 1;
  request->loan.iov[0] = (struct iovec){base, request->length};
}

/* Turns extents into parts, holes without memory.  False: all data, or too
 * fragmented to pay. */
static bool
parts_from_extents(struct request *request, const struct nbdsrv_extents *extents)
{
  struct nbdsrv_loan *loan = &request->loan;
  uint64_t done = 0;
  bool holes = false;

  loan->count = 0;
  for (size_t i = 0; i < extents->count && done < request->length; i++) {
    uint64_t len = extents->list[i].length;
    bool zero = (extents->list[i].type & NBDSRV_EXTENT_ZERO) != 0;

    if (len > request->length - done)
      len = request->length - done;
    if (loan->count == NBDSRV_LOAN_MAX)
      return false;
    loan->iov[loan->count++] = (struct iovec){zero ? NULL : request->room + done, len};
    holes = holes || zero;
    done += len;
  }
  if (done < request->length) { /* the layer stopped early: the rest is data */
    if (loan->count == NBDSRV_LOAN_MAX)
      return false;
    loan->iov[loan->count++] =
        (struct iovec){request->room + done, request->length - done};
  }
  return holes;
}

/* Known to be data, from an earlier look. */
static bool
is_known_data(struct connection *conn, const struct request *request)
{
  return request->offset >=
             atomic_load_explicit(&conn->data_start, memory_order_relaxed) &&
         request->offset + request->length <=
             atomic_load_explicit(&conn->data_end, memory_order_relaxed);
}

/* Layers may tell more than was asked: the next reads profit from it. */
static void
remember_data(struct connection *conn, const struct nbdsrv_extents *extents)
{
  const struct extent *last = &extents->list[extents->count - 1];

  if (last->type & NBDSRV_EXTENT_ZERO)
    return;
  atomic_store_explicit(&conn->data_start, last->offset, memory_order_relaxed);
  atomic_store_explicit(&conn->data_end, last->offset + last->length,
                        memory_order_relaxed);
}

static int
read_parts(struct request *request, bool nowait)
{
  struct nbdsrv_next *top = request->conn->top;
  uint32_t flags = request->flags | (nowait ? NBDSRV_FLAG_NOWAIT : 0);
  uint64_t done = 0;
  int error = 0;

  for (uint32_t i = 0; i < request->loan.count && !error; i++) {
    const struct iovec *part = &request->loan.iov[i];
    if (part->iov_base)
      error = layer_do(top, NBD_CMD_READ, flags, part->iov_len, request->offset + done,
                       part->iov_base, NULL);
    done += part->iov_len;
  }
  return error;
}

/* A large read that meets holes: reads only the data between them.  ENOENT: there
 * are none, or it does not pay. */
static int
read_sparse(struct request *request, bool nowait)
{
  struct connection *conn = request->conn;
  struct nbdsrv_extents extents = {0};
  int error;

  if (!conn->agreed.structured || (request->wire_flags & NBD_CMD_FLAG_DF) ||
      request->length < SPARSE_LEAST || !(conn->top->info.can & NBDSRV_CAN_SPARSE) ||
      layer_path(conn->top, NBD_CMD_READ)->hook_count > 0 ||
      is_known_data(conn, request))
    return ENOENT;
  extents_begin(&extents, request->length, request->offset, 0, false);
  error = layer_do(conn->top, NBD_CMD_BLOCK_STATUS, nowait ? NBDSRV_FLAG_NOWAIT : 0,
                   request->length, request->offset, NULL, &extents);
  if (!error && extents.count > 0)
    remember_data(conn, &extents);
  if (error)
    error = error == EAGAIN ? EAGAIN : ENOENT; /* it may still be readable */
  else if (extents.count == 1 && !(extents.list[0].type & NBDSRV_EXTENT_ZERO))
    error = ENOENT;
  else if (!request_make_room(request, request->length))
    error = ENOMEM;
  else
    error =
        parts_from_extents(request, &extents) ? read_parts(request, nowait) : ENOENT;
  extents_release(&extents);
  return error;
}

/* Memory or a part of a file, sent from where it lies.  EAGAIN: nothing is lent. */
static int
read_lent(struct request *request)
{
  int error = layer_lend(&request->call, &request->loan);
  bool file = !error && request->loan.count == 0;

  if (file && !transport_sends_files(&request->conn->transport)) {
    layer_lend_done(request->call.path, &request->loan);
    return EAGAIN;
  }
  request->lent = error == 0;
  return error;
}

static int
run_read(struct request *request, bool nowait)
{
  int error = read_sparse(request, nowait);

  if (error != ENOENT)
    return error;
  error = read_lent(request);
  if (error != EAGAIN)
    return error;
  if (!request_make_room(request, request->length))
    return ENOMEM;
  one_part(request, request->room);
  return layer_perform(&request->call, request->room, NULL, nowait);
}

/* The protocol wants at least one extent, from where the question began. */
static int
check_extents(const struct request *request, const struct nbdsrv_extents *extents)
{
  if (extents->count > 0)
    return 0;
  nbdsrv_error("%s: no extents at offset %llu", request->conn->top->layer->ops->name,
               (unsigned long long)request->offset);
  return EIO;
}

static int
run_status(struct request *request, bool nowait)
{
  struct connection *conn = request->conn;
  uint32_t flags = request->flags | (nowait ? NBDSRV_FLAG_NOWAIT : 0);
  int error = 0;

  if (!request->extents)
    request->extents = calloc(CONNECTION_MAX_CONTEXTS, sizeof *request->extents);
  if (!request->extents)
    return ENOMEM;
  for (unsigned i = 0; i < conn->agreed.context_count && !error; i++) {
    struct nbdsrv_extents *extents = &request->extents[i];

    if (!(request->contexts & (1u << i)))
      continue;
    extents_begin(extents, request->length, request->offset,
                  conn->agreed.contexts[i].index,
                  (request->wire_flags & NBD_CMD_FLAG_REQ_ONE) != 0);
    error = layer_do(conn->top, NBD_CMD_BLOCK_STATUS, flags, request->length,
                     request->offset, NULL, extents);
    if (!error)
      error = check_extents(request, extents);
    if (!error && conn->top->info.block_minimum > 1)
      error = extents_align(extents, conn->top->info.block_minimum,
                            conn->top->info.export_size);
  }
  return error;
}

void
request_finish(struct request *request, int error)
{
  struct log_call *call = log_call_current();

  if (request->begun)
    error = layer_finish(&request->call, error);
  request->begun = false;
  request->error = error;
  if (error && call->text[0] != '\0')
    request->text = strdup(call->text); /* NULL: an error without a sentence */
  call->text[0] = '\0';
}

int
request_begin(struct request *request)
{
  if (request->begun)
    return 0;
  request->begun = true;
  return layer_begin(&request->call, request->conn->top, request->command,
                     request->flags, request->length, request->offset, request->data);
}

int
request_run(struct request *request, bool nowait)
{
  int error;

  if (request->command == NBD_CMD_BLOCK_STATUS) {
    /* One operation a context: it does not outlive this call, so hooks that saw it
     * once cannot be spared a second time after EAGAIN. */
    if (nowait && layer_path(request->conn->top, NBD_CMD_BLOCK_STATUS)->hook_count > 0)
      return EAGAIN;
    error = run_status(request, nowait);
  } else {
    error = request_begin(request);
    if (!error)
      error = request->command == NBD_CMD_READ
                  ? run_read(request, nowait)
                  : layer_perform(&request->call, NULL, NULL, nowait);
  }
  if (error == EAGAIN && nowait)
    return EAGAIN;
  request_finish(request, error);
  return 0;
}
