/* SPDX-License-Identifier: BSD-3-Clause */
/* Finished requests to the bytes of their replies: simple, structured, extended.
 * Gets requests whose result is set; leaves an iovec of each for send.c.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "connection.h"
#include "reply.h"
#include "request.h"
#include "utf8.h"
#include "wire.h"

/* What holes look like where they cannot be named: never written, all zeroes. */
static const uint8_t zeroes[256 * 1024];

/* Longer lists are not kept for the next block status. */
#define EXTENTS_KEPT 256

/* Two errors mean something particular, and nothing else but that. */
static unsigned
special_error(const struct request *request)
{
  const struct connection *conn = request->conn;

  if (request->error == EOVERFLOW)
    return request->command == NBD_CMD_READ &&
                   (conn->agreed.transmission_flags & NBD_FLAG_SEND_DF)
               ? NBD_EOVERFLOW
               : NBD_EINVAL;
  return request->wire_flags & NBD_CMD_FLAG_FAST_ZERO ? NBD_ENOTSUP : NBD_EINVAL;
}

static unsigned
wire_error(const struct request *request)
{
  switch (request->error) {
  case 0:
    return NBD_SUCCESS;
  case EPERM:
  case EROFS:
  case EACCES:
    return NBD_EPERM;
  case EIO:
  case ENODEV:
  case ENXIO:
    return NBD_EIO;
  case ENOMEM:
    return NBD_ENOMEM;
  case ENOSPC:
  case EDQUOT:
  case EFBIG:
    return NBD_ENOSPC;
  case EOVERFLOW:
  case ENOTSUP:
#if ENOTSUP != EOPNOTSUPP
  case EOPNOTSUPP:
#endif
    return special_error(request);
  case ESHUTDOWN:
    return NBD_ESHUTDOWN;
  default:
    return NBD_EINVAL;
  }
}

/* ----------------------------------------------------------------- building */

static size_t
header_size(const struct connection *conn)
{
  return conn->agreed.extended     ? NBD_EXTENDED_REPLY_SIZE
         : conn->agreed.structured ? NBD_STRUCTURED_REPLY_SIZE
                                   : NBD_SIMPLE_REPLY_SIZE;
}

static uint8_t *
put_simple(uint8_t *p, const struct request *request)
{
  p = wire_put_u32(p, NBD_SIMPLE_REPLY_MAGIC);
  p = wire_put_u32(p, wire_error(request));
  return wire_put_u64(p, request->cookie);
}

static uint8_t *
put_chunk(uint8_t *p, const struct request *request, bool last, uint16_t type,
          uint64_t length)
{
  bool extended = request->conn->agreed.extended;

  p = wire_put_u32(p, extended ? NBD_EXTENDED_REPLY_MAGIC : NBD_STRUCTURED_REPLY_MAGIC);
  p = wire_put_u16(p, last ? NBD_REPLY_FLAG_DONE : 0);
  p = wire_put_u16(p, type);
  p = wire_put_u64(p, request->cookie);
  if (!extended)
    return wire_put_u32(p, (uint32_t)length);
  p = wire_put_u64(p, request->offset);
  return wire_put_u64(p, length);
}

static void
add_iov(struct request *request, const void *base, size_t len)
{
  request->iov[request->iov_count++] = (struct iovec){(void *)base, len};
}

/* Space for a reply of that many parts and bytes of headers; NULL: ENOMEM. */
static uint8_t *
begin(struct request *request, size_t iov_count, size_t head_size)
{
  size_t iov_size = iov_count * sizeof(struct iovec);

  request->iov = request->own_iov;
  request->iov_count = 0;
  request->file = -1;
  request->more_room = NULL;
  if (iov_count <= REQUEST_IOV_ROOM && head_size <= REQUEST_HEADER_ROOM)
    return request->own_head;
  request->more_room = malloc(iov_size + head_size);
  if (!request->more_room)
    return NULL;
  request->iov = request->more_room;
  return (uint8_t *)request->more_room + iov_size;
}

