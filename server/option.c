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
#include "option.h"
#include "server.h"
#include "tls.h"

/* ------------------------------------------------------------------- replies */

int
option_reply(struct connection *conn, const struct option *option, uint32_t type,
             const void *data, size_t len)
{
  uint8_t header[20], *p = header;
  int error;

  p = wire_put_u64(p, NBD_REP_MAGIC);
  p = wire_put_u32(p, option->number);
  p = wire_put_u32(p, type);
  wire_put_u32(p, (uint32_t)len);
  error = transport_send_all(&conn->transport, header, sizeof header);
  return error || len == 0 ? error : transport_send_all(&conn->transport, data, len);
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
  log_connection_debug(conn, "option %u refused: %s", option->number, text ? text : "");
  return option_reply(conn, option, type, text, text ? strlen(text) : 0);
}

int
option_refuse_errno(struct connection *conn, const struct option *option, int error)
{
  char *text = log_call_current()->text;
  uint32_t type;
  int result;

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
  result = option_refuse(conn, option, type, text[0] ? text : strerror(error));
  text[0] = '\0';
  return result;
}

/* ------------------------------------------------------------------- strings */

/* Length of the UTF-8 sequence at p, 0 if it is none (overlong, surrogate ...). */
static size_t
utf8_sequence(const uint8_t *p, size_t left)
{
  size_t n = p[0] < 0x80             ? 1
             : (p[0] & 0xe0) == 0xc0 ? 2
             : (p[0] & 0xf0) == 0xe0 ? 3
             : (p[0] & 0xf8) == 0xf0 ? 4
                                     : 0;
  static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  uint32_t c = n < 2 ? p[0] : p[0] & (0x7fu >> n);

  if (n == 0 || n > left)
    return 0;
  for (size_t i = 1; i < n; i++) {
    if ((p[i] & 0xc0) != 0x80)
      return 0;
    c = c << 6 | (p[i] & 0x3f);
  }
  return c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) ? 0 : n;
}

bool
option_get_string(struct wire_in *in, uint32_t len, char *name)
{
  const uint8_t *bytes;

  if (len > NBD_MAX_STRING || !wire_get_bytes(in, len, &bytes))
    return false;
  for (size_t i = 0, n; i < len; i += n) {
    n = utf8_sequence(bytes + i, len - i);
    if (n == 0 || bytes[i] == 0)
      return false;
  }
  memcpy(name, bytes, len);
  name[len] = '\0';
  return true;
}

/* ---------------------------------------------------------- options without data */

static int
handle_list(struct connection *conn, const struct option *option)
{
  struct nbdsrv_exports exports;
  struct export *export = export_find(conn->server->exports, "");
  int error;

  exports_init(&exports);
  error = export ? export_list(export, &exports) : 0;
  if (error) {
    error = option_refuse_errno(conn, option, error);
    exports_free(&exports);
    return error;
  }
  for (size_t i = 0; i < exports.count && !error; i++) {
    const char *name = exports.entries[i].name;
    const char *description = exports.entries[i].description;
    size_t name_len = strlen(name), len = description ? strlen(description) : 0;
    uint8_t *data = malloc(4 + name_len + len);

    if (!data) {
      error = ENOMEM;
      break;
    }
    memcpy(wire_put_u32(data, (uint32_t)name_len), name, name_len);
    if (len)
      memcpy(data + 4 + name_len, description, len);
    error = option_reply(conn, option, NBD_REP_SERVER, data, 4 + name_len + len);
    free(data);
  }
  exports_free(&exports);
  return error ? error : ack(conn, option);
}

