/* SPDX-License-Identifier: BSD-3-Clause */
/* One connection of the load generator: as many requests in flight as the depth says.
 * All that can be sent are sent together, answers are received in large gulps, so that
 * the client is not what is measured.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../server/protocol.h"
#include "../server/wire.h"
#include "client.h"

#define IN_SIZE    (256u * 1024)
#define FILL_BLOCK (1u << 20)
/* Bytes of one send, beyond one request. */
#define OUT_SIZE (1u << 20)

bool
client_fail(struct client *c, const char *what, int number)
{
  if (!c->error) {
    c->error = what;
    c->error_number = number;
  }
  return false;
}

bool
client_open(struct client *c)
{
  const struct load *load = c->load;
  int err = stream_connect(&c->stream, load);

  if (err != 0)
    return client_fail(c, "cannot connect", err);
  if (!handshake(c))
    return false;
  c->random = 0x9e3779b97f4a7c15u * (c->number + 1);
  if (load->range && load->range < c->size)
    c->size = load->range;
  if (c->size < load->block)
    return client_fail(c, "the disk is smaller than a block", 0);
  c->size -= c->size % load->block;
  c->next = c->size / load->connections * c->number / load->block * load->block;
  c->slots = calloc(load->depth, sizeof *c->slots);
  c->idle = calloc(load->depth, sizeof *c->idle);
  c->in = malloc(IN_SIZE);
  if (!c->slots || !c->idle || !c->in)
    return client_fail(c, "no memory", ENOMEM);
  for (unsigned i = 0; i < load->depth; i++)
    c->idle[c->idle_count++] = load->depth - 1 - i;
  return true;
}

void
client_close(struct client *c)
{
  uint8_t disc[NBD_EXTENDED_REQUEST_SIZE] = {0}, *p = disc;
  bool extended = c->load->form == FORM_EXTENDED;

  if (c->slots && !c->error) {
    p = wire_put_u32(p, extended ? NBD_EXTENDED_REQUEST_MAGIC : NBD_REQUEST_MAGIC);
    wire_put_u16(wire_put_u16(p, 0), NBD_CMD_DISC);
    stream_send(&c->stream, disc,
                extended ? NBD_EXTENDED_REQUEST_SIZE : NBD_REQUEST_SIZE);
  }
  stream_close(&c->stream);
  free(c->slots);
  free(c->idle);
  free(c->in);
}

/* ------------------------------------------------------------------- requests */

/* What one send consists of; all clients of one load are alike. */
struct batch {
  struct iovec *iov;
  struct outgoing out;
  size_t bytes;
  bool waiting; /* something of it is still to be sent */
  uint8_t *heads;
  uint8_t *payload; /* one for all, or with verify one for each slot */
};

static uint64_t
next_random(struct client *c)
{
  c->random ^= c->random << 13;
  c->random ^= c->random >> 7;
  c->random ^= c->random << 17;
  return c->random >> 8;
}

static void
choose(struct client *c, struct slot *s)
{
  const struct load *load = c->load;

  s->length = load->block;
  if (load->sequential) {
    s->offset = c->next;
    if (s->length > c->size - s->offset)
      s->length = (uint32_t)(c->size - s->offset);
    c->next = s->offset + s->length < c->size ? s->offset + s->length : 0;
  } else
    s->offset = next_random(c) % (c->size / load->block) * load->block;
  s->command = load->command;
  if (load->read_percent > 0)
    s->command =
        next_random(c) % 100 < load->read_percent ? NBD_CMD_READ : NBD_CMD_WRITE;
  if (s->command == NBD_CMD_FLUSH) {
    s->offset = 0;
    s->length = 0;
  }
}

static void
add_request(struct client *c, struct batch *b, unsigned number)
{
  struct slot *s = &c->slots[number];
  bool extended = c->load->form == FORM_EXTENDED, write = s->command == NBD_CMD_WRITE;
  uint8_t *head = b->heads + number * NBD_EXTENDED_REQUEST_SIZE, *p = head, *payload;

  p = wire_put_u32(p, extended ? NBD_EXTENDED_REQUEST_MAGIC : NBD_REQUEST_MAGIC);
  p = wire_put_u16(p, extended && write ? NBD_CMD_FLAG_PAYLOAD_LEN : 0);
  p = wire_put_u16(p, (uint16_t)s->command);
  p = wire_put_u64(p, number);
  p = wire_put_u64(p, s->offset);
  p = extended ? wire_put_u64(p, s->length) : wire_put_u32(p, s->length);
  b->iov[b->out.count++] = (struct iovec){head, (size_t)(p - head)};
  b->bytes += (size_t)(p - head);
  if (!write)
    return;
  payload = b->payload;
  if (c->load->verify) {
    payload += (size_t)number * c->load->block;
    pattern_put(payload, s->length, s->offset);
  }
  b->iov[b->out.count++] = (struct iovec){payload, s->length};
  b->bytes += s->length;
}