static void
build_error(struct request *request)
{
  uint8_t *head = begin(request, 2, REQUEST_HEADER_ROOM), *p;
  size_t text_len = 0;

  if (!request->conn->agreed.structured) {
    p = put_simple(head, request);
    add_iov(request, head, (size_t)(p - head));
    return;
  }
  if (request->text)
    text_len = utf8_mend(request->text, NBD_MAX_STRING, request->text);
  p = put_chunk(head, request, true, NBD_REPLY_TYPE_ERROR, 4 + 2 + text_len);
  p = wire_put_u32(p, wire_error(request));
  p = wire_put_u16(p, (uint16_t)text_len);
  add_iov(request, head, (size_t)(p - head));
  if (text_len > 0)
    add_iov(request, request->text, text_len);
}

static void
build_done(struct request *request)
{
  uint8_t *head = begin(request, 1, REQUEST_HEADER_ROOM);
  uint8_t *p = request->conn->agreed.structured
                   ? put_chunk(head, request, true, NBD_REPLY_TYPE_NONE, 0)
                   : put_simple(head, request);

  add_iov(request, head, (size_t)(p - head));
}

/* The data of a read, a hole as zeroes. */
static void
add_part(struct request *request, const struct iovec *part)
{
  size_t left = part->iov_len;

  if (part->iov_base) {
    add_iov(request, part->iov_base, left);
    return;
  }
  while (left > 0) {
    size_t n = left < sizeof zeroes ? left : sizeof zeroes;
    add_iov(request, zeroes, n);
    left -= n;
  }
}

static size_t
part_iovs(const struct iovec *part)
{
  return part->iov_base ? 1 : (part->iov_len + sizeof zeroes - 1) / sizeof zeroes;
}

/* All of it behind one header: simple replies, DF, a single part of data, a file. */
static bool
build_read_whole(struct request *request)
{
  const struct nbdsrv_loan *loan = &request->loan;
  size_t iovs = 1;
  uint8_t *head, *p;

  for (uint32_t i = 0; i < loan->count; i++)
    iovs += part_iovs(&loan->iov[i]);
  head = begin(request, iovs, REQUEST_HEADER_ROOM);
  if (!head)
    return false;
  if (request->conn->agreed.structured) {
    p = put_chunk(head, request, true, NBD_REPLY_TYPE_OFFSET_DATA, 8 + request->length);
    p = wire_put_u64(p, request->offset);
  } else
    p = put_simple(head, request);
  add_iov(request, head, (size_t)(p - head));
  for (uint32_t i = 0; i < loan->count; i++)
    add_part(request, &loan->iov[i]);
  if (loan->count == 0) {
    request->file = loan->fd;
    request->file_offset = loan->fd_offset;
    request->file_left = request->length;
  }
  return true;
}

/* A chunk for each part, holes as holes. */
static bool
build_read_chunks(struct request *request)
{
  const struct nbdsrv_loan *loan = &request->loan;
  size_t room = header_size(request->conn) + 8 + 4;
  uint64_t offset = request->offset;
  uint8_t *p = begin(request, 2 * (size_t)loan->count, room * loan->count);

  if (!p)
    return false;
  for (uint32_t i = 0; i < loan->count; i++) {
    const struct iovec *part = &loan->iov[i];
    bool last = i + 1 == loan->count;
    uint8_t *start = p;

    if (part->iov_base) {
      p = put_chunk(p, request, last, NBD_REPLY_TYPE_OFFSET_DATA, 8 + part->iov_len);
      p = wire_put_u64(p, offset);
    } else {
      p = put_chunk(p, request, last, NBD_REPLY_TYPE_OFFSET_HOLE, 8 + 4);
      p = wire_put_u64(p, offset);
      p = wire_put_u32(p, (uint32_t)part->iov_len);
    }
    add_iov(request, start, (size_t)(p - start));
    if (part->iov_base)
      add_iov(request, part->iov_base, part->iov_len);
    offset += part->iov_len;
  }
  return true;
}

static bool
build_read(struct request *request)
{
  const struct nbdsrv_loan *loan = &request->loan;
  bool chunks = request->conn->agreed.structured &&
                !(request->wire_flags & NBD_CMD_FLAG_DF) &&
                (loan->count > 1 || (loan->count == 1 && !loan->iov[0].iov_base));

  return chunks ? build_read_chunks(request) : build_read_whole(request);
}

/* ------------------------------------------------------------- block status */

