/* SPDX-License-Identifier: BSD-3-Clause */
/* One operation on its way down a stack of layers and up again.
 * Gets operations from request.c and, as nbdsrv_next_*, from filters; calls hooks
 * and then the layer that layer.c resolved, or emulate.c.
 */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "connection.h"
#include "emulate.h"
#include "layer.h"
#include "log.h"

static void
debug_operation(const struct layer_call *call, const struct nbdsrv_next *handle,
                unsigned command)
{
  static const char *const names[NBD_CMD_COUNT] = {
      "read", "write", "disconnect", "flush", "trim", "cache", "zero", "extents"};
  const struct nbdsrv_next *end = call->path->end ? call->path->end : handle;

  log_layer_debug(handle->connection, end->layer,
                  "%s: length %llu, offset 0x%llx, flags 0x%x%s", names[command],
                  (unsigned long long)call->op.length,
                  (unsigned long long)call->op.offset, call->op.flags,
                  call->path->native ? "" : ", emulated");
}

/* What no hook may do: the client waits for this many bytes, and no more were checked.
 */
static int
check_length(const struct layer_call *call, uint64_t len, const struct layer *layer)
{
  bool is_data = (call->op.op & (NBDSRV_OP_READ | NBDSRV_OP_WRITE)) != 0;

  if (call->op.length == len ||
      (call->op.length > 0 && call->op.length < len && !is_data))
    return 0;
  nbdsrv_error("%s turned a length of %llu into %llu", layer->ops->name,
               (unsigned long long)len, (unsigned long long)call->op.length);
  return EINVAL;
}

int
layer_begin(struct layer_call *call, struct nbdsrv_next *handle, unsigned command,
            uint32_t flags, uint64_t len, uint64_t off, const void *data)
{
  const struct path *path = &handle->paths[command];
  struct connection *conn;

  call->path = path;
  call->entered = 0;
  call->op = (struct nbdsrv_op){.size = sizeof call->op,
                                .op = 1u << command,
                                .flags = flags,
                                .length = len,
                                .offset = off,
                                .data = data};
  if (log_data_path)
    debug_operation(call, handle, command);
  if (!path->end || !path->end->is_open)
    return EIO;
  if (path->hook_count == 0)
    return 0;

  conn = handle->connection ? handle->connection : log_call_current()->connection;
  if (conn)
    call->op.id =
        atomic_fetch_add_explicit(&conn->operation_id, 1, memory_order_relaxed) + 1;
  for (unsigned i = 0; i < path->hook_count; i++) {
    struct nbdsrv_next *hook = path->hooks[i];
    log_call_current()->layer = hook->layer; /* for its nbdsrv_error () */
    int error;

    call->op.opaque = 0;
    error = hook->layer->ops->before ? hook->layer->ops->before(hook->handle, &call->op)
                                     : 0;
    call->places[i] = (struct layer_place){call->op.flags, call->op.length,
                                           call->op.offset, call->op.opaque};
    call->entered = i + 1;
    if (!error)
      error = check_length(call, len, hook->layer);
    if (error)
      return error;
  }
  return 0;
}

int
layer_finish(struct layer_call *call, int error)
{
  while (call->entered > 0) {
    struct nbdsrv_next *hook = call->path->hooks[--call->entered];
    const struct layer_place *place = &call->places[call->entered];

    call->op.flags = place->flags;
    call->op.length = place->length;
    call->op.offset = place->offset;
    call->op.opaque = place->opaque;
    if (hook->layer->ops->after) {
      log_call_current()->layer = hook->layer;
      hook->layer->ops->after(hook->handle, &call->op, &error);
    }
  }
  if (error && log_data_path)
    nbdsrv_debug("failed: %s", strerror(error));
  return error;
}

/* ------------------------------------------------ asynchronous, waited for here */

struct waiter {
  struct layer_async async; /* first */
  pthread_mutex_t lock;
  pthread_cond_t changed;
  bool finished;
  int error;
};

