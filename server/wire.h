/* SPDX-License-Identifier: BSD-3-Clause */
/* A bounded reader and unaligned big-endian stores: the only place where bytes
 * of the wire meet pointers.  A reader gives nothing that it does not have: every
 * wire_get_* either succeeds or the message is malformed.
 */
#ifndef NBDSRV_WIRE_H
#define NBDSRV_WIRE_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct wire_in {
  const uint8_t *data;
  size_t left;
};

static inline bool
wire_get_u16(struct wire_in *in, uint16_t *v)
{
  uint16_t be;
  if (in->left < sizeof be)
    return false;
  memcpy(&be, in->data, sizeof be);
  *v = be16toh(be);
  in->data += sizeof be;
  in->left -= sizeof be;
  return true;
}

static inline bool
wire_get_u32(struct wire_in *in, uint32_t *v)
{
  uint32_t be;
  if (in->left < sizeof be)
    return false;
  memcpy(&be, in->data, sizeof be);
  *v = be32toh(be);
  in->data += sizeof be;
  in->left -= sizeof be;
  return true;
}

static inline bool
wire_get_u64(struct wire_in *in, uint64_t *v)
{
  uint64_t be;
  if (in->left < sizeof be)
    return false;
  memcpy(&be, in->data, sizeof be);
  *v = be64toh(be);
  in->data += sizeof be;
  in->left -= sizeof be;
  return true;
}

/* A run of len bytes, not copied. */
static inline bool
wire_get_bytes(struct wire_in *in, size_t len, const uint8_t **bytes)
{
  if (in->left < len)
    return false;
  *bytes = in->data;
  in->data += len;
  in->left -= len;
  return true;
}

/* Stores; each returns where the next one goes. */
static inline uint8_t *
wire_put_u16(uint8_t *p, uint16_t v)
{
  v = htobe16(v);
  memcpy(p, &v, sizeof v);
  return p + sizeof v;
}

static inline uint8_t *
wire_put_u32(uint8_t *p, uint32_t v)
{
  v = htobe32(v);
  memcpy(p, &v, sizeof v);
  return p + sizeof v;
}

static inline uint8_t *
wire_put_u64(uint8_t *p, uint64_t v)
{
  v = htobe64(v);
  memcpy(p, &v, sizeof v);
  return p + sizeof v;
}

#endif
