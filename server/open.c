/* SPDX-License-Identifier: BSD-3-Clause */
/* A connection's export: opened by name, kept while the name stays, closed.
 * Gets names from the options of the handshake; opens the stack through layer.c,
 * under the lanes that its thread model asks for.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "connection.h"
#include "export.h"
#include "handshake.h"
#include "log.h"
#include "server.h"
#include "tls.h"

/* Calls outside the flow of requests count as one of them. */
static void
enter_call(struct export *export)
{
  if (export->threads == NBDSRV_THREADS_SERIALIZE_ALL)
    lane_enter(&export->lane);
}

static void
leave_call(struct export *export)
{
  if (export->threads == NBDSRV_THREADS_SERIALIZE_ALL)
    lane_leave(&export->lane);
}

int
export_list(struct export *export, struct nbdsrv_exports *exports)
{
  int error;

  enter_call(export);
  error = layer_list(export->top, exports);
  leave_call(export);
  return error;
}

static int
open_stack(struct connection *conn, struct export *export, const char *name)
{
  struct tls_session *tls = conn->transport.tls;
  struct nbdsrv_client client = {
      .size = sizeof client,
      .connection = conn->id,
      .export_name = name,
      .readonly = conn->server->options->readonly,
      .tls = tls != NULL,
      .peer = conn->peer_len ? (const struct sockaddr *)&conn->peer : NULL,
      .peer_len = conn->peer_len,
      .uid = conn->uid,
      .gid = conn->gid,
      .pid = conn->pid,
      .tls_user = tls ? tls_peer_user(tls) : NULL,
      .tls_dn = tls ? tls_peer_dn(tls) : NULL,
      .tls_issuer = tls ? tls_peer_issuer(tls) : NULL,
  };
  int error;

  enter_call(export);
  error = layer_open(export->top, conn, &client, &conn->top);
  leave_call(export);
  return error;
}

int
connection_open_export(struct connection *conn, const char *name)
{
  struct export *export;
  int error;

  if (conn->top && strcmp(conn->export_name, name) == 0)
    return 0;
  connection_close_export(conn);
  export = export_find(conn->server->exports, name);
  conn->export_name = strdup(name);
  if (!export || !conn->export_name) {
    free(conn->export_name);
    conn->export_name = NULL;
    return export ? ENOMEM : ENOENT;
  }
  if (export->threads == NBDSRV_THREADS_SERIALIZE_CONNECTIONS)
    lane_enter(&export->lane);
  error = open_stack(conn, export, name);
  if (error) {
    if (export->threads == NBDSRV_THREADS_SERIALIZE_CONNECTIONS)
      lane_leave(&export->lane);
    free(conn->export_name);
    conn->export_name = NULL;
    if (log_call_current()->text[0] == '\0')
      log_connection_error(conn, "export '%s': %s", name, strerror(error));
    return error;
  }
  conn->export = export;
  return 0;
}

void
connection_close_export(struct connection *conn)
{
  struct export *export = conn->export;

  if (!conn->top)
    return;
  enter_call(export);
  layer_close(conn->top);
  leave_call(export);
  if (export->threads == NBDSRV_THREADS_SERIALIZE_CONNECTIONS)
    lane_leave(&export->lane);
  conn->top = NULL;
  conn->export = NULL;
  free(conn->export_name);
  conn->export_name = NULL;
}

uint16_t
handshake_transmission_flags(const struct connection *conn)
{
  uint32_t can = conn->top->info.can;
  uint16_t flags = NBD_FLAG_HAS_FLAGS;

  if (!(can & NBDSRV_CAN_WRITE) || conn->server->options->readonly)
    flags |= NBD_FLAG_READ_ONLY;
  else {
    flags |= NBD_FLAG_SEND_WRITE_ZEROES; /* emulated at worst */
    if (can & NBDSRV_CAN_TRIM)
      flags |= NBD_FLAG_SEND_TRIM;
    /* Without one of its own, the emulation says at once that it is not fast. */
    if (!(can & NBDSRV_CAN_ZERO) || (can & NBDSRV_CAN_FAST_ZERO))
      flags |= NBD_FLAG_SEND_FAST_ZERO;
  }
  if (can & NBDSRV_CAN_FLUSH)
    flags |= NBD_FLAG_SEND_FLUSH;
  if (can & (NBDSRV_CAN_FUA | NBDSRV_CAN_FLUSH))
    flags |= NBD_FLAG_SEND_FUA;
  if (can & NBDSRV_IS_ROTATIONAL)
    flags |= NBD_FLAG_ROTATIONAL;
  if (conn->agreed.structured)
    flags |= NBD_FLAG_SEND_DF;
  if (can & NBDSRV_CAN_MULTI_CONN)
    flags |= NBD_FLAG_CAN_MULTI_CONN;
  if (can & NBDSRV_CAN_CACHE)
    flags |= NBD_FLAG_SEND_CACHE;
  if (conn->agreed.extended)
    flags |= NBD_FLAG_BLOCK_STATUS_PAYLOAD;
  return flags;
}
