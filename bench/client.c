/* SPDX-License-Identifier: BSD-3-Clause */
/* One connection of the load generator: handshake, then as many requests in flight
 * as the depth says.  Requests that can be sent are sent together, answers are
 * received in large gulps, so that the client is not what is measured.
 */
#include "config.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "../server/protocol.h"
#include "../server/wire.h"
#include "client.h"

#define IN_SIZE (1u << 20)

static uint64_t
now_ns(void)
{
  struct timespec ts;

  clock_gettime(CLOCK_MONOTONIC, &ts);
  return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static bool
fail(struct client *c, const char *why)
{
  c->error = why;
  return false;
}

static bool
send_all(struct client *c, const void *buf, size_t len)
{
  const char *p = buf;

  while (len > 0) {
    ssize_t n = send(c->fd, p, len, MSG_NOSIGNAL);
    if (n <= 0)
      return fail(c, "sending failed");
    p += n;
    len -= (size_t)n;
  }
  return true;
}

static bool
recv_all(struct client *c, void *buf, size_t len)
{
  return recv(c->fd, buf, len, MSG_WAITALL) == (ssize_t)len ||
         fail(c, "the server closed the connection");
}

/* ------------------------------------------------------------------ handshake */

static bool
connect_tcp(struct client *c)
{
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list;
  bool ok;

  if (getaddrinfo(c->load->host, c->load->port, &hints, &list) != 0)
    return fail(c, "unknown host");
  c->fd = socket(list->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ok = connect(c->fd, list->ai_addr, list->ai_addrlen) == 0;
  freeaddrinfo(list);
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
  return ok || fail(c, "cannot connect");
}

static bool
connect_unix(struct client *c)
{
  struct sockaddr_un address = {.sun_family = AF_UNIX};

  strncpy(address.sun_path, c->load->unixsocket, sizeof address.sun_path - 1);
  c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  return connect(c->fd, (struct sockaddr *)&address, sizeof address) == 0 ||
         fail(c, "cannot connect");
}

static bool
send_option(struct client *c, uint32_t option, const void *data, uint32_t len)
{
  uint8_t head[16];

  wire_put_u32(wire_put_u32(wire_put_u64(head, NBD_OPTS_MAGIC), option), len);
  return send_all(c, head, sizeof head) && send_all(c, data, len);
}

/* The next reply to an option; data up to room bytes, the rest dropped. */
static bool
recv_option(struct client *c, uint32_t *type, uint8_t *data, uint32_t room)
{
  uint8_t head[20];
  struct wire_in in = {head, sizeof head};
  uint64_t magic;
  uint32_t option, len;

  if (!recv_all(c, head, sizeof head))
    return false;
  wire_get_u64(&in, &magic);
  wire_get_u32(&in, &option);
  wire_get_u32(&in, type);
  wire_get_u32(&in, &len);
  if (magic != NBD_REP_MAGIC || len > room)
    return fail(c, "strange answer to an option");
  return len == 0 || recv_all(c, data, len);
}

static bool
ask(struct client *c, uint32_t option, const void *data, uint32_t len, uint8_t *found,
    uint32_t wanted)
{
  uint8_t reply[8192];
  uint32_t type;

  if (!send_option(c, option, data, len))
    return false;
  do {
    if (!recv_option(c, &type, reply, sizeof reply))
      return false;
    /* The first one that matters: INFO_EXPORT begins with 0, 0. */
    if (type == wanted && (type != NBD_REP_INFO || (reply[0] == 0 && reply[1] == 0)))
      memcpy(found, reply, 16);
  } while (type != NBD_REP_ACK && !(type & 0x80000000u));
  return type == NBD_REP_ACK || fail(c, "the server refused an option");
}

static bool
negotiate(struct client *c)
{
  static const char base[] = "base:allocation";
  const char *name = c->load->export_name;
  uint32_t name_len = (uint32_t)strlen(name);
  uint8_t greeting[18], data[512], found[16] = {0}, *p;
  struct wire_in in;

  if (name_len > 256)
    return fail(c, "the export's name is too long");
  if (!recv_all(c, greeting, sizeof greeting) || !send_all(c, "\0\0\0\3", 4))
    return false;
  if (c->load->form == FORM_STRUCTURED &&
      !ask(c, NBD_OPT_STRUCTURED_REPLY, "", 0, NULL, 0))
    return false;
  if (c->load->form == FORM_EXTENDED &&
      !ask(c, NBD_OPT_EXTENDED_HEADERS, "", 0, NULL, 0))
    return false;
  if (c->load->command == NBD_CMD_BLOCK_STATUS) {
    p = wire_put_u32(data, name_len);
    memcpy(p, name, name_len);
    p = wire_put_u32(p + name_len, 1);
    p = wire_put_u32(p, sizeof base - 1);
    memcpy(p, base, sizeof base - 1);
    p += sizeof base - 1;
    if (!ask(c, NBD_OPT_SET_META_CONTEXT, data, (uint32_t)(p - data), found,
             NBD_REP_META_CONTEXT))
      return false;
  }
  p = wire_put_u32(data, name_len);
  memcpy(p, name, name_len);
  p = wire_put_u16(p + name_len, 0);
  if (!ask(c, NBD_OPT_GO, data, (uint32_t)(p - data), found, NBD_REP_INFO))
    return false;
  in = (struct wire_in){found + 2, 8};
  wire_get_u64(&in, &c->size);
  return true;
}

bool
client_open(struct client *c)
{
  c->random = 0x9e3779b97f4a7c15u * (c->number + 1);
  if (!(c->load->unixsocket ? connect_unix(c) : connect_tcp(c)) || !negotiate(c))
    return false;
  if (c->load->range && c->load->range < c->size)
    c->size = c->load->range;
  if (c->size < c->load->block)
    return fail(c, "the disk is smaller than a block");
  c->next =
      c->size / c->load->connections * c->number / c->load->block * c->load->block;
  c->latency_ns = malloc(MOST_LATENCIES * sizeof *c->latency_ns);
  return c->latency_ns != NULL || fail(c, "no memory");
}

/* --------------------------------------------------------------- transmission */

struct slot {
  uint64_t start_ns, offset;
  unsigned command;
};

/* What goes on between client_run and its parts. */
struct run {
  struct slot *slots;
  unsigned *free_slots, free_count;
  uint8_t *out, *payload;
  size_t out_size;
  uint8_t *in;
  size_t in_start, in_end;
  uint64_t skip; /* bytes of data on their way, not looked at */
  uint64_t sent;
};

static uint64_t
next_offset(struct client *c)
{
  uint64_t blocks = c->size / c->load->block, offset;

  if (c->load->sequential) {
    offset = c->next;
    c->next += c->load->block;
    if (c->next + c->load->block > c->size)
      c->next = 0;
    return offset;
  }
  c->random ^= c->random << 13;
  c->random ^= c->random >> 7;
  c->random ^= c->random << 17;
  return c->random % blocks * c->load->block;
}

static unsigned
next_command(struct client *c)
{
  if (c->load->command > NBD_CMD_WRITE)
    return c->load->command;
  return (c->random >> 33) % 100 < c->load->read_percent ? NBD_CMD_READ : NBD_CMD_WRITE;
}

static uint8_t *
put_request(struct client *c, struct run *r, uint8_t *p, unsigned slot)
{
  const struct load *load = c->load;
  struct slot *s = &r->slots[slot];
  uint64_t length = s->command == NBD_CMD_FLUSH ? 0 : load->block;
  uint64_t offset = s->command == NBD_CMD_FLUSH ? 0 : s->offset;
  bool extended = load->form == FORM_EXTENDED, write = s->command == NBD_CMD_WRITE;

  p = wire_put_u32(p, extended ? NBD_EXTENDED_REQUEST_MAGIC : NBD_REQUEST_MAGIC);
  p = wire_put_u16(p, extended && write ? NBD_CMD_FLAG_PAYLOAD_LEN : 0);
  p = wire_put_u16(p, (uint16_t)s->command);
  p = wire_put_u64(p, slot);
  p = wire_put_u64(p, offset);
  p = extended ? wire_put_u64(p, length) : wire_put_u32(p, (uint32_t)length);
  if (write) {
    memcpy(p, r->payload, load->block);
    wire_put_u64(p, offset);
    p += load->block;
  }
  return p;
}

/* All requests that may be sent, in one go. */
static bool
send_requests(struct client *c, struct run *r)
{
  uint64_t most = c->load->requests, start = now_ns();
  uint8_t *p = r->out;

  while (r->free_count > 0 && (most == 0 || r->sent < most) &&
         p - r->out < (ptrdiff_t)(1u << 20)) {
    unsigned slot = r->free_slots[--r->free_count];
    struct slot *s = &r->slots[slot];

    s->offset = next_offset(c);
    s->command = next_command(c);
    s->start_ns = start;
    p = put_request(c, r, p, slot);
    r->sent++;
  }
  return p == r->out || send_all(c, r->out, (size_t)(p - r->out));
}

static void
finish(struct client *c, struct run *r, uint64_t cookie, uint64_t now)
{
  struct slot *s = &r->slots[cookie];

  if (c->latencies < MOST_LATENCIES)
    c->latency_ns[c->latencies++] = (uint32_t)(now - s->start_ns);
  c->done++;
  c->bytes += s->command == NBD_CMD_FLUSH ? 0 : c->load->block;
  r->free_slots[r->free_count++] = (unsigned)cookie;
}

/* With verify each block that was ever written begins with its own offset. */
static bool
check_data(struct client *c, const uint8_t *data, uint64_t offset)
{
  struct wire_in in = {data, 8};
  uint64_t found;

  wire_get_u64(&in, &found);
  return found == offset || found == 0 || fail(c, "wrong data");
}

enum parsed { PARSED, NEED_MORE, BROKEN };

/* One answer, or one chunk of one, at in_start. */
static enum parsed
parse_reply(struct client *c, struct run *r, uint64_t now)
{
  struct wire_in in = {r->in + r->in_start, r->in_end - r->in_start};
  uint32_t magic, error = 0, length32;
  uint16_t flags = NBD_REPLY_FLAG_DONE, type = NBD_REPLY_TYPE_NONE;
  uint64_t cookie, length = 0, offset;
  bool ok, data;
  size_t header;

  if (!wire_get_u32(&in, &magic))
    return NEED_MORE;
  if (magic == NBD_SIMPLE_REPLY_MAGIC)
    ok = wire_get_u32(&in, &error) && wire_get_u64(&in, &cookie);
  else if (magic == NBD_STRUCTURED_REPLY_MAGIC) {
    ok = wire_get_u16(&in, &flags) && wire_get_u16(&in, &type) &&
         wire_get_u64(&in, &cookie) && wire_get_u32(&in, &length32);
    length = ok ? length32 : 0;
  } else if (magic == NBD_EXTENDED_REPLY_MAGIC)
    ok = wire_get_u16(&in, &flags) && wire_get_u16(&in, &type) &&
         wire_get_u64(&in, &cookie) && wire_get_u64(&in, &offset) &&
         wire_get_u64(&in, &length);
  else {
    fail(c, "an answer without the magic number");
    return BROKEN;
  }
  if (!ok)
    return NEED_MORE;
  if (cookie >= c->load->depth || error || type >= NBD_REPLY_TYPE_ERROR) {
    fail(c, "the server answered with an error");
    return BROKEN;
  }
  header = (r->in_end - r->in_start) - in.left;
  if (magic == NBD_SIMPLE_REPLY_MAGIC && r->slots[cookie].command == NBD_CMD_READ)
    length = c->load->block;
  data = c->load->verify && r->slots[cookie].command == NBD_CMD_READ &&
         (type == NBD_REPLY_TYPE_OFFSET_DATA || magic == NBD_SIMPLE_REPLY_MAGIC);
  if (data) {
    size_t prefix = type == NBD_REPLY_TYPE_OFFSET_DATA ? 8 : 0;
    if (in.left < prefix + 8)
      return NEED_MORE;
    if (!check_data(c, in.data + prefix, r->slots[cookie].offset))
      return BROKEN;
  }
  r->in_start += header;
  r->skip = length;
  if (flags & NBD_REPLY_FLAG_DONE)
    finish(c, r, cookie, now);
  return PARSED;
}

static bool
parse_replies(struct client *c, struct run *r)
{
  uint64_t now = now_ns();

  for (;;) {
    size_t have = r->in_end - r->in_start;
    size_t drop = r->skip < have ? (size_t)r->skip : have;
    enum parsed parsed;

    r->in_start += drop;
    r->skip -= drop;
    if (r->skip > 0 || r->in_start == r->in_end)
      break;
    parsed = parse_reply(c, r, now);
    if (parsed == BROKEN)
      return false;
    if (parsed == NEED_MORE)
      break;
  }
  memmove(r->in, r->in + r->in_start, r->in_end - r->in_start);
  r->in_end -= r->in_start;
  r->in_start = 0;
  return true;
}

static bool
prepare(struct client *c, struct run *r)
{
  const struct load *load = c->load;
  size_t request = NBD_EXTENDED_REQUEST_SIZE + load->block;

  r->out_size = (1u << 20) + 2 * request;
  r->slots = calloc(load->depth, sizeof *r->slots);
  r->free_slots = calloc(load->depth, sizeof *r->free_slots);
  r->out = malloc(r->out_size);
  r->payload = malloc(load->block + 8);
  r->in = malloc(IN_SIZE);
  if (!r->slots || !r->free_slots || !r->out || !r->payload || !r->in)
    return fail(c, "no memory");
  memset(r->payload, 'x', load->block + 8);
  for (unsigned i = 0; i < load->depth; i++)
    r->free_slots[r->free_count++] = i;
  return true;
}

void
client_run(struct client *c, const volatile bool *stop)
{
  struct run r = {0};
  bool ok = prepare(c, &r);

  while (ok) {
    ssize_t n;

    if (!*stop)
      ok = send_requests(c, &r);
    if (!ok || r.free_count == c->load->depth)
      break;
    n = recv(c->fd, r.in + r.in_end, IN_SIZE - r.in_end, 0);
    if (n <= 0) {
      fail(c, "the server closed the connection");
      break;
    }
    r.in_end += (size_t)n;
    ok = parse_replies(c, &r);
  }
  free(r.slots);
  free(r.free_slots);
  free(r.out);
  free(r.payload);
  free(r.in);
}
