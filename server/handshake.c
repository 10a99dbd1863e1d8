/* SPDX-License-Identifier: BSD-3-Clause */
/* The handshake: greeting, then options until one of them starts transmission.
 * Gets a fresh connection from connection.c; each option goes to option.c.
 * (doc/proto.md, "Newstyle negotiation"; the oldstyle one under -o.)
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "connection.h"
#include "handshake.h"
#include "log.h"
#include "option.h"
#include "server.h"
#include "tls.h"
#include "wire.h"

/* A client that asks for more than this is not about to read a disk. */
#define MOST_OPTIONS    1000
#define MOST_BYTES      (16u * 1024 * 1024) /* of all options together */
#define GREETING_SIZE   18
#define OLDSTYLE_ZEROES 124

/* Without a deadline, a client that takes nothing is given up after that long. */
#define PATIENCE_NS 30000000000u

int
handshake_recv(struct connection *conn, void *buf, uint32_t len)
{
  uint8_t *p = buf;

  while (len > 0) {
    ssize_t n;

    if (conn->deadline_ns) {
      uint64_t now = clock_now();
      if (now >= conn->deadline_ns)
        return ETIMEDOUT;
      transport_set_timeout(&conn->transport, conn->deadline_ns - now);
    }
    n = transport_recv(&conn->transport, p, len, false);
    if (n == -ETIMEDOUT)
      continue; /* the clock above decides */
    if (n <= 0)
      return n == 0 ? ECONNRESET : (int)-n;
    p += n;
    len -= (uint32_t)n;
  }
  return 0;
}

int
handshake_send(struct connection *conn, const void *head, size_t head_len,
               const void *data, size_t len, bool more)
{
  struct iovec iov[2] = {{(void *)head, head_len}, {(void *)data, len}};
  uint64_t until = conn->deadline_ns ? conn->deadline_ns : clock_now() + PATIENCE_NS;

  while (iov[0].iov_len + iov[1].iov_len > 0) {
    ssize_t n = transport_sendv(&conn->transport, iov, 2, false, more);

    if (n < 0 && n != -EAGAIN)
      return (int)-n;
    for (unsigned i = 0; i < 2 && n > 0; i++) {
      size_t part = (size_t)n < iov[i].iov_len ? (size_t)n : iov[i].iov_len;
      iov[i].iov_base = (char *)iov[i].iov_base + part;
      iov[i].iov_len -= part;
      n -= (ssize_t)part;
    }
    if (iov[0].iov_len + iov[1].iov_len > 0 && clock_now() >= until)
      return ETIMEDOUT;
  }
  return 0;
}

/* -o: no negotiation at all. */
static int
oldstyle(struct connection *conn)
{
  uint8_t greeting[8 + 8 + 8 + 2 + 2 + OLDSTYLE_ZEROES] = {0}, *p = greeting;
  int error = connection_open_export(conn, "");

  if (error)
    return error;
  conn->agreed.transmission_flags = handshake_transmission_flags(conn);
  p = wire_put_u64(p, NBD_MAGIC);
  p = wire_put_u64(p, NBD_OLDSTYLE_MAGIC);
  p = wire_put_u64(p, conn->top->info.export_size);
  p = wire_put_u16(p, 0);
  wire_put_u16(p, conn->agreed.transmission_flags);
  return handshake_send(conn, greeting, sizeof greeting, NULL, 0, false);
}

static int
greet(struct connection *conn)
{
  uint16_t offered = (NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES) &
                     conn->server->options->mask_handshake;
  uint8_t greeting[GREETING_SIZE], answer[4], *p = greeting;
  struct wire_in in = {answer, sizeof answer};
  uint32_t flags = 0;
  int error;

  p = wire_put_u64(p, NBD_MAGIC);
  p = wire_put_u64(p, NBD_OPTS_MAGIC);
  wire_put_u16(p, offered);
  error = handshake_send(conn, greeting, sizeof greeting, NULL, 0, false);
  if (!error)
    error = handshake_recv(conn, answer, sizeof answer);
  if (error)
    return error;
  wire_get_u32(&in, &flags);
  if (flags & ~(uint32_t)offered) {
    log_connection_error(conn, "client flags 0x%x were not offered", flags);
    return EPROTO;
  }
  conn->fixed_newstyle = (flags & NBD_FLAG_FIXED_NEWSTYLE) != 0;
  conn->no_zeroes = (flags & NBD_FLAG_NO_ZEROES) != 0;
  return 0;
}

/* Reads the payload; one that is too large to be meant is dropped, and then data stays
 * NULL. */
static int
take_payload(struct connection *conn, struct option *option)
{
  uint8_t drain[4096];
  uint32_t left = option->length;
  int error = 0;

  if (option->length <= OPTION_MOST_BYTES) {
    option->data = malloc((size_t)option->length + 1);
    return option->data ? handshake_recv(conn, option->data, option->length) : ENOMEM;
  }
  while (left > 0 && !error) {
    uint32_t n = left < sizeof drain ? left : (uint32_t)sizeof drain;
    error = handshake_recv(conn, drain, n);
    left -= n;
  }
  return error;
}

/* One option, whole.  *total counts what this client has sent. */
static int
next_option(struct connection *conn, uint64_t *total, enum option_result *result)
{
  uint8_t header[16];
  struct wire_in in = {header, sizeof header};
  struct option option = {0};
  uint64_t magic;
  int error = handshake_recv(conn, header, sizeof header);

  if (error)
    return error;
  if (!wire_get_u64(&in, &magic) || !wire_get_u32(&in, &option.number) ||
      !wire_get_u32(&in, &option.length) || magic != NBD_OPTS_MAGIC) {
    log_connection_error(conn, "an option without the magic number: giving up");
    return EPROTO;
  }
  *total += option.length;
  if (*total > MOST_BYTES) {
    log_connection_error(conn, "more than %u bytes of options: giving up", MOST_BYTES);
    return EPROTO;
  }
  error = take_payload(conn, &option);
  if (!error)
    error = option_handle(conn, &option, result);
  free(option.data);
  return error;
}

static int
newstyle(struct connection *conn)
{
  enum option_result result = OPTION_GO_ON;
  uint64_t total = 0;
  int error = greet(conn);

  for (unsigned n = 0; !error && result == OPTION_GO_ON; n++) {
    if (n == MOST_OPTIONS) {
      log_connection_error(conn, "more than %u options: giving up", MOST_OPTIONS);
      return EPROTO;
    }
    error = next_option(conn, &total, &result);
  }
  if (!error && result == OPTION_END)
    error = ECONNABORTED;
  return error;
}

int
handshake(struct connection *conn)
{
  const struct options *options = conn->server->options;
  int error;

  conn->deadline_ns = options->timeout_ns ? clock_now() + options->timeout_ns : 0;
  error = options->oldstyle ? oldstyle(conn) : newstyle(conn);
  if (error == ETIMEDOUT)
    log_connection_error(conn, "the handshake took too long");
  else if (error == EBADMSG && !atomic_load(&conn->server->quitting))
    log_connection_error(conn, "handshake: %s",
                         tls_strerror(conn->transport.tls, error));
  else if (error)
    log_connection_debug(conn, "handshake ended: %s", strerror(error));
  return error;
}