static void
waiter_done(struct layer_async *async, int error, const char *text)
{
  struct waiter *waiter = (struct waiter *)async;

  pthread_mutex_lock(&waiter->lock);
  /* The text belongs to the call of the thread that waits. */
  if (text)
    snprintf(waiter->async.text, sizeof waiter->async.text, "%s", text);
  waiter->error = error;
  waiter->finished = true;
  pthread_cond_signal(&waiter->changed);
  pthread_mutex_unlock(&waiter->lock);
}

static int
submit_and_wait(struct nbdsrv_next *end, const struct nbdsrv_op *op, void *buf,
                struct nbdsrv_extents *extents)
{
  struct waiter waiter = {.lock = PTHREAD_MUTEX_INITIALIZER,
                          .changed = PTHREAD_COND_INITIALIZER};
  int error;

  layer_async_prepare(&waiter.async, op, buf, extents);
  waiter.async.done = waiter_done;
  error = end->layer->ops->submit(end->handle, &waiter.async.request);
  if (error)
    return error;
  layer_kick(end);
  pthread_mutex_lock(&waiter.lock);
  while (!waiter.finished)
    pthread_cond_wait(&waiter.changed, &waiter.lock);
  pthread_mutex_unlock(&waiter.lock);
  if (waiter.async.text[0] != '\0')
    nbdsrv_error("%s", waiter.async.text);
  return waiter.error;
}

void
layer_async_prepare(struct layer_async *async, const struct nbdsrv_op *op, void *buf,
                    struct nbdsrv_extents *extents)
{
  async->text[0] = '\0';
  async->request = (struct nbdsrv_request){
      .size = sizeof async->request,
      .op = op->op,
      .flags = op->flags,
      .length = op->length,
      .offset = op->offset,
      .buf = op->op == NBDSRV_OP_WRITE ? (void *)op->data : buf,
      .extents = extents,
  };
}

NBDSRV_PUBLIC void
nbdsrv_complete(struct nbdsrv_request *request, int error, const char *text)
{
  struct layer_async *async = (struct layer_async *)request;

  async->done(async, error, text);
}

/* True if the end has no blocking call for the operation but takes it by submit. */
static bool
only_submit(const struct nbdsrv_next *end, uint32_t op)
{
  const struct nbdsrv_plugin *ops = end->layer->ops;

  if (!ops->submit || !(ops->submit_ops & op))
    return false;
  switch (op) {
  case NBDSRV_OP_READ:
    return !ops->read;
  case NBDSRV_OP_WRITE:
    return !ops->write;
  case NBDSRV_OP_FLUSH:
    return !ops->flush;
  case NBDSRV_OP_TRIM:
    return !ops->trim;
  case NBDSRV_OP_CACHE:
    return !ops->cache;
  case NBDSRV_OP_ZERO:
    return !ops->zero;
  case NBDSRV_OP_EXTENTS:
    return !ops->extents;
  default:
    return false;
  }
}

bool
layer_is_async(const struct layer_call *call)
{
  const struct path *path = call->path;

  return path->end && path->native &&
         (path->submits || only_submit(path->end, call->op.op)) &&
         (path->fua || !(call->op.flags & NBDSRV_FLAG_FUA));
}

int
layer_submit(struct layer_call *call, void *buf, struct nbdsrv_extents *extents,
             struct layer_async *async)
{
  struct nbdsrv_next *end = call->path->end;

  layer_async_prepare(async, &call->op, buf, extents);
  return end->layer->ops->submit(end->handle, &async->request);
}

void
layer_kick(struct nbdsrv_next *end)
{
  if (end->layer->ops->kick)
    end->layer->ops->kick(end->handle);
}

/* ------------------------------------------------------------------ data calls */

/* The member of the end's struct; path->native says that there is one. */
static int
native_call(struct nbdsrv_next *end, const struct nbdsrv_op *op, void *buf,
            struct nbdsrv_extents *extents, uint32_t flags)
{
  const struct nbdsrv_plugin *ops = end->layer->ops;

