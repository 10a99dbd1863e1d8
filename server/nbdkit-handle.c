/* SPDX-License-Identifier: BSD-3-Clause */
/* A client's handle in an nbdkit plugin: open, one description made of the plugin's
 * many answers, close; and the names that the plugin lists.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "connection.h"
#include "log.h"
#include "nbdkit.h"
#include "server.h"

/* Calls of the plugin that come before it has a handle for this client find what
 * they ask about here. */
static void
running(struct bridge_handle *h)
{
  log_call_current()->bridge = h;
}

/* For calls whose failure the plugin need not explain. */
static int
explain(const struct bridge *bridge, const char *what)
{
  int error = bridge_failed(&bridge->plugin);

  if (log_call_current()->text[0] == '\0')
    nbdsrv_error("%s: %s", what, strerror(error));
  return error;
}

int
bridge_admit(void *inst, const struct nbdsrv_client *client)
{
  struct bridge *bridge = *(struct bridge **)inst;

  bridge_last_error = 0;
  if (bridge->plugin.preconnect && bridge->plugin.preconnect(client->readonly) == -1)
    return explain(bridge, "the client was turned away");
  return 0;
}

/* -------------------------------------------------------------------- names */

/* NULL: the plugin has none that a client may have. */
static const char *
default_export(const struct bridge *bridge, bool readonly, bool tls)
{
  const char *name;

  if (!bridge->plugin.default_export)
    return "";
  name = bridge->plugin.default_export(readonly, tls);
  return name && strlen(name) <= NBDKIT_MAX_STRING ? name : NULL;
}

static bool
is_readonly(const struct connection *conn)
{
  return conn && conn->server->options->readonly;
}

static bool
is_tls(const struct connection *conn)
{
  return conn && conn->transport.tls;
}

int
bridge_add_default_export(struct bridge *bridge, struct nbdsrv_exports *exports)
{
  const struct connection *conn = log_call_current()->connection;
  const char *name = default_export(bridge, is_readonly(conn), is_tls(conn));

  return name ? nbdsrv_exports_add(exports, name, NULL) : 0;
}

int
bridge_list(void *inst, struct nbdsrv_exports *exports)
{
  struct bridge *bridge = *(struct bridge **)inst;
  const struct connection *conn = log_call_current()->connection;

  if (!bridge->plugin.list_exports)
    return bridge_add_default_export(bridge, exports);
  bridge_last_error = 0;
  if (bridge->plugin.list_exports(is_readonly(conn), is_tls(conn),
                                  (struct nbdkit_exports *)exports) == -1)
    return explain(bridge, "exports cannot be listed");
  return 0;
}

/* ------------------------------------------------------------------ opening */

static int
open_named(struct bridge_handle *h, const struct nbdsrv_client *client)
{
  const char *name = client->export_name;

  if (name[0] == '\0' && h->plugin->default_export) {
    name = default_export(h->bridge, client->readonly, client->tls);
    if (!name) {
      nbdsrv_error("there is no default export: a client must name one");
      return ENOENT;
    }
    h->is_default = name[0] != '\0';
  }
  h->export_name = strdup(name);
  if (!h->export_name)
    return ENOMEM;
  bridge_last_error = 0;
  running(h);
  h->handle = h->plugin->open(client->readonly);
  running(NULL);
  return h->handle ? 0 : explain(h->bridge, "open");
}

int
bridge_open(void *inst, const struct nbdsrv_client *client, void **handle)
{
  struct bridge *bridge = *(struct bridge **)inst;
  struct bridge_handle *h = calloc(1, sizeof *h);
  int error;

  if (!h)
    return ENOMEM;
  h->bridge = bridge;
  h->plugin = &bridge->plugin;
  h->v1 = bridge->plugin.api_version == 1;
  h->readonly = client->readonly;
  error = open_named(h, client);
  if (error) {
    free(h->export_name);
    free(h);
    return error;
  }
  *handle = h;
  return 0;
}

void
bridge_close(void *handle)
{
  struct bridge_handle *h = handle;

  running(h);
  if (h->plugin->close)
    h->plugin->close(h->handle);
  running(NULL);
  free(h->export_name);
  free(h);
}

/* --------------------------------------------------------------- describing */

typedef int question(void *handle);

/* One answer of the plugin, or what the absence of the question means; false after
 * -1. */
static bool
ask(const struct bridge_handle *h, question *ask_plugin, int otherwise, int *answer)
{
  *answer = ask_plugin ? ask_plugin(h->handle) : otherwise;
  return *answer != -1;
}

static int
has(const struct bridge_handle *h, uint32_t op)
{
  return (h->bridge->has_ops & op) != 0;
}

