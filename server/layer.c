/* SPDX-License-Identifier: BSD-3-Clause */
/* The life of a stack of layers: instances, and a client's handles in them.
 * Gets modules from loader.c and instances filled by params.c; hands handles with
 * resolved paths to the operations in layer-call.c.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "connection.h"
#include "export.h"
#include "layer.h"
#include "loader.h"
#include "log.h"
#include "params.h"
#include "server.h"

/* ---------------------------------------------------------------- instances */

int
layer_new(struct module *module, struct layer *below, struct layer **result)
{
  struct layer *layer = calloc(1, sizeof *layer);

  if (!layer)
    return ENOMEM;
  layer->module = module;
  layer->ops = &module->ops;
  layer->below = below;
  if (module->ops.instance_size > 0) {
    layer->inst = calloc(1, module->ops.instance_size);
    if (!layer->inst) {
      free(layer);
      return ENOMEM;
    }
  }
  if (module->instance_setup) {
    int error = module->instance_setup(module, layer->inst);
    if (error) {
      free(layer->inst);
      free(layer);
      return error;
    }
  }
  *result = layer;
  return 0;
}

void
layer_free(struct layer *layer)
{
  while (layer) {
    struct layer *below = layer->below;
    struct log_call call = {.layer = layer}, *before = log_call_enter(&call);
    if (layer->is_ready && layer->ops->stop) {
      if (log_control_path)
        nbdsrv_debug("stop");
      layer->ops->stop(layer->inst);
    }
    if (layer->ops->unload)
      layer->ops->unload(layer->inst);
    log_call_leave(before);
    params_free(layer);
    free(layer->inst);
    loader_unload(layer->module);
    free(layer);
    layer = below;
  }
}

/* Runs one of the calls that a layer gets while the server starts. */
static int
starting(struct layer *layer, int (*function)(void *inst), const char *name,
         const char *what)
{
  struct log_call call = {.layer = layer}, *before;
  int error = 0;

  if (!function)
    return 0;
  before = log_call_enter(&call);
  if (log_control_path)
    nbdsrv_debug("%s", name);
  error = function(layer->inst);
  log_call_leave(before);
  if (error && call.text[0] == '\0')
    log_error("%s: %s: %s", layer->ops->name, what, strerror(error));
  return error;
}

int
layer_ready(struct layer *layer)
{
  int error;

  if (!layer)
    return 0;
  error = layer_ready(layer->below);
  if (!error)
    error = starting(layer, layer->ops->ready, "ready", "refuses its parameters");
  layer->is_ready = error == 0;
  return error;
}

static int
start_below(struct layer *layer, uint32_t threads)
{
  int error;

  if (!layer)
    return 0;
  layer->threads = threads;
  error = start_below(layer->below, threads);
  return error ? error : starting(layer, layer->ops->start, "start", "cannot start");
}

int
layer_start(struct layer *top)
{
  return start_below(top, layer_threads(top));
}

NBDSRV_PUBLIC uint32_t
nbdsrv_thread_model(void)
{
  const struct layer *layer = log_call_current()->layer;

  return layer ? layer->threads : NBDSRV_THREADS_SERIALIZE_ALL;
}

/* How parallel a model is; their values are not in that order. */
static unsigned
parallelism(uint32_t model)
{
  switch (model) {
  case NBDSRV_THREADS_PARALLEL:
    return 3;
  case NBDSRV_THREADS_SERIALIZE_REQUESTS:
    return 2;
  case NBDSRV_THREADS_SERIALIZE_CONNECTIONS:
    return 0;
  default:
    return 1;
  }
}

uint32_t
layer_stricter(uint32_t a, uint32_t b)
{
  return parallelism(a) < parallelism(b) ? a : b;
}

uint32_t
layer_threads(const struct layer *layer)
{
  uint32_t least = NBDSRV_THREADS_PARALLEL;

  for (; layer; layer = layer->below)
    least = layer_stricter(layer->ops->threads ? layer->ops->threads(layer->inst)
                                               : layer->ops->thread_model,
                           least);
  return least;
}

