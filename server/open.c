/* SPDX-License-Identifier: BSD-3-Clause */
/* A connection's export: opened by name, kept while the name stays, closed; and the
 * list of exports.
 * Gets names from the options of the handshake; asks access.c whether this client may
 * have them; calls the stack through layer.c, under the lanes that its thread model
 * asks for.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access.h"
#include "clock.h"
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

/* One connection at a time, from open to close. */
static void
enter_connection(struct export *export)
{
  if (export->threads == NBDSRV_THREADS_SERIALIZE_CONNECTIONS)
    lane_enter(&export->lane);
}

static void
leave_connection(struct export *export)
{
  if (export->threads == NBDSRV_THREADS_SERIALIZE_CONNECTIONS)
    lane_leave(&export->lane);
}

/* What a layer, or waiting for other clients, took is not this client's time. */
static void
give_back_time(struct connection *conn, uint64_t since)
{
  if (conn->deadline_ns)
    conn->deadline_ns += clock_now() - since;
}

static bool
is_readonly(const struct connection *conn)
{
  return conn->server->options->readonly || conn->verdict == ACCESS_READ_ONLY;
}

/* The client as layers see it. */
static struct nbdsrv_client
client_of(const struct connection *conn, const char *name)
{
  struct tls_session *tls = conn->transport.tls;

  return (struct nbdsrv_client){
      .size = sizeof(struct nbdsrv_client),
      .connection = conn->id,
      .export_name = name,
      .readonly = is_readonly(conn),
      .tls = tls != NULL,
      .peer = conn->peer_len ? (const struct sockaddr *)&conn->peer : NULL,
      .peer_len = conn->peer_len,
      .uid = conn->uid,
      .gid = conn->gid,
      .pid = conn->pid,
      .tls_user = tls ? tls_peer_user(tls) : NULL,
      .tls_dn = tls ? tls_peer_dn(tls) : NULL,
      .tls_issuer = tls ? tls_peer_issuer(tls) : NULL,
      .security = conn->security,
  };
}

/* All exports before last; NULL: all of them. */
static void
leave_exports(struct connection *conn, const struct export *last)
{
  struct nbdsrv_client client = client_of(conn, "");

  for (struct export *e = conn->server->exports; e != last; e = e->next) {
    enter_call(e);
    layer_leave(e->top, &client);
    leave_call(e);
  }
}

static int
list_exports(struct connection *conn, struct nbdsrv_exports *exports)
{
  struct export *export = export_find(conn->server->exports, "");
  bool enter = export && export != conn->export; /* else it is this client's turn */
  struct nbdsrv_client client = client_of(conn, "");
  uint64_t since = clock_now();
  int error;

  if (!export)
    return 0;
  log_call_current()->text[0] = '\0';
  exports->client = &client;
  if (enter)
    enter_connection(export);
  lane_enter(&export->list_lane);
  enter_call(export);
  error = layer_list(export->top, exports);
  leave_call(export);
  lane_leave(&export->list_lane);
  if (enter)
    leave_connection(export);
  exports->client = NULL;
  give_back_time(conn, since);
  return error;
}

static bool
is_visible(const void *view, const char *name)
{
  unsigned line;

  return access_view_decide(view, name, &line) != ACCESS_DENY;
}

int
connection_list_exports(struct connection *conn, struct nbdsrv_exports *exports)
{
  struct access_view view;
  int error;

  if (!conn->server->access)
    return list_exports(conn, exports);
  error = access_view_open(conn->server->access, conn, &view);
  if (!error && access_view_allows(&view)) {
    error = list_exports(conn, exports);
    exports_keep(exports, is_visible, &view);
  }
  access_view_close(&view);
  return error;
}

int
connection_admit(struct connection *conn)
{
  struct nbdsrv_client client = client_of(conn, "");
  int error = 0;

  for (struct export *e = conn->server->exports; e && !error; e = e->next) {
    enter_call(e);
    error = layer_admit(e->top, &client);
    leave_call(e);
    if (error)
      leave_exports(conn, e);
  }
  conn->is_admitted = error == 0;
  if (error)
    log_connection_debug(conn, "turned away: %s", strerror(error));
  return error;
}

void
connection_leave(struct connection *conn)
{
  if (conn->is_admitted)
    leave_exports(conn, NULL);
}

static int
open_stack(struct connection *conn, struct export *export, const char *name)
{
  struct nbdsrv_client client = client_of(conn, name);
  int error;

  enter_call(export);
  error = layer_open(export->top, conn, &client, &conn->top);
  leave_call(export);
  return error;
}

/* Opens the stack in its turn. */
static int
open_in_turn(struct connection *conn, struct export *export, const char *name)
{
  uint64_t since = clock_now();
  int error;

  enter_connection(export);
  error = open_stack(conn, export, name);
  if (error)
    leave_connection(export);
  else {
    conn->export = export;
    conn->turn = export_turn(export, conn->top->info.canonical_name);
  }
  give_back_time(conn, since);
  return error;
}