/* Everything agreed before TLS is forgotten: it may not have been this client. */
static int
handle_starttls(struct connection *conn, const struct option *option)
{
  const char *why = NULL;
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
  error = tls_accept(conn->server->tls, &conn->transport, conn->deadline_ns, &why);
  if (error)
    log_connection_error(conn, "TLS handshake: %s", why ? why : strerror(error));
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

/* The contexts that were set are for another export, or for none. */
static void
begin_transmission(struct connection *conn, const char *name)
{
  if (!conn->context_name || strcmp(conn->context_name, name) != 0)
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

  if (conn->agreed.extended || !option_get_string(&in, option->length, name)) {
    log_connection_error(conn, "NBD_OPT_EXPORT_NAME: %s",
                         conn->agreed.extended ? "not allowed after extended headers"
                                               : "the name is malformed");
    return EPROTO;
  }
  error = connection_open_export(conn, name);
  if (error) /* this option has no way to say so */
    return error;
  begin_transmission(conn, name);
  wire_put_u16(wire_put_u64(reply, conn->top->info.export_size),
               conn->agreed.transmission_flags);
  error =
      transport_send_all(&conn->transport, reply, conn->no_zeroes ? 10 : sizeof reply);
  *result = OPTION_TRANSMIT;
  return error;
}

/* What INFO and GO carry. */
struct info_query {
  char name[NBD_MAX_STRING + 1];
  bool want_name, want_description, want_block_size;
};

static bool
parse_info(const struct option *option, struct info_query *query)
{
  struct wire_in in = {option->data, option->length};
  uint32_t name_len;
  uint16_t count, info;

  query->want_name = query->want_description = query->want_block_size = false;
  if (!wire_get_u32(&in, &name_len) || !option_get_string(&in, name_len, query->name) ||
      !wire_get_u16(&in, &count) || in.left != 2 * (size_t)count)
    return false;
  while (wire_get_u16(&in, &info)) {
    query->want_name = query->want_name || info == NBD_INFO_NAME;
    query->want_description = query->want_description || info == NBD_INFO_DESCRIPTION;
    query->want_block_size = query->want_block_size || info == NBD_INFO_BLOCK_SIZE;
  }
  return true;
}

static int
send_info_string(struct connection *conn, const struct option *option, uint16_t type,
                 const char *text)
{
  uint8_t data[2 + NBD_MAX_STRING];
  size_t len = strlen(text);

  if (len > NBD_MAX_STRING)
    len = NBD_MAX_STRING;
  memcpy(wire_put_u16(data, type), text, len);
  return option_reply(conn, option, NBD_REP_INFO, data, 2 + len);
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

static int
send_infos(struct connection *conn, const struct option *option,
           const struct info_query *query)
{
  const struct nbdsrv_info *info = &conn->top->info;
  uint8_t data[12];
  int error;

  wire_put_u16(wire_put_u64(wire_put_u16(data, NBD_INFO_EXPORT), info->export_size),
               handshake_transmission_flags(conn));
  error = option_reply(conn, option, NBD_REP_INFO, data, sizeof data);
  if (!error && query->want_name)
    error = send_info_string(conn, option, NBD_INFO_NAME,
                             info->canonical_name ? info->canonical_name : query->name);
  if (!error && query->want_description && info->description)
    error = send_info_string(conn, option, NBD_INFO_DESCRIPTION, info->description);
  if (!error && (query->want_block_size || info->block_minimum > 1))
    error = send_block_size(conn, option);
  return error ? error : ack(conn, option);
}

static int
handle_info(struct connection *conn, const struct option *option,
            enum option_result *result)
{
  struct info_query query;
  int error;

  if (!parse_info(option, &query))
    return option_refuse(conn, option, NBD_REP_ERR_INVALID, "the option is malformed");
  error = connection_open_export(conn, query.name);
  if (error)
    return option_refuse_errno(conn, option, error);
  if (option->number == NBD_OPT_GO) {
    begin_transmission(conn, query.name);
    conn->agreed.block_size_known = query.want_block_size;
    *result = OPTION_TRANSMIT;
  }
  return send_infos(conn, option, &query);
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

int
option_handle(struct connection *conn, const struct option *option,
              enum option_result *result)
{
  const struct options *options = conn->server->options;
  bool harmless = option->number == NBD_OPT_ABORT || option->number == NBD_OPT_STARTTLS;

  log_connection_debug(conn, "option %u, %u bytes", option->number, option->length);
  if (options->tls == TLS_REQUIRE && !conn->transport.tls && !harmless) {
    if (option->number == NBD_OPT_EXPORT_NAME) {
      log_connection_error(conn, "a client without TLS, which is required");
      return EPROTO;
    }
    return option_refuse(conn, option, NBD_REP_ERR_TLS_REQD, "TLS is required");
  }
  if (atomic_load(&conn->server->quitting) && option->number != NBD_OPT_ABORT) {
    if (option->number == NBD_OPT_EXPORT_NAME)
      return ESHUTDOWN;
    return option_refuse(conn, option, NBD_REP_ERR_SHUTDOWN, "the server ends");
  }
  return handle(conn, option, result);
}
