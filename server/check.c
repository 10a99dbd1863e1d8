/* SPDX-License-Identifier: BSD-3-Clause */
/* The rules that a request must keep before a layer sees it.
 * Gets requests from request.c; says which error answers one that breaks a rule.
 */
#include "config.h"

#include <errno.h>

#include "connection.h"
#include "request.h"

/* Command flags that a client may set, given what the export offers. */
static uint16_t
allowed_flags(const struct connection *conn, uint16_t command)
{
  uint16_t offered = conn->agreed.transmission_flags;
  uint16_t fua = offered & NBD_FLAG_SEND_FUA ? NBD_CMD_FLAG_FUA : 0;
  uint16_t payload = conn->agreed.extended ? NBD_CMD_FLAG_PAYLOAD_LEN : 0;

  switch (command) {
  case NBD_CMD_READ:
    return fua | (offered & NBD_FLAG_SEND_DF ? NBD_CMD_FLAG_DF : 0);
  case NBD_CMD_WRITE:
    return fua | payload;
  case NBD_CMD_WRITE_ZEROES:
    return fua | NBD_CMD_FLAG_NO_HOLE |
           (offered & NBD_FLAG_SEND_FAST_ZERO ? NBD_CMD_FLAG_FAST_ZERO : 0);
  case NBD_CMD_BLOCK_STATUS:
    return fua | NBD_CMD_FLAG_REQ_ONE |
           (offered & NBD_FLAG_BLOCK_STATUS_PAYLOAD ? payload : 0);
  default:
    return fua;
  }
}

/* What an export must offer for a command; NBD_FLAG_HAS_FLAGS is always there. */
static uint16_t
needed_offer(uint16_t command)
{
  switch (command) {
  case NBD_CMD_FLUSH:
    return NBD_FLAG_SEND_FLUSH;
  case NBD_CMD_TRIM:
    return NBD_FLAG_SEND_TRIM;
  case NBD_CMD_CACHE:
    return NBD_FLAG_SEND_CACHE;
  case NBD_CMD_WRITE_ZEROES:
    return NBD_FLAG_SEND_WRITE_ZEROES;
  default:
    return NBD_FLAG_HAS_FLAGS;
  }
}

static bool
changes_data(uint16_t command)
{
  return command == NBD_CMD_WRITE || command == NBD_CMD_TRIM ||
         command == NBD_CMD_WRITE_ZEROES;
}

static int
check_range(const struct connection *conn, const struct request *request)
{
  const struct nbdsrv_info *info = &conn->top->info;
  bool writes =
      request->command == NBD_CMD_WRITE || request->command == NBD_CMD_WRITE_ZEROES;

  if (request->length == 0)
    return EINVAL;
  if (request->offset > info->export_size ||
      request->length > info->export_size - request->offset)
    return writes ? ENOSPC : EINVAL;
  if (conn->agreed.block_size_known && info->block_minimum > 1 &&
      (request->offset | request->length) & (info->block_minimum - 1))
    return EINVAL;
  return 0;
}

static int
check_payload_size(const struct connection *conn, const struct request *request)
{
  uint64_t most = NBD_MAX_PAYLOAD;
  uint32_t stated = conn->top->info.block_maximum;

  if (conn->agreed.block_size_known && stated > 0 && stated < most)
    most = stated;
  return request->length > most ? EINVAL : 0;
}

int
request_check(const struct connection *conn, const struct request *request)
{
  uint16_t command = request->command;
  uint16_t offered = conn->agreed.transmission_flags;
  bool has_payload = request->wire_flags & NBD_CMD_FLAG_PAYLOAD_LEN;

  if (command >= NBD_CMD_COUNT || command == NBD_CMD_DISC)
    return EINVAL;
  if (request->wire_flags & ~allowed_flags(conn, command))
    return EINVAL;
  if (changes_data(command) && (offered & NBD_FLAG_READ_ONLY))
    return EPERM;
  if (!(offered & needed_offer(command)))
    return EINVAL;
  switch (command) {
  case NBD_CMD_FLUSH:
    return request->offset == 0 && request->length == 0 ? 0 : EINVAL;
  case NBD_CMD_WRITE:
    if (conn->agreed.extended && !has_payload)
      return EINVAL;
    /* fallthrough */
  case NBD_CMD_READ: {
    int error = check_payload_size(conn, request);
    return error ? error : check_range(conn, request);
  }
  case NBD_CMD_BLOCK_STATUS:
    if (conn->agreed.context_count == 0)
      return EINVAL;
    /* fallthrough */
  default:
    return check_range(conn, request);
  }
}