static int
open_export(struct connection *conn, const char *name)
{
  struct export *export = export_find(conn->server->exports, name);
  int error;

  log_call_current()->text[0] = '\0';
  if (!export)
    return ENOENT;
  conn->export_name = strdup(name);
  if (!conn->export_name)
    return ENOMEM;
  error = open_in_turn(conn, export, name);
  if (error) {
    free(conn->export_name);
    conn->export_name = NULL;
    if (log_call_current()->text[0] == '\0')
      log_connection_error(conn, "export '%s': %s", name, strerror(error));
  }
  return error;
}

/* What the rules say of one name.  The log has a line about the first refusal. */
static enum access_verdict
judge_name(struct connection *conn, const char *name)
{
  enum access_verdict verdict;
  unsigned line;

  verdict = access_decide(conn->server->access, conn, name, &line);
  if (verdict == ACCESS_DENY) {
    (conn->was_denied ? log_connection_debug : log_connection_error)(
        conn,
        line ? "export '%s': denied by line %u of the rules"
             : "export '%s': no rule allows it",
        name, line);
    conn->was_denied = true;
  }
  return verdict;
}

/* The same of a name and, once it is open, of the name that it leads to: one that is
 * denied must not be reached by way of the default export. */
static enum access_verdict
judge(struct connection *conn, const char *name)
{
  bool is_open = conn->top && strcmp(conn->export_name, name) == 0;
  const char *leads_to = is_open ? conn->top->info.canonical_name : NULL;
  enum access_verdict verdict, other;

  if (!conn->server->access)
    return ACCESS_ALLOW;
  verdict = judge_name(conn, name);
  if (verdict == ACCESS_DENY || !leads_to || strcmp(leads_to, name) == 0)
    return verdict;
  other = judge_name(conn, leads_to);
  return other < verdict ? other : verdict;
}

/* The rules are asked each time: they, or the client's identity, may be others now. */
static int
open_allowed(struct connection *conn, const char *name)
{
  enum access_verdict verdict = judge(conn, name);
  int error;

  if (conn->top && strcmp(conn->export_name, name) == 0 && verdict == conn->verdict)
    return 0;
  connection_close_export(conn);
  if (verdict == ACCESS_DENY)
    return ENOENT;
  conn->verdict = verdict;
  error = open_export(conn, name);
  if (error) {
    conn->verdict = ACCESS_ALLOW;
    return error;
  }
  conn->verdict = judge(conn, name);
  if (conn->verdict > ACCESS_DENY)
    return 0;
  connection_close_export(conn);
  return ENOENT;
}

int
connection_open_export(struct connection *conn, const char *name)
{
  int error = open_allowed(conn, name);

  /* What is hidden and what is not there are told in the same words. */
  if (error == ENOENT && conn->server->access)
    snprintf(log_call_current()->text, LOG_TEXT_MAX, "there is no such export");
  return error;
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
  leave_connection(export);
  conn->top = NULL;
  conn->export = NULL;
  conn->verdict = ACCESS_ALLOW;
  free(conn->export_name);
  conn->export_name = NULL;
}

bool
connection_has_contexts(const struct connection *conn)
{
  return conn->agreed.context_count > 0 && conn->export_name && conn->context_name &&
         strcmp(conn->context_name, conn->export_name) == 0;
}

uint16_t
handshake_transmission_flags(const struct connection *conn)
{
  uint32_t can = conn->top->info.can;
  uint16_t flags = NBD_FLAG_HAS_FLAGS;

  if (!(can & NBDSRV_CAN_WRITE) || is_readonly(conn))
    flags |= NBD_FLAG_READ_ONLY;
  else {
    if (!(can & NBDSRV_NO_ZERO))
      flags |= NBD_FLAG_SEND_WRITE_ZEROES; /* emulated at worst */
    if (can & NBDSRV_CAN_TRIM)
      flags |= NBD_FLAG_SEND_TRIM;
    /* Without one of its own, the emulation says at once that it is not fast. */
    if (!(can & NBDSRV_NO_ZERO) &&
        (!(can & NBDSRV_CAN_ZERO) || (can & NBDSRV_CAN_FAST_ZERO)))
      flags |= NBD_FLAG_SEND_FAST_ZERO;
  }
  if (can & NBDSRV_CAN_FLUSH)
    flags |= NBD_FLAG_SEND_FLUSH;
  if ((can & NBDSRV_CAN_FUA) ||
      (can & (NBDSRV_CAN_FLUSH | NBDSRV_NO_FUA)) == NBDSRV_CAN_FLUSH)
    flags |= NBD_FLAG_SEND_FUA;
  if (can & NBDSRV_IS_ROTATIONAL)
    flags |= NBD_FLAG_ROTATIONAL;
  if (conn->agreed.structured)
    flags |= NBD_FLAG_SEND_DF;
  /* A second connection would wait for the end of the first. */
  if ((can & NBDSRV_CAN_MULTI_CONN) &&
      conn->export->threads != NBDSRV_THREADS_SERIALIZE_CONNECTIONS)
    flags |= NBD_FLAG_CAN_MULTI_CONN;
  if (can & NBDSRV_CAN_CACHE)
    flags |= NBD_FLAG_SEND_CACHE;
  if (conn->agreed.extended && connection_has_contexts(conn))
    flags |= NBD_FLAG_BLOCK_STATUS_PAYLOAD;
  return flags;
}
