/* SPDX-License-Identifier: BSD-3-Clause */
/* What each option of the handshake means.
 * Gets whole options from handshake.c; opens exports through open.c.
 * (doc/proto.md, "Option types".)
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "connection.h"
#include "export.h"
#include "handshake.h"
#include "log.h"
#include "option-data.h"
#include "option.h"
#include "server.h"
#include "tls.h"
#include "utf8.h"

/* ------------------------------------------------------------------- replies */

int
option_reply(struct connection *conn, const struct option *option, uint32_t type,
             const void *data, size_t len)
{
  bool more =
      type == NBD_REP_SERVER || type == NBD_REP_INFO || type == NBD_REP_META_CONTEXT;
  uint8_t header[20], *p = header;

  p = wire_put_u64(p, NBD_REP_MAGIC);
  p = wire_put_u32(p, option->number);
  p = wire_put_u32(p, type);
  wire_put_u32(p, (uint32_t)len);
  return handshake_send(conn, header, sizeof header, data, len, more);
}

static int
ack(struct connection *conn, const struct option *option)
{
  return option_reply(conn, option, NBD_REP_ACK, NULL, 0);
}

int
option_refuse(struct connection *conn, const struct option *option, uint32_t type,
              const char *text)
{
  char mended[LOG_TEXT_MAX];
  size_t len = text ? utf8_mend(mended, sizeof mended, text) : 0;

  log_connection_debug(conn, "option %u refused: %s", option->number, text ? text : "");
  return option_reply(conn, option, type, mended, len);
}

int
option_refuse_data(struct connection *conn, const struct option *option)
{
  return option->data ? option_refuse(conn, option, NBD_REP_ERR_INVALID,
                                      "the option's data is malformed")
                      : option_refuse(conn, option, NBD_REP_ERR_TOO_BIG,
                                      "that is too much data");
}

int
option_refuse_errno(struct connection *conn, const struct option *option, int error)
{
  const char *text = log_call_current()->text;
  uint32_t type;

  switch (error) {
  case EPERM:
  case EACCES:
    type = NBD_REP_ERR_POLICY;
    break;
  case ESHUTDOWN:
    type = NBD_REP_ERR_SHUTDOWN;
    break;
  case ENOTSUP:
    type = NBD_REP_ERR_PLATFORM;
    break;
  default:
    type = NBD_REP_ERR_UNKNOWN;
  }
  return option_refuse(conn, option, type, text[0] ? text : strerror(error));
}

/* ---------------------------------------------------------- options without data */

/* One name of the list.  A name that no client could ask for is left out. */
static int
send_export(struct connection *conn, const struct option *option, const char *name,
            const char *description)
{
  uint8_t data[4 + 2 * NBD_MAX_STRING], *p = data;
  size_t name_len = strlen(name);

  if (name_len > NBD_MAX_STRING || !utf8_is_valid(name, name_len)) {
    log_connection_debug(conn, "export '%s' is not listed: not UTF-8", name);
    return 0;
  }
  p = wire_put_u32(p, (uint32_t)name_len);
  memcpy(p, name, name_len);
  p += name_len;
  if (description)
    p += utf8_mend((char *)p, NBD_MAX_STRING, description);
  return option_reply(conn, option, NBD_REP_SERVER, data, (size_t)(p - data));
}

static int
handle_list(struct connection *conn, const struct option *option)
{
  struct nbdsrv_exports exports;
  int error;

  exports_init(&exports);
  error = connection_list_exports(conn, &exports);
  if (error)
    error = option_refuse_errno(conn, option, error);
  else {
    for (size_t i = 0; i < exports.count && !error; i++)
      error = send_export(conn, option, exports.entries[i].name,
                          exports.entries[i].description);
    if (!error)
      error = ack(conn, option);
  }
  exports_free(&exports);
  return error;
}

/* Everything agreed before TLS is forgotten: it may not have been this client. */
static int
handle_starttls(struct connection *conn, const struct option *option)
{
  char text[TLS_WHY_MAX];
  int error;

  if (conn->transport.tls)
    return option_refuse(conn, option, NBD_REP_ERR_INVALID, "TLS is in force already");
  if (!conn->server->tls)
    return option_refuse(conn, option, NBD_REP_ERR_POLICY, "this server has no TLS");
  error = ack(conn, option);
  if (error)
    return error;
  connection_close_export(conn);
  conn->agreed = (struct negotiated){0};
  free(conn->context_name);
  conn->context_name = NULL;
  error = tls_accept(conn->server->tls, &conn->transport, conn->deadline_ns, text);
  if (error == ETIMEDOUT) /* handshake.c says so */
    return error;
  if (error && !atomic_load(&conn->server->quitting))
    log_connection_error(conn, "TLS handshake: %s", text);
  else if (!error && log_is_verbose()) {
    tls_describe(conn->transport.tls, text);
    log_connection_debug(conn, "TLS: %s", text);
  }
  return error;
}