  switch (op->op) {
  case NBDSRV_OP_READ:
    if (ops->read)
      return ops->read(end->handle, buf, op->length, op->offset, flags);
    break;
  case NBDSRV_OP_WRITE:
    if (ops->write)
      return ops->write(end->handle, op->data, op->length, op->offset, flags);
    break;
  case NBDSRV_OP_FLUSH:
    if (ops->flush)
      return ops->flush(end->handle, flags);
    break;
  case NBDSRV_OP_TRIM:
    if (ops->trim)
      return ops->trim(end->handle, op->length, op->offset, flags);
    break;
  case NBDSRV_OP_CACHE:
    if (ops->cache)
      return ops->cache(end->handle, op->length, op->offset, flags);
    break;
  case NBDSRV_OP_ZERO:
    if (ops->zero)
      return ops->zero(end->handle, op->length, op->offset, flags);
    break;
  case NBDSRV_OP_EXTENTS:
    if (ops->extents)
      return ops->extents(end->handle, op->length, op->offset, flags, extents);
    break;
  }
  if (ops->submit && (ops->submit_ops & op->op))
    return submit_and_wait(end, op, buf, extents);
  return emulate(end, (unsigned)__builtin_ctz(op->op), flags, op->length, op->offset,
                 buf, extents);
}

/* After ENOTSUP from zero (): write them, unless only fast zeroes are wanted. */
static int
zero_otherwise(struct nbdsrv_next *end, const struct nbdsrv_op *op, uint32_t flags,
               bool nowait)
{
  if (flags & NBDSRV_FLAG_FAST_ZERO)
    return ENOTSUP;
  return nowait ? EAGAIN
                : emulate(end, NBD_CMD_WRITE_ZEROES, flags, op->length, op->offset,
                          NULL, NULL);
}

int
layer_perform(struct layer_call *call, void *buf, struct nbdsrv_extents *extents,
              bool nowait)
{
  const struct path *path = call->path;
  struct nbdsrv_next *end = path->end;
  uint32_t flags = call->op.flags;
  bool flush_after = (flags & NBDSRV_FLAG_FUA) && !path->fua;
  int error;

  if (nowait) {
    if (flush_after || !(path->is_inline || path->nowait))
      return EAGAIN;
    if (path->nowait)
      flags |= NBDSRV_FLAG_NOWAIT;
  }
  if (flush_after)
    flags &= ~NBDSRV_FLAG_FUA;
  log_call_current()->layer = end->layer;
  call->op.extents = extents;
  if (path->native)
    error = native_call(end, &call->op, buf, extents, flags);
  else
    error =
        emulate(end, (unsigned)__builtin_ctz(call->op.op), flags, call->op.length,
                call->op.offset,
                call->op.op == NBDSRV_OP_WRITE ? (void *)call->op.data : buf, extents);
  if (error == ENOTSUP && path->native && call->op.op == NBDSRV_OP_ZERO)
    error = zero_otherwise(end, &call->op, flags, nowait);
  if (!error && flush_after)
    error = layer_do(end, NBD_CMD_FLUSH, 0, 0, 0, NULL, NULL);
  if (!error && call->op.op == NBDSRV_OP_READ && call->entered > 0)
    call->op.data = buf;
  return error;
}

/* A client that was promised so many bytes gets no others. */
static int
check_loan(const struct nbdsrv_loan *loan, uint64_t len, const char *name)
{
  uint64_t lent = 0;

  if (loan->count == 0 && loan->fd >= 0)
    return 0;
  for (uint32_t i = 0; i < loan->count && i < NBDSRV_LOAN_MAX; i++)
    lent += loan->iov[i].iov_len;
  if (lent == len && loan->count <= NBDSRV_LOAN_MAX)
    return 0;
  nbdsrv_error("%s lends %llu bytes in %u parts, not %llu", name,
               (unsigned long long)lent, loan->count, (unsigned long long)len);
  return EIO;
}