int
layer_list(struct layer *layer, struct nbdsrv_exports *exports)
{
  struct layer *before = exports->layer;
  const struct layer *caller = log_call_current()->layer;
  int error;

  while (layer->below && !layer->ops->list)
    layer = layer->below;
  exports->layer = layer;
  log_call_current()->layer = layer;
  error = layer->ops->list ? layer->ops->list(layer->inst, exports)
                           : nbdsrv_exports_add(exports, "", NULL);
  exports->layer = before;
  log_call_current()->layer = caller;
  return error;
}

NBDSRV_PUBLIC int
nbdsrv_next_list(struct nbdsrv_exports *exports)
{
  struct layer *below = exports->layer ? exports->layer->below : NULL;

  return below ? layer_list(below, exports) : EINVAL;
}

/* Down to last, which is left out; NULL: all of them. */
static void
leave_layers(struct layer *top, const struct layer *last,
             const struct nbdsrv_client *client)
{
  const struct layer *caller = log_call_current()->layer;

  for (struct layer *layer = top; layer != last; layer = layer->below) {
    log_call_current()->layer = layer;
    if (layer->ops->leave)
      layer->ops->leave(layer->inst, client);
  }
  log_call_current()->layer = caller;
}

int
layer_admit(struct layer *top, const struct nbdsrv_client *client)
{
  const struct layer *caller = log_call_current()->layer;
  int error = 0;

  for (struct layer *layer = top; layer && !error; layer = layer->below) {
    log_call_current()->layer = layer;
    if (layer->ops->admit)
      error = layer->ops->admit(layer->inst, client);
    if (error)
      leave_layers(top, layer, client);
  }
  log_call_current()->layer = caller;
  return error;
}

void
layer_leave(struct layer *top, const struct nbdsrv_client *client)
{
  leave_layers(top, NULL, client);
}

/* ------------------------------------------------------------------ handles */

/* Operations that a layer has a member for. */
static uint32_t
member_ops(const struct nbdsrv_plugin *ops)
{
  return (ops->read || ops->lend ? NBDSRV_OP_READ : 0) |
         (ops->write ? NBDSRV_OP_WRITE : 0) | (ops->flush ? NBDSRV_OP_FLUSH : 0) |
         (ops->trim ? NBDSRV_OP_TRIM : 0) | (ops->cache ? NBDSRV_OP_CACHE : 0) |
         (ops->zero ? NBDSRV_OP_ZERO : 0) | (ops->extents ? NBDSRV_OP_EXTENTS : 0) |
         (ops->submit ? ops->submit_ops : 0);
}

/* The ability that goes with an operation. */
static uint32_t
ability(unsigned command)
{
  static const uint32_t can[NBD_CMD_COUNT] = {
      [NBD_CMD_WRITE] = NBDSRV_CAN_WRITE,
      [NBD_CMD_FLUSH] = NBDSRV_CAN_FLUSH,
      [NBD_CMD_TRIM] = NBDSRV_CAN_TRIM,
      [NBD_CMD_CACHE] = NBDSRV_CAN_CACHE,
      [NBD_CMD_WRITE_ZEROES] = NBDSRV_CAN_ZERO,
      [NBD_CMD_BLOCK_STATUS] = NBDSRV_CAN_EXTENTS,
  };
  return can[command];
}

static bool
has(const struct nbdsrv_next *n, unsigned command)
{
  uint32_t can = ability(command);

  return (n->info.can & can) == can;
}

static void
end_path(struct path *path, struct nbdsrv_next *n, uint32_t bit, bool native)
{
  path->end = n;
  path->native = native;
  path->is_inline = native && (n->info.inline_ops & bit);
  path->nowait = native && (n->info.nowait_ops & bit);
  path->submits =
      path->nowait && n->layer->ops->submit && (n->layer->ops->submit_ops & bit);
  path->in_turn = native && (n->info.turn_ops & bit);
}

/* Finds the first layer from top down that has a call for the operation, or that
 * withholds it from those above, or the plugin: in the latter two it is emulated. */