static int
handle_structured(struct connection *conn, const struct option *option)
{
  if (conn->server->options->no_structured)
    return option_refuse(conn, option, NBD_REP_ERR_UNSUP, "switched off by --no-sr");
  if (conn->agreed.extended)
    return option_refuse(conn, option, NBD_REP_ERR_EXT_HEADER_REQD,
                         "extended headers are agreed already");
  if (conn->agreed.structured)
    return option_refuse(conn, option, NBD_REP_ERR_INVALID,
                         "structured replies are agreed already");
  conn->agreed.structured = true;
  return ack(conn, option);
}

static int
handle_extended(struct connection *conn, const struct option *option)
{
  if (conn->server->options->no_structured)
    return option_refuse(conn, option, NBD_REP_ERR_UNSUP, "switched off by --no-sr");
  if (conn->agreed.extended)
    return option_refuse(conn, option, NBD_REP_ERR_INVALID,
                         "extended headers are agreed already");
  conn->agreed.structured = conn->agreed.extended = true;
  return ack(conn, option);
}

/* -------------------------------------------------------------- export, INFO, GO */

static void
begin_transmission(struct connection *conn)
{
  if (!connection_has_contexts(conn))
    conn->agreed.context_count = 0;
  conn->agreed.transmission_flags = handshake_transmission_flags(conn);
}

static int
handle_export_name(struct connection *conn, const struct option *option,
                   enum option_result *result)
{
  uint8_t reply[8 + 2 + 124] = {0};
  struct wire_in in = {option->data, option->length};
  char name[NBD_MAX_STRING + 1];
  int error;

  if (conn->agreed.extended || !option_data_string(&in, option->length, name)) {
    log_connection_error(conn, "NBD_OPT_EXPORT_NAME: %s",
                         conn->agreed.extended ? "not allowed after extended headers"
                                               : "the name is malformed");
    return EPROTO;
  }
  error = connection_open_export(conn, name);
  if (error) /* this option has no way to say so */
    return error;
  begin_transmission(conn);
  wire_put_u16(wire_put_u64(reply, conn->top->info.export_size),
               conn->agreed.transmission_flags);
  *result = OPTION_TRANSMIT;
  return handshake_send(conn, reply, conn->no_zeroes ? 10 : sizeof reply, NULL, 0,
                        false);
}

static int
send_info_string(struct connection *conn, const struct option *option, uint16_t type,
                 const char *text)
{
  uint8_t data[2 + NBD_MAX_STRING], *p = wire_put_u16(data, type);

  p += utf8_mend((char *)p, NBD_MAX_STRING, text);
  return option_reply(conn, option, NBD_REP_INFO, data, (size_t)(p - data));
}

static int
send_block_size(struct connection *conn, const struct option *option)
{
  const struct nbdsrv_info *info = &conn->top->info;
  uint32_t minimum = info->block_minimum ? info->block_minimum : 1;
  uint32_t maximum = info->block_maximum && info->block_maximum < NBD_MAX_PAYLOAD
                         ? info->block_maximum
                         : NBD_MAX_PAYLOAD;
  uint32_t preferred = info->block_preferred;
  uint8_t data[14], *p = data;

  if (preferred == 0) { /* the usual one, kept between the other two */
    preferred = maximum < NBD_USUAL_BLOCK ? NBD_LEAST_PREFERRED : NBD_USUAL_BLOCK;
    preferred = preferred < minimum ? minimum : preferred;
  }
  p = wire_put_u16(p, NBD_INFO_BLOCK_SIZE);
  p = wire_put_u32(p, minimum);
  p = wire_put_u32(p, preferred);
  wire_put_u32(p, maximum);
  return option_reply(conn, option, NBD_REP_INFO, data, sizeof data);
}

/* What a client that did not ask should know all the same. */
static bool
has_unusual_block_size(const struct nbdsrv_info *info)
{
  return info->block_minimum > 1 ||
         (info->block_maximum > 0 && info->block_maximum < NBD_DEFAULT_PAYLOAD);
}

