/* SPDX-License-Identifier: BSD-3-Clause */
/* The answers of a server, read as a strict client would.
 * Gets all bytes that a connection sent, in two parts; aborts where they cannot be
 * parsed or say what may not be said.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "judge.h"
#include "server/connection.h"
#include "server/protocol.h"
#include "server/utf8.h"
#include "server/wire.h"

#define CHECK(condition)                                                               \
  do                                                                                   \
    if (!(condition)) {                                                                \
      fprintf(stderr, "%s:%d: the answers break a rule: %s\n", __FILE__, __LINE__,     \
              #condition);                                                             \
      abort();                                                                         \
    }                                                                                  \
  while (0)

static void
check_text(const uint8_t *text, size_t len)
{
  CHECK(len <= NBD_MAX_STRING && utf8_is_valid((const char *)text, len));
}

/* ---------------------------------------------------------------- handshake */

static void
check_info(struct wire_in in)
{
  uint32_t minimum, preferred, maximum;
  uint64_t size;
  uint16_t type, flags;

  CHECK(wire_get_u16(&in, &type));
  switch (type) {
  case NBD_INFO_EXPORT:
    CHECK(wire_get_u64(&in, &size) && wire_get_u16(&in, &flags) && in.left == 0);
    CHECK(flags & NBD_FLAG_HAS_FLAGS);
    CHECK(!(flags & NBD_FLAG_SEND_FAST_ZERO) || (flags & NBD_FLAG_SEND_WRITE_ZEROES));
    break;
  case NBD_INFO_NAME:
  case NBD_INFO_DESCRIPTION:
    check_text(in.data, in.left);
    break;
  case NBD_INFO_BLOCK_SIZE:
    CHECK(wire_get_u32(&in, &minimum) && wire_get_u32(&in, &preferred) &&
          wire_get_u32(&in, &maximum) && in.left == 0);
    CHECK(minimum >= 1 && minimum <= preferred && preferred <= maximum);
    break;
  default:
    CHECK(!"known information");
  }
}

static void
check_option_reply(uint32_t type, struct wire_in in)
{
  uint32_t number;

  switch (type) {
  case NBD_REP_ACK:
    CHECK(in.left == 0);
    break;
  case NBD_REP_SERVER:
    CHECK(wire_get_u32(&in, &number) && number <= in.left);
    check_text(in.data, number);
    check_text(in.data + number, in.left - number);
    break;
  case NBD_REP_INFO:
    check_info(in);
    break;
  case NBD_REP_META_CONTEXT:
    CHECK(wire_get_u32(&in, &number) && in.left > 0);
    check_text(in.data, in.left);
    break;
  default:
    CHECK(type >= NBD_REP_ERR_UNSUP && type <= NBD_REP_ERR_EXT_HEADER_REQD);
    check_text(in.data, in.left);
  }
}

void
judge_handshake(const uint8_t *data, size_t len, bool began)
{
  struct wire_in in = {data, len}, part;
  uint32_t option, type, size, before = 0;
  uint64_t magic, options;
  uint16_t flags;

  CHECK(wire_get_u64(&in, &magic) && magic == NBD_MAGIC);
  CHECK(wire_get_u64(&in, &options) && options == NBD_OPTS_MAGIC);
  CHECK(wire_get_u16(&in, &flags));
  while (in.left >= 20) {
    part = in;
    CHECK(wire_get_u64(&part, &magic));
    if (magic != NBD_REP_MAGIC)
      break;
    CHECK(wire_get_u32(&part, &option) && wire_get_u32(&part, &type) &&
          wire_get_u32(&part, &size) && size <= part.left);
    /* A list is not left before its end. */
    CHECK(before == 0 || option == before);
    before =
        type == NBD_REP_SERVER || type == NBD_REP_INFO || type == NBD_REP_META_CONTEXT
            ? option
            : 0;
    check_option_reply(type, (struct wire_in){part.data, size});
    in = (struct wire_in){part.data + size, part.left - size};
  }
  CHECK(before == 0);
  /* What NBD_OPT_EXPORT_NAME is told has no header. */
  CHECK(in.left == 0 || (began && (in.left == 8 + 2 || in.left == 8 + 2 + 124)));
}

/* ------------------------------------------------------------- transmission */

static bool
is_wire_error(uint32_t error)
{
  return error == NBD_EPERM || error == NBD_EIO || error == NBD_ENOMEM ||
         error == NBD_EINVAL || error == NBD_ENOSPC || error == NBD_EOVERFLOW ||
         error == NBD_ENOTSUP || error == NBD_ESHUTDOWN;
}