/* What readers want to know. */
static bool
describe_reading(struct bridge_handle *h, struct nbdsrv_info *info)
{
  const struct nbdkit_plugin *p = h->plugin;
  int flush, rotational, multi_conn, cache, extents;

  if (!ask(h, p->can_flush, has(h, NBDSRV_OP_FLUSH), &flush) ||
      !ask(h, p->is_rotational, 0, &rotational) ||
      !ask(h, p->can_multi_conn, 0, &multi_conn) ||
      !ask(h, p->can_cache, p->cache ? NBDKIT_CACHE_NATIVE : NBDKIT_CACHE_NONE,
           &cache) ||
      !ask(h, p->can_extents, p->extents != NULL, &extents))
    return false;
  if (flush && has(h, NBDSRV_OP_FLUSH)) {
    info->can |= NBDSRV_CAN_FLUSH;
    info->own_ops |= NBDSRV_OP_FLUSH;
  }
  if (rotational)
    info->can |= NBDSRV_IS_ROTATIONAL;
  if (multi_conn)
    info->can |= NBDSRV_CAN_MULTI_CONN;
  if (extents && p->extents) {
    info->can |= NBDSRV_CAN_EXTENTS;
    info->own_ops |= NBDSRV_OP_EXTENTS;
  }
  if (cache != NBDKIT_CACHE_NONE)
    info->can |= NBDSRV_CAN_CACHE;
  if (cache == NBDKIT_CACHE_NATIVE)
    info->own_ops |= NBDSRV_OP_CACHE;
  return true;
}

/* Where zeroes are not offered as fast though nothing but their emulation would say
 * so, the refusal is made here. */
static bool
describe_zero(struct bridge_handle *h, struct nbdsrv_info *info)
{
  int zero, fast;

  if (!ask(h, h->plugin->can_zero, has(h, NBDSRV_OP_ZERO), &zero))
    return false;
  zero = zero && has(h, NBDSRV_OP_ZERO);
  /* Version 1 cannot be told that zeroes are to be fast: they are refused here. */
  if (!ask(h, h->plugin->can_fast_zero, h->v1 || !zero, &fast))
    return false;
  h->zero_by_write = !zero;
  if (zero || !fast) {
    info->can |= NBDSRV_CAN_ZERO;
    info->own_ops |= NBDSRV_OP_ZERO;
  }
  if (fast)
    info->can |= NBDSRV_CAN_FAST_ZERO;
  return true;
}

/* fua: what the plugin said, for settle_fua. */
static bool
describe_writing(struct bridge_handle *h, struct nbdsrv_info *info, int *fua)
{
  const struct nbdkit_plugin *p = h->plugin;
  int write, trim;

  *fua = NBDKIT_FUA_NONE;
  if (h->readonly)
    return true;
  if (!ask(h, p->can_write, has(h, NBDSRV_OP_WRITE), &write))
    return false;
  if (!write || !has(h, NBDSRV_OP_WRITE))
    return true;
  info->can |= NBDSRV_CAN_WRITE;
  info->own_ops |= NBDSRV_OP_WRITE;
  *fua = has(h, NBDSRV_OP_FLUSH) ? NBDKIT_FUA_EMULATE : NBDKIT_FUA_NONE;
  if (!describe_zero(h, info) || !ask(h, p->can_trim, has(h, NBDSRV_OP_TRIM), &trim) ||
      !ask(h, p->can_fua, *fua, fua))
    return false;
  if (trim && has(h, NBDSRV_OP_TRIM)) {
    info->can |= NBDSRV_CAN_TRIM;
    info->own_ops |= NBDSRV_OP_TRIM;
  }
  return true;
}

static void
settle_fua(struct bridge_handle *h, struct nbdsrv_info *info, int fua)
{
  if (fua == NBDKIT_FUA_NATIVE && !h->v1) /* calls of version 1 have no flags */
    info->can |= NBDSRV_CAN_FUA;
  else if (fua == NBDKIT_FUA_NONE)
    info->can |= NBDSRV_NO_FUA;
  else if (!(info->can & NBDSRV_CAN_FLUSH) && has(h, NBDSRV_OP_FLUSH)) {
    info->can |= NBDSRV_CAN_FUA;
    h->fua_by_flush = true;
  }
}

static bool
describe_blocks(struct bridge_handle *h, struct nbdsrv_info *info)
{
  uint32_t min = 0, preferred = 0, max = 0;

  if (!h->plugin->block_size)
    return true;
  if (h->plugin->block_size(h->handle, &min, &preferred, &max) == -1)
    return false;
  if (min == 0 && preferred == 0 && max == 0)
    return true;
  if (min == 0 || min > preferred || preferred > max) {
    nbdsrv_error("block sizes %u, %u, %u make no sense", min, preferred, max);
    return false;
  }
  info->block_minimum = min;
  info->block_preferred = preferred;
  info->block_maximum = max;
  return true;
}

int
bridge_describe(void *handle, struct nbdsrv_info *info)
{
  struct bridge_handle *h = handle;
  const char *description = NULL;
  int fua = NBDKIT_FUA_NONE;
  int64_t size;
  bool good;

  info->can = 0;
  info->own_ops = NBDSRV_OP_READ;
  bridge_last_error = 0;
  running(h);
  size = h->plugin->get_size(h->handle);
  /* In nbdkit's order: a plugin may have been written with it in mind. */
  good = size >= 0 && describe_writing(h, info, &fua) && describe_reading(h, info) &&
         describe_blocks(h, info);
  settle_fua(h, info, fua);
  if (good && h->plugin->export_description)
    description = h->plugin->export_description(h->handle);
  running(NULL);
  if (!good)
    return explain(h->bridge, "what it serves cannot be described");
  info->export_size = (uint64_t)size;
  if (description && strlen(description) <= NBDKIT_MAX_STRING)
    info->description = description;
  if (h->is_default)
    info->canonical_name = h->export_name;
  return 0;
}