int
layer_borrow(struct nbdsrv_next *end, uint64_t len, uint64_t off,
             struct nbdsrv_loan *loan)
{
  const struct nbdsrv_plugin *ops = end->layer->ops;
  int error;

  loan->size = sizeof *loan;
  loan->count = 0;
  loan->fd = -1;
  loan->release = NULL;
  error = ops->lend(end->handle, len, off, loan);
  if (error)
    return error;
  error = check_loan(loan, len, ops->name);
  if (error && loan->release)
    loan->release(end->handle, loan);
  return error;
}

int
layer_lend(struct layer_call *call, struct nbdsrv_loan *loan)
{
  const struct path *path = call->path;

  if (!path->native || !path->end->layer->ops->lend)
    return EAGAIN;
  return layer_borrow(path->end, call->op.length, call->op.offset, loan);
}

void
layer_lend_done(const struct path *path, struct nbdsrv_loan *loan)
{
  if (loan->release)
    loan->release(path->end->handle, loan);
}

int
layer_do(struct nbdsrv_next *handle, unsigned command, uint32_t flags, uint64_t len,
         uint64_t off, void *buf, struct nbdsrv_extents *extents)
{
  const struct layer *caller = log_call_current()->layer;
  bool nowait = (flags & NBDSRV_FLAG_NOWAIT) != 0;
  struct layer_call call;
  int error;

  error = layer_begin(&call, handle, command, flags & ~NBDSRV_FLAG_NOWAIT, len, off,
                      command == NBD_CMD_WRITE ? buf : NULL);
  if (!error)
    error = layer_perform(&call, buf, extents, nowait);
  error = layer_finish(&call, error);
  log_call_current()->layer = caller;
  return error;
}

/* What filters call.  A length of 0 is nothing to do, as the header promises. */

NBDSRV_PUBLIC int
nbdsrv_next_read(struct nbdsrv_next *next, void *buf, uint64_t len, uint64_t off,
                 uint32_t flags)
{
  return len ? layer_do(next, NBD_CMD_READ, flags, len, off, buf, NULL) : 0;
}

NBDSRV_PUBLIC int
nbdsrv_next_write(struct nbdsrv_next *next, const void *buf, uint64_t len, uint64_t off,
                  uint32_t flags)
{
  return len ? layer_do(next, NBD_CMD_WRITE, flags, len, off, (void *)buf, NULL) : 0;
}

NBDSRV_PUBLIC int
nbdsrv_next_flush(struct nbdsrv_next *next, uint32_t flags)
{
  return layer_do(next, NBD_CMD_FLUSH, flags, 0, 0, NULL, NULL);
}

NBDSRV_PUBLIC int
nbdsrv_next_trim(struct nbdsrv_next *next, uint64_t len, uint64_t off, uint32_t flags)
{
  return len ? layer_do(next, NBD_CMD_TRIM, flags, len, off, NULL, NULL) : 0;
}

NBDSRV_PUBLIC int
nbdsrv_next_zero(struct nbdsrv_next *next, uint64_t len, uint64_t off, uint32_t flags)
{
  return len ? layer_do(next, NBD_CMD_WRITE_ZEROES, flags, len, off, NULL, NULL) : 0;
}

NBDSRV_PUBLIC int
nbdsrv_next_cache(struct nbdsrv_next *next, uint64_t len, uint64_t off, uint32_t flags)
{
  return len ? layer_do(next, NBD_CMD_CACHE, flags, len, off, NULL, NULL) : 0;
}

NBDSRV_PUBLIC int
nbdsrv_next_extents(struct nbdsrv_next *next, uint64_t len, uint64_t off,
                    uint32_t flags, struct nbdsrv_extents *extents)
{
  return len ? layer_do(next, NBD_CMD_BLOCK_STATUS, flags, len, off, NULL, extents) : 0;
}
