/* SPDX-License-Identifier: BSD-3-Clause */
/* Replies: takes simple replies and chunks of both kinds from the client's buffer,
 * checks that they belong to requests and answer them in full, and counts.
 */
#include "config.h"

#include "../server/protocol.h"
#include "../server/wire.h"
#include "client.h"

/* What the three forms of replies have in common. */
struct answer {
  bool simple, last;
  uint16_t type;
  uint32_t error;
  uint64_t cookie, length;
};

enum parsed { PARSED, NEED_MORE, BROKEN };

static enum parsed
broken(struct client *c, const char *why)
{
  client_fail(c, why, 0);
  return BROKEN;
}

static enum parsed
get_header(struct client *c, struct wire_in *in, struct answer *a)
{
  bool extended = c->load->form == FORM_EXTENDED, complete;
  uint32_t magic, length = 0;
  uint16_t flags = NBD_REPLY_FLAG_DONE;
  uint64_t offset;

  if (!wire_get_u32(in, &magic))
    return NEED_MORE;
  *a = (struct answer){.type = NBD_REPLY_TYPE_NONE};
  if (magic == NBD_SIMPLE_REPLY_MAGIC && !extended) {
    a->simple = true;
    complete = wire_get_u32(in, &a->error) && wire_get_u64(in, &a->cookie);
  } else if (magic == NBD_STRUCTURED_REPLY_MAGIC && c->load->form == FORM_STRUCTURED) {
    complete = wire_get_u16(in, &flags) && wire_get_u16(in, &a->type) &&
               wire_get_u64(in, &a->cookie) && wire_get_u32(in, &length);
    a->length = length;
  } else if (magic == NBD_EXTENDED_REPLY_MAGIC && extended)
    complete = wire_get_u16(in, &flags) && wire_get_u16(in, &a->type) &&
               wire_get_u64(in, &a->cookie) && wire_get_u64(in, &offset) &&
               wire_get_u64(in, &a->length);
  else
    return broken(c, "an answer with a wrong magic number");
  a->last = flags & NBD_REPLY_FLAG_DONE;
  return complete ? PARSED : NEED_MORE;
}

static void
expect_data(struct client *c, struct slot *s, uint64_t offset, uint64_t length)
{
  c->data_offset = offset;
  c->data_left = length;
  c->data_wanted = c->load->verify;
  s->got += length;
}

static bool
lies_inside(const struct slot *s, uint64_t offset, uint64_t length)
{
  return s->command == NBD_CMD_READ && offset >= s->offset && length > 0 &&
         length <= s->length && offset - s->offset <= s->length - length;
}

/* Extents are counted, not looked at. */
static bool
take_extents(struct client *c, const struct answer *a, struct slot *s)
{
  bool wide = a->type == NBD_REPLY_TYPE_BLOCK_STATUS_EXT;
  uint64_t head = wide ? 8 : 4, each = wide ? 16 : 8;

  if (s->command != NBD_CMD_BLOCK_STATUS || a->length < head + each)
    return false;
  s->got += (a->length - head) / each;
  c->data_left = a->length;
  c->data_wanted = false;
  return true;
}

/* What follows a chunk's header: descriptors are counted, holes read as zeroes. */
static enum parsed
take_chunk(struct client *c, struct wire_in *in, const struct answer *a, struct slot *s)
{
  uint64_t offset;
  uint32_t length;

  switch (a->type) {
  case NBD_REPLY_TYPE_NONE:
    return a->length == 0 && a->last ? PARSED : broken(c, "a wrong empty chunk");
  case NBD_REPLY_TYPE_OFFSET_DATA:
    if (!wire_get_u64(in, &offset))
      return NEED_MORE;
    if (a->length < 8 || !lies_inside(s, offset, a->length - 8))
      return broken(c, "data that nobody asked for");
    expect_data(c, s, offset, a->length - 8);
    return PARSED;
  case NBD_REPLY_TYPE_OFFSET_HOLE:
    if (!wire_get_u64(in, &offset) || !wire_get_u32(in, &length))
      return NEED_MORE;
    if (a->length != 12 || !lies_inside(s, offset, length))
      return broken(c, "a hole that nobody asked for");
    if (c->filled)
      return broken(c, "a hole where data were written");
    s->got += length;
    return PARSED;
  case NBD_REPLY_TYPE_BLOCK_STATUS:
  case NBD_REPLY_TYPE_BLOCK_STATUS_EXT:
    return take_extents(c, a, s) ? PARSED : broken(c, "extents that nobody asked for");
  default:
    return broken(c, a->type >= NBD_REPLY_TYPE_ERROR
                         ? "the server answered with an error"
                         : "a chunk of an unknown type");
  }
}

/* The last of an answer has come. */
static enum parsed
finish(struct client *c, uint64_t now, bool measuring)
{
  struct slot *s = c->finishing;

  c->finishing = NULL;
  if (s->command == NBD_CMD_READ && s->got != s->length)
    return broken(c, "a read that was not answered in full");
  if (s->command == NBD_CMD_BLOCK_STATUS && s->got == 0)
    return broken(c, "a block status without extents");
  if (measuring) {
    histogram_add(&c->latency, now - s->start_ns);
    c->done++;
    c->bytes += s->length;
    c->extents += s->command == NBD_CMD_BLOCK_STATUS ? s->got : 0;
  }
  s->start_ns = 0;
  c->idle[c->idle_count++] = (unsigned)(s - c->slots);
  return PARSED;
}

/* One simple reply or chunk at in_start, without its data. */
static enum parsed
parse_one(struct client *c)
{
  struct wire_in in = {c->in + c->in_start, c->in_end - c->in_start};
  struct answer a;
  enum parsed parsed = get_header(c, &in, &a);
  struct slot *s;

  if (parsed != PARSED)
    return parsed;
  if (a.cookie >= c->load->depth || c->slots[a.cookie].start_ns == 0)
    return broken(c, "an answer to a request that was not made");
  if (a.error != 0)
    return broken(c, "the server answered with an error");
  s = &c->slots[a.cookie];
  if (!a.simple)
    parsed = take_chunk(c, &in, &a, s);
  else if (s->command == NBD_CMD_READ && c->load->form == FORM_STRUCTURED)
    parsed = broken(c, "a simple reply to a read");
  else if (s->command == NBD_CMD_READ)
    expect_data(c, s, s->offset, s->length);
  if (parsed != PARSED)
    return parsed;
  c->in_start = c->in_end - in.left;
  if (a.simple || a.last)
    c->finishing = s;
  return PARSED;
}

/* Data of a read that have come, as far as they have. */
static bool
take_data(struct client *c)
{
  size_t have = c->in_end - c->in_start;

  if (have > c->data_left)
    have = (size_t)c->data_left;
  if (c->data_wanted &&
      !pattern_holds(c->in + c->in_start, have, c->data_offset, !c->filled))
    return client_fail(c, "data that were never written there", 0);
  c->in_start += have;
  c->data_offset += have;
  c->data_left -= have;
  return true;
}

bool
answers_parse(struct client *c, bool measuring)
{
  uint64_t now = stats_now_ns();
  enum parsed parsed = PARSED;

  while (parsed == PARSED) {
    if (c->data_left > 0 && !take_data(c))
      return false;
    if (c->data_left == 0 && c->finishing)
      parsed = finish(c, now, measuring);
    else if (c->in_start == c->in_end)
      break;
    else
      parsed = parse_one(c);
  }
  return parsed != BROKEN;
}
