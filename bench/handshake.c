/* SPDX-License-Identifier: BSD-3-Clause */
/* Negotiation of the load generator: TLS, the form of replies, block status, GO.  Gets
 * a connected client, hands on one that may send requests.
 */
#include "config.h"

#include <string.h>

#include "../server/protocol.h"
#include "../server/wire.h"
#include "client.h"

#define GREETING_SIZE     18u
#define OPTION_SIZE       16u
#define OPTION_REPLY_SIZE 20u
#define CLIENT_FLAGS      (NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES)

/* How a question ended. */
enum outcome { AGREED, REFUSED, FAILED };

/* What INFO_EXPORT says. */
struct export_info {
  bool known;
  uint64_t size;
  uint16_t flags;
};

static bool
send_option(struct client *c, uint32_t option, const void *data, uint32_t len)
{
  uint8_t head[OPTION_SIZE];
  int err;

  wire_put_u32(wire_put_u32(wire_put_u64(head, NBD_OPTS_MAGIC), option), len);
  err = stream_send(&c->stream, head, sizeof head);
  if (err == 0)
    err = stream_send(&c->stream, data, len);
  return err == 0 || client_fail(c, "cannot send an option", err);
}

/* The next reply; all of its data are taken, as many as fit stay in data. */
static bool
recv_reply(struct client *c, uint32_t *type, uint8_t *data, uint32_t *len)
{
  uint8_t head[OPTION_REPLY_SIZE];
  struct wire_in in = {head, sizeof head};
  uint64_t magic = 0;
  uint32_t option, room = *len;
  int err = stream_recv_all(&c->stream, head, sizeof head);

  if (err != 0)
    return client_fail(c, "no answer to an option", err);
  wire_get_u64(&in, &magic);
  wire_get_u32(&in, &option);
  wire_get_u32(&in, type);
  wire_get_u32(&in, len);
  if (magic != NBD_REP_MAGIC || *len > room)
    return client_fail(c, "a strange answer to an option", 0);
  err = stream_recv_all(&c->stream, data, *len);
  return err == 0 || client_fail(c, "no answer to an option", err);
}

static void
note_info(const uint8_t *data, uint32_t len, struct export_info *info)
{
  struct wire_in in = {data, len};
  uint16_t type;

  if (wire_get_u16(&in, &type) && type == NBD_INFO_EXPORT &&
      wire_get_u64(&in, &info->size) && wire_get_u16(&in, &info->flags))
    info->known = true;
}

/* Sends an option and takes replies until the last one; contexts counts those given. */
static enum outcome
ask(struct client *c, uint32_t option, const void *data, uint32_t len,
    struct export_info *info, unsigned *contexts)
{
  uint8_t reply[16384];
  uint32_t type = 0, reply_len;

  if (!send_option(c, option, data, len))
    return FAILED;
  for (;;) {
    reply_len = sizeof reply;
    if (!recv_reply(c, &type, reply, &reply_len))
      return FAILED;
    if (type == NBD_REP_ACK)
      return AGREED;
    if (type & NBD_REP_ERR(0))
      return REFUSED;
    if (type == NBD_REP_INFO && info)
      note_info(reply, reply_len, info);
    if (type == NBD_REP_META_CONTEXT && contexts)
      ++*contexts;
  }
}

/* An option without data that has to be granted. */
static bool
demand(struct client *c, uint32_t option, const char *otherwise)
{
  enum outcome outcome = ask(c, option, NULL, 0, NULL, NULL);

  return outcome == AGREED || (outcome == REFUSED && client_fail(c, otherwise, 0));
}

static bool
start_tls(struct client *c)
{
  int err;

  if (!demand(c, NBD_OPT_STARTTLS, "the server has no TLS"))
    return false;
  err = tls_start(&c->stream, c->load);
  return err == 0 || client_fail(c, "TLS failed", err);
}

static uint8_t *
put_text(uint8_t *p, const char *text)
{
  size_t len = strlen(text);

  p = wire_put_u32(p, (uint32_t)len);
  memcpy(p, text, len);
  return p + len;
}

static bool
want_block_status(struct client *c)
{
  uint8_t data[NBD_MAX_STRING + 64], *p = put_text(data, c->load->export_name);
  unsigned contexts = 0;

  p = put_text(wire_put_u32(p, 1), "base:allocation");
  if (ask(c, NBD_OPT_SET_META_CONTEXT, data, (uint32_t)(p - data), NULL, &contexts) ==
      FAILED)
    return false;
  return contexts == 1 || client_fail(c, "the server has no base:allocation", 0);
}

static bool
go(struct client *c)
{
  uint8_t data[NBD_MAX_STRING + 64], *p = put_text(data, c->load->export_name);
  struct export_info info = {0};
  enum outcome outcome;

  p = wire_put_u16(p, 0);
  outcome = ask(c, NBD_OPT_GO, data, (uint32_t)(p - data), &info, NULL);
  if (outcome == FAILED)
    return false;
  if (outcome == REFUSED || !info.known)
    return client_fail(c, "the server refused the export", 0);
  c->size = info.size;
  c->flags = info.flags;
  return true;
}

static bool
greet(struct client *c)
{
  uint8_t greeting[GREETING_SIZE], flags[4];
  struct wire_in in = {greeting, sizeof greeting};
  uint64_t magic = 0, version = 0;
  uint16_t server_flags = 0;
  int err = stream_recv_all(&c->stream, greeting, sizeof greeting);

  if (err == 0) {
    wire_get_u64(&in, &magic);
    wire_get_u64(&in, &version);
    wire_get_u16(&in, &server_flags);
    if (magic != NBD_MAGIC || version != NBD_OPTS_MAGIC ||
        (server_flags & CLIENT_FLAGS) != CLIENT_FLAGS)
      return client_fail(c, "this is no server of the fixed newstyle protocol", 0);
    wire_put_u32(flags, CLIENT_FLAGS);
    err = stream_send(&c->stream, flags, sizeof flags);
  }
  return err == 0 || client_fail(c, "no greeting", err);
}

bool
handshake(struct client *c)
{
  const struct load *load = c->load;

  if (strlen(load->export_name) > NBD_MAX_STRING)
    return client_fail(c, "the export's name is too long", 0);
  if (!greet(c) || (load->tls && !start_tls(c)))
    return false;
  if (load->form == FORM_STRUCTURED &&
      !demand(c, NBD_OPT_STRUCTURED_REPLY, "the server has no structured replies"))
    return false;
  if (load->form == FORM_EXTENDED &&
      !demand(c, NBD_OPT_EXTENDED_HEADERS, "the server has no extended headers"))
    return false;
  if (load->command == NBD_CMD_BLOCK_STATUS && !want_block_status(c))
    return false;
  return go(c);
}