/* In one chunk, which may not be larger than the largest payload that was told. */
static size_t
most_extents(const struct connection *conn)
{
  size_t most = conn->top->info.block_maximum / (conn->agreed.extended ? 16 : 8);

  return most > 0 && most < NBD_MAX_EXTENTS ? most : NBD_MAX_EXTENTS;
}

/* The extents of one context that fit into the answer: clipped to the export, with
 * REQ_ONE to the request, in compact form to what 32 bits can say. */
static size_t
clip_extents(const struct request *request, struct nbdsrv_extents *extents)
{
  const struct connection *conn = request->conn;
  bool one = (request->wire_flags & NBD_CMD_FLAG_REQ_ONE) != 0;
  uint64_t end = one ? request->offset + request->length : conn->top->info.export_size;
  uint64_t at = request->offset;
  size_t n = one && extents->count > 1 ? 1 : extents->count;
  size_t most = most_extents(conn);

  if (n > most)
    n = most;
  for (size_t i = 0; i < n; i++) {
    uint64_t *length = &extents->list[i].length;

    if (*length > end - at)
      *length = end - at;
    if (!conn->agreed.extended && *length > UINT32_MAX) {
      *length = UINT32_MAX & ~0xffffu; /* stays a multiple of any block size */
      return i + 1;
    }
    at += *length;
    if (at == end)
      return i + 1;
  }
  return n;
}

static uint8_t *
put_context(uint8_t *p, struct request *request, unsigned i, size_t count, bool last)
{
  const struct connection *conn = request->conn;
  const struct extent *list = request->extents[i].list;
  bool extended = conn->agreed.extended;

  p = put_chunk(p, request, last,
                extended ? NBD_REPLY_TYPE_BLOCK_STATUS_EXT
                         : NBD_REPLY_TYPE_BLOCK_STATUS,
                extended ? 4 + 4 + 16 * count : 4 + 8 * count);
  p = wire_put_u32(p, conn->agreed.contexts[i].id);
  if (extended)
    p = wire_put_u32(p, (uint32_t)count);
  for (size_t j = 0; j < count; j++)
    if (extended)
      p = wire_put_u64(wire_put_u64(p, list[j].length), list[j].type);
    else
      p = wire_put_u32(wire_put_u32(p, (uint32_t)list[j].length), list[j].type);
  return p;
}

/* Exactly one chunk for each context that was asked for. */
static bool
build_status(struct request *request)
{
  const struct connection *conn = request->conn;
  size_t counts[CONNECTION_MAX_CONTEXTS] = {0}, room = 0;
  unsigned last = 0;
  uint8_t *start, *p;

  for (unsigned i = 0; i < conn->agreed.context_count; i++) {
    if (!(request->contexts & (1u << i)))
      continue;
    counts[i] = clip_extents(request, &request->extents[i]);
    room += header_size(conn) + 8 + counts[i] * (conn->agreed.extended ? 16 : 8);
    last = i;
  }
  start = p = begin(request, 1, room);
  if (!start)
    return false;
  for (unsigned i = 0; i <= last; i++)
    if (counts[i] > 0)
      p = put_context(p, request, i, counts[i], i == last);
  add_iov(request, start, (size_t)(p - start));
  return true;
}

void
reply_build(struct request *request)
{
  bool built = true;

  if (request->error)
    build_error(request);
  else if (request->command == NBD_CMD_READ)
    built = build_read(request);
  else if (request->command == NBD_CMD_BLOCK_STATUS)
    built = build_status(request);
  else
    build_done(request);
  if (!built) {
    request->error = ENOMEM;
    build_error(request);
  }
}

/* Frees what belongs to a reply once it is sent, or never will be. */
void
request_release(struct request *request)
{
  if (request->lent)
    layer_lend_done(request->call.path, &request->loan);
  request->lent = false;
  free(request->more_room);
  request->more_room = NULL;
  free(request->text);
  request->text = NULL;
  if (request->command == NBD_CMD_BLOCK_STATUS && request->extents)
    for (unsigned i = 0; i < request->conn->agreed.context_count; i++)
      if (request->extents[i].room > EXTENTS_KEPT)
        extents_release(&request->extents[i]);
}