static void
check_range(const struct connection *conn, uint64_t offset, uint64_t len)
{
  uint64_t size = conn->top->info.export_size;

  CHECK(len > 0 && offset <= size && len <= size - offset);
}

static bool
has_context(const struct connection *conn, uint32_t id)
{
  for (unsigned i = 0; i < conn->agreed.context_count; i++)
    if (conn->agreed.contexts[i].id == id)
      return true;
  return false;
}

static void
check_status(const struct connection *conn, struct wire_in in)
{
  uint64_t length, flags64;
  uint32_t id, count, length32, flags;

  CHECK(wire_get_u32(&in, &id) && has_context(conn, id));
  if (conn->agreed.extended) {
    CHECK(wire_get_u32(&in, &count) && count > 0 && in.left == 16 * (size_t)count);
    while (wire_get_u64(&in, &length) && wire_get_u64(&in, &flags64))
      CHECK(length > 0);
  } else {
    CHECK(in.left > 0 && in.left % 8 == 0);
    while (wire_get_u32(&in, &length32) && wire_get_u32(&in, &flags))
      CHECK(length32 > 0);
  }
}

static void
check_error(uint16_t type, bool done, struct wire_in in)
{
  uint32_t error;
  uint16_t len;

  CHECK(wire_get_u32(&in, &error) && is_wire_error(error));
  CHECK(wire_get_u16(&in, &len) && len <= in.left);
  check_text(in.data, len);
  CHECK(in.left == len + (type == NBD_REPLY_TYPE_ERROR_OFFSET ? 8u : 0u));
  CHECK(done || type == NBD_REPLY_TYPE_ERROR_OFFSET);
}

static void
check_chunk(const struct connection *conn, uint16_t type, bool done, struct wire_in in)
{
  uint64_t offset;
  uint32_t len;

  switch (type) {
  case NBD_REPLY_TYPE_NONE:
    CHECK(done && in.left == 0);
    break;
  case NBD_REPLY_TYPE_OFFSET_DATA:
    CHECK(wire_get_u64(&in, &offset));
    check_range(conn, offset, in.left);
    break;
  case NBD_REPLY_TYPE_OFFSET_HOLE:
    CHECK(wire_get_u64(&in, &offset) && wire_get_u32(&in, &len) && in.left == 0);
    check_range(conn, offset, len);
    break;
  case NBD_REPLY_TYPE_BLOCK_STATUS:
  case NBD_REPLY_TYPE_BLOCK_STATUS_EXT:
    CHECK((type == NBD_REPLY_TYPE_BLOCK_STATUS_EXT) == conn->agreed.extended);
    check_status(conn, in);
    break;
  default:
    CHECK(type == NBD_REPLY_TYPE_ERROR || type == NBD_REPLY_TYPE_ERROR_OFFSET);
    check_error(type, done, in);
  }
}

/* Behind the magic number. */
static void
check_simple(const struct connection *conn, struct wire_in *in)
{
  uint64_t cookie;
  uint32_t error;

  CHECK(!conn->agreed.extended);
  CHECK(wire_get_u32(in, &error) && wire_get_u64(in, &cookie));
  CHECK(error == NBD_SUCCESS || is_wire_error(error));
}

void
judge_transmission(const uint8_t *data, size_t len, const struct connection *conn)
{
  struct wire_in in = {data, len};
  bool extended = conn->agreed.extended, open = false;
  uint64_t cookie, open_cookie = 0, offset, size;
  uint32_t magic, size32;
  uint16_t flags, type;
  const uint8_t *bytes;

  if (!conn->agreed.structured)
    return;
  while (in.left > 0) {
    CHECK(wire_get_u32(&in, &magic));
    if (magic == NBD_SIMPLE_REPLY_MAGIC) {
      CHECK(!open);
      check_simple(conn, &in);
      continue;
    }
    CHECK(magic == (extended ? NBD_EXTENDED_REPLY_MAGIC : NBD_STRUCTURED_REPLY_MAGIC));
    CHECK(wire_get_u16(&in, &flags) && !(flags & ~NBD_REPLY_FLAG_DONE));
    CHECK(wire_get_u16(&in, &type) && wire_get_u64(&in, &cookie));
    if (extended)
      CHECK(wire_get_u64(&in, &offset) && wire_get_u64(&in, &size));
    else {
      CHECK(wire_get_u32(&in, &size32));
      size = size32;
    }
    CHECK(wire_get_bytes(&in, size, &bytes));
    /* This server does not mix the chunks of two replies. */
    CHECK(!open || cookie == open_cookie);
    open = !(flags & NBD_REPLY_FLAG_DONE);
    open_cookie = cookie;
    check_chunk(conn, type, !open, (struct wire_in){bytes, size});
  }
  CHECK(!open);
}