/* All requests that may be sent now. */
static void
gather(struct client *c, struct batch *b)
{
  uint64_t most = c->load->requests, now = stats_now_ns();

  b->out = (struct outgoing){b->iov, 0};
  b->bytes = 0;
  while (c->idle_count > 0 && (most == 0 || c->sent < most) && b->bytes < OUT_SIZE) {
    unsigned number = c->idle[--c->idle_count];
    struct slot *s = &c->slots[number];

    *s = (struct slot){.start_ns = now};
    choose(c, s);
    add_request(c, b, number);
    c->sent++;
  }
}

/* Until all is sent or there is something to receive: who only sends, to a server that
 * waits until it can send, waits forever.
 */
static bool
send_requests(struct client *c, struct batch *b)
{
  bool readable = false;
  int err;

  do {
    err = stream_try_send(&c->stream, &b->out);
    b->waiting = err == EAGAIN;
    if (b->waiting)
      err = stream_wait(&c->stream, &readable);
  } while (err == 0 && b->waiting && !readable);
  return err == 0 || client_fail(c, "cannot send requests", err);
}

static bool
recv_answers(struct client *c, bool measuring)
{
  size_t got = 0;
  int err = stream_recv(&c->stream, c->in + c->in_end, IN_SIZE - c->in_end, &got);

  if (err != 0)
    return client_fail(c, "no answer", err);
  c->in_end += got;
  if (!answers_parse(c, measuring))
    return false;
  /* At most a part of a header is left. */
  memmove(c->in, c->in + c->in_start, c->in_end - c->in_start);
  c->in_end -= c->in_start;
  c->in_start = 0;
  return true;
}

static bool
prepare(struct client *c, struct batch *b)
{
  const struct load *load = c->load;
  bool writes = load->command == NBD_CMD_WRITE ||
                (load->command == NBD_CMD_READ && load->read_percent < 100);
  size_t payload = writes ? (size_t)load->block * (load->verify ? load->depth : 1) : 1;

  b->iov = calloc((size_t)load->depth * 2, sizeof *b->iov);
  b->heads = calloc(load->depth, NBD_EXTENDED_REQUEST_SIZE);
  b->payload = malloc(payload);
  if (!b->iov || !b->heads || !b->payload)
    return client_fail(c, "no memory", ENOMEM);
  memset(b->payload, 'x', payload);
  return true;
}

void
client_run(struct client *c, atomic_int *phase)
{
  struct batch b = {0};
  bool ok = prepare(c, &b);

  while (ok) {
    enum phase now = (enum phase)atomic_load_explicit(phase, memory_order_relaxed);

    if (!b.waiting && now != PHASE_STOP)
      gather(c, &b);
    if (b.waiting || b.out.count > 0)
      ok = send_requests(c, &b);
    if (!ok || c->idle_count == c->load->depth)
      break;
    ok = recv_answers(c, now == PHASE_MEASURE);
  }
  free(b.iov);
  free(b.heads);
  free(b.payload);
}

/* The same client for a while with other orders. */
bool
client_fill(struct client *c)
{
  const struct load *load = c->load;
  uint64_t next = c->next;
  struct load fill = *load;
  atomic_int phase = PHASE_WARMUP;

  fill.command = NBD_CMD_WRITE;
  fill.read_percent = 0;
  fill.sequential = true;
  if (fill.block < FILL_BLOCK)
    fill.block = FILL_BLOCK / fill.block * fill.block;
  fill.requests = (c->size + fill.block - 1) / fill.block;
  c->load = &fill;
  c->next = 0;
  client_run(c, &phase);
  c->load = load;
  c->next = next;
  c->sent = 0;
  return c->error == NULL;
}