static int
resolve(struct nbdsrv_next *top, unsigned command)
{
  struct path *path = &top->paths[command];
  uint32_t bit = 1u << command;

  *path = (struct path){.fua = true};
  for (struct nbdsrv_next *n = top; n && n->is_open; n = n->below) {
    bool is_plugin = n->layer->below == NULL;
    bool below_has = !is_plugin && n->below->is_open && has(n->below, command);
    bool own = (n->info.own_ops & bit) != 0;

    path->fua = path->fua && (n->info.can & NBDSRV_CAN_FUA);
    if (own && (has(n, command) || (!is_plugin && !below_has))) {
      end_path(path, n, bit, true);
      return 0;
    }
    if (is_plugin || (!has(n, command) && below_has)) {
      end_path(path, n, bit, false);
      return 0;
    }
    if (n->info.hook_ops & bit) {
      if (path->hook_count == LAYER_MAX_HOOKS)
        return E2BIG;
      path->hooks[path->hook_count++] = n;
    }
  }
  return 0;
}

static int
resolve_all(struct nbdsrv_next *top)
{
  for (unsigned command = 0; command < NBD_CMD_COUNT; command++) {
    int error = command == NBD_CMD_DISC ? 0 : resolve(top, command);
    if (error) {
      nbdsrv_error("more than %d filters look at one operation", LAYER_MAX_HOOKS);
      return error;
    }
  }
  return 0;
}

/* What describe () finds: what lies below, or what the members suggest. */
static void
preset_info(struct nbdsrv_next *n)
{
  const struct nbdsrv_plugin *ops = n->layer->ops;
  uint32_t own = member_ops(ops);

  if (n->below && n->below->is_open)
    n->info = n->below->info;
  else {
    n->info = (struct nbdsrv_info){0};
    for (unsigned command = 0; command < NBD_CMD_COUNT; command++)
      if (own & (1u << command))
        n->info.can |= ability(command);
  }
  n->info.size = sizeof n->info;
  n->info.own_ops = own;
  n->info.inline_ops &= ~own;
  n->info.nowait_ops &= ~own;
  n->info.turn_ops &= ~own;
  n->info.hook_ops = ops->before || ops->after ? NBDSRV_OP_ALL : 0;
}

static int
check_block_size(const struct nbdsrv_info *info, const char *name)
{
  uint32_t min = info->block_minimum, pref = info->block_preferred;
  uint32_t max = info->block_maximum;

  if ((min && (min & (min - 1))) || min > NBD_MOST_MINIMUM ||
      (pref && ((pref & (pref - 1)) || pref < NBD_LEAST_PREFERRED ||
                pref > NBD_MOST_PREFERRED)) ||
      (pref && pref < min) ||
      (max && (max < NBD_LEAST_PREFERRED || max < min || max < pref))) {
    nbdsrv_error("%s: block sizes %u, %u, %u make no sense", name, min, pref, max);
    return EINVAL;
  }
  return 0;
}

/* Brings what describe () left into bounds. */
static int
settle_info(struct nbdsrv_next *n)
{
  struct nbdsrv_info *info = &n->info;
  uint32_t own = member_ops(n->layer->ops);
  uint32_t down_inline = 0, down_nowait = 0;

  if (info->export_size > INT64_MAX) {
    nbdsrv_error("%s: the size %llu is too large", n->layer->ops->name,
                 (unsigned long long)info->export_size);
    return EOVERFLOW;
  }
  info->own_ops &= own;
  if (!n->layer->ops->before && !n->layer->ops->after)
    info->hook_ops = 0;
  if (n->below && n->below->is_open) {
    down_inline = n->below->info.inline_ops;
    down_nowait = n->below->info.nowait_ops;
  }
  info->inline_ops &= info->own_ops;
  info->nowait_ops &= info->own_ops;
  info->inline_ops |= down_inline & ~info->own_ops;
  info->nowait_ops |= down_nowait & ~info->own_ops;
  return check_block_size(info, n->layer->ops->name);
}

static int
describe(struct nbdsrv_next *n)
{
  const struct nbdsrv_plugin *ops = n->layer->ops;
  int error = 0;

  preset_info(n);
  if (ops->describe)
    error = ops->describe(n->handle, &n->info);
  if (!error)
    error = settle_info(n);
  if (!error && log_control_path)
    log_layer_debug(n->connection, n->layer, "describe: size %llu, can 0x%x",
                    (unsigned long long)n->info.export_size, n->info.can);
  return error ? error : resolve_all(n);
}