static int
send_infos(struct connection *conn, const struct option *option,
           const struct option_info *wanted)
{
  const struct nbdsrv_info *info = &conn->top->info;
  uint8_t data[12];
  int error;

  wire_put_u16(wire_put_u64(wire_put_u16(data, NBD_INFO_EXPORT), info->export_size),
               handshake_transmission_flags(conn));
  error = option_reply(conn, option, NBD_REP_INFO, data, sizeof data);
  if (!error && wanted->want_name)
    error =
        send_info_string(conn, option, NBD_INFO_NAME,
                         info->canonical_name ? info->canonical_name : wanted->name);
  if (!error && wanted->want_description && info->description)
    error = send_info_string(conn, option, NBD_INFO_DESCRIPTION, info->description);
  if (!error && (wanted->want_block_size || has_unusual_block_size(info)))
    error = send_block_size(conn, option);
  return error ? error : ack(conn, option);
}

static int
handle_info(struct connection *conn, const struct option *option,
            enum option_result *result)
{
  struct wire_in in = {option->data, option->length};
  struct option_info wanted;
  int error;

  if (!option->data || !option_data_info(in, &wanted))
    return option_refuse_data(conn, option);
  error = connection_open_export(conn, wanted.name);
  if (error)
    return option_refuse_errno(conn, option, error);
  if (option->number == NBD_OPT_GO) {
    begin_transmission(conn);
    conn->agreed.block_size_known = wanted.want_block_size;
    *result = OPTION_TRANSMIT;
  }
  return send_infos(conn, option, &wanted);
}

/* ----------------------------------------------------------------- all of them */

static int
handle(struct connection *conn, const struct option *option, enum option_result *result)
{
  switch (option->number) {
  case NBD_OPT_EXPORT_NAME:
    return handle_export_name(conn, option, result);
  case NBD_OPT_ABORT:
    *result = OPTION_END;
    ack(conn, option); /* the client may be gone already */
    return 0;
  case NBD_OPT_INFO:
  case NBD_OPT_GO:
    return handle_info(conn, option, result);
  case NBD_OPT_LIST_META_CONTEXT:
  case NBD_OPT_SET_META_CONTEXT:
    return metacontext_handle(conn, option);
  case NBD_OPT_LIST:
  case NBD_OPT_STARTTLS:
  case NBD_OPT_STRUCTURED_REPLY:
  case NBD_OPT_EXTENDED_HEADERS:
    if (option->length > 0)
      return option_refuse(conn, option, NBD_REP_ERR_INVALID, "it takes no data");
    break;
  default:
    return option_refuse(conn, option, NBD_REP_ERR_UNSUP, NULL);
  }
  return option->number == NBD_OPT_LIST               ? handle_list(conn, option)
         : option->number == NBD_OPT_STARTTLS         ? handle_starttls(conn, option)
         : option->number == NBD_OPT_STRUCTURED_REPLY ? handle_structured(conn, option)
                                                      : handle_extended(conn, option);
}

/* Why the option is not even looked at, as NBD_REP_ERR_*; 0: it is. */
static uint32_t
turned_away(const struct connection *conn, const struct option *option,
            const char **why)
{
  const struct server *server = conn->server;

  if (option->number == NBD_OPT_ABORT)
    return 0;
  if (!conn->fixed_newstyle && option->number != NBD_OPT_EXPORT_NAME) {
    *why = "the client did not agree to fixed newstyle";
    return NBD_REP_ERR_INVALID;
  }
  if (server->options->tls == TLS_REQUIRE && !conn->transport.tls &&
      option->number != NBD_OPT_STARTTLS) {
    *why = "TLS is required";
    return NBD_REP_ERR_TLS_REQD;
  }
  if (atomic_load(&server->quitting)) {
    *why = "the server is shutting down";
    return NBD_REP_ERR_SHUTDOWN;
  }
  return 0;
}

int
option_handle(struct connection *conn, const struct option *option,
              enum option_result *result)
{
  const char *why;
  uint32_t refusal = turned_away(conn, option, &why);

  log_connection_debug(conn, "option %u, %u bytes", option->number, option->length);
  if (refusal == 0)
    return handle(conn, option, result);
  if (option->number == NBD_OPT_EXPORT_NAME) { /* has no way to say so */
    log_connection_error(conn, "NBD_OPT_EXPORT_NAME: %s", why);
    return EPROTO;
  }
  return option_refuse(conn, option, refusal, why);
}
