/* SPDX-License-Identifier: BSD-3-Clause */
/* Starts for fuzz targets: nothing, or a handshake as far as transmission.
 * Gets a target's input; hands it all that the client sends.  seeds.py knows the
 * numbers of the starts.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "server/protocol.h"
#include "server/wire.h"
#include "start.h"

enum { RAW, SIMPLE, STRUCTURED, EXTENDED, STARTS };

#define START_MOST 256

static uint8_t *
put_option(uint8_t *p, uint32_t option, const void *data, size_t len)
{
  p = wire_put_u64(p, NBD_OPTS_MAGIC);
  p = wire_put_u32(p, option);
  p = wire_put_u32(p, (uint32_t)len);
  memcpy(p, data, len);
  return p + len;
}

/* Structured replies or extended headers, base:allocation, GO, all for "". */
static size_t
make_start(unsigned start, uint8_t bytes[START_MOST])
{
  static const char context[] = "base:allocation";
  static const uint8_t go[6]; /* no information asked for */
  uint8_t query[64], *q = query, *p = bytes;

  if (start == RAW)
    return 0;
  p = wire_put_u32(p, NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES);
  if (start == STRUCTURED)
    p = put_option(p, NBD_OPT_STRUCTURED_REPLY, "", 0);
  if (start == EXTENDED)
    p = put_option(p, NBD_OPT_EXTENDED_HEADERS, "", 0);
  if (start != SIMPLE) {
    q = wire_put_u32(q, 0);
    q = wire_put_u32(q, 1);
    q = wire_put_u32(q, sizeof context - 1);
    memcpy(q, context, sizeof context - 1);
    q += sizeof context - 1;
    p = put_option(p, NBD_OPT_SET_META_CONTEXT, query, (size_t)(q - query));
  }
  p = put_option(p, NBD_OPT_GO, go, sizeof go);
  return (size_t)(p - bytes);
}

uint8_t *
start_input(const uint8_t *data, size_t *size)
{
  uint8_t bytes[START_MOST], *input;
  size_t len;

  if (*size < 2)
    return NULL;
  len = make_start(data[0] % STARTS, bytes);
  input = malloc(len + *size - 1);
  if (!input)
    abort();
  memcpy(input, bytes, len);
  memcpy(input + len, data + 1, *size - 1);
  *size += len - 1;
  return input;
}