static struct nbdsrv_next *
handles_new(struct layer *layer, struct connection *connection)
{
  struct nbdsrv_next *n;

  if (!layer)
    return NULL;
  n = calloc(1, sizeof *n);
  if (!n)
    return NULL;
  n->layer = layer;
  n->connection = connection;
  if (layer->below) {
    n->below = handles_new(layer->below, connection);
    if (!n->below) {
      free(n);
      return NULL;
    }
  }
  return n;
}

/* Opens one layer and, unless it does so itself, those below. */
static int
open_handle(struct nbdsrv_next *n, const struct nbdsrv_client *client)
{
  const struct connection *conn =
      n->connection ? n->connection : log_call_current()->connection;
  struct nbdsrv_client own = {.security = conn ? conn->security : NULL};
  const struct layer *caller = log_call_current()->layer;
  int error = 0;

  /* The copy of a filter that was built against an older header ends earlier. */
  memcpy(&own, client, offsetof(struct nbdsrv_client, security));
  own.next = n->below;
  n->handle = n->layer->inst;
  log_call_current()->layer = n->layer;
  if (log_control_path)
    log_layer_debug(n->connection, n->layer, "open: export '%s'%s%s",
                    client->export_name, client->readonly ? ", read-only" : "",
                    client->tls ? ", TLS" : "");
  if (n->layer->ops->open)
    error = n->layer->ops->open(n->layer->inst, &own, &n->handle);
  else if (n->below)
    error = open_handle(n->below, &own);
  if (!error) {
    log_call_current()->layer = n->layer;
    n->is_open = true;
    error = describe(n);
  }
  log_call_current()->layer = caller;
  return error;
}

static void
close_handle(struct nbdsrv_next *n)
{
  for (; n; n = n->below) {
    log_call_current()->layer = n->layer;
    if (n->is_open && log_control_path)
      log_layer_debug(n->connection, n->layer, "close");
    if (n->is_open && n->layer->ops->close)
      n->layer->ops->close(n->handle);
    n->is_open = false;
  }
}

int
layer_open(struct layer *top, struct connection *connection,
           const struct nbdsrv_client *client, struct nbdsrv_next **result)
{
  struct nbdsrv_next *n = handles_new(top, connection);
  int error;

  if (!n)
    return ENOMEM;
  error = open_handle(n, client);
  if (error) {
    layer_close(n);
    return error;
  }
  *result = n;
  return 0;
}

void
layer_close(struct nbdsrv_next *n)
{
  close_handle(n);
  while (n) {
    struct nbdsrv_next *below = n->below;
    free(n);
    n = below;
  }
}

NBDSRV_PUBLIC int
nbdsrv_next_open(struct nbdsrv_next *next, const struct nbdsrv_client *client)
{
  struct log_call *call = log_call_current();
  bool outlives = call->outlives;
  int error;

  if (next->is_open)
    return EBUSY;
  call->outlives = outlives || !next->connection;
  error = open_handle(next, client);
  call->outlives = outlives;
  return error;
}

NBDSRV_PUBLIC void
nbdsrv_next_close(struct nbdsrv_next *next)
{
  const struct layer *caller = log_call_current()->layer;

  close_handle(next);
  log_call_current()->layer = caller;
}

NBDSRV_PUBLIC struct nbdsrv_next *
nbdsrv_next_new(const struct nbdsrv_next *like)
{
  return handles_new(like->layer, NULL);
}

NBDSRV_PUBLIC void
nbdsrv_next_free(struct nbdsrv_next *next)
{
  const struct layer *caller = log_call_current()->layer;

  layer_close(next);
  log_call_current()->layer = caller;
}

NBDSRV_PUBLIC int
nbdsrv_next_describe(struct nbdsrv_next *next, struct nbdsrv_info *info)
{
  uint32_t size;

  if (!next->is_open)
    return ENOTCONN;
  /* A filter built against an older header has a smaller struct. */
  size = info->size < sizeof *info ? info->size : (uint32_t)sizeof *info;
  memcpy(info, &next->info, size);
  info->size = size;
  return 0;
}
