/* SPDX-License-Identifier: BSD-3-Clause */
/* What options of the handshake carry, understood.
 * Gets the bytes of one option from option.c and metacontext.c; hands them names,
 * requests for information and queries.  (doc/proto.md, "Option types".)
 */
#include "config.h"

#include <string.h>

#include "option-data.h"
#include "utf8.h"

bool
option_data_string(struct wire_in *in, uint32_t len, char name[NBD_MAX_STRING + 1])
{
  const uint8_t *bytes;

  if (len > NBD_MAX_STRING || !wire_get_bytes(in, len, &bytes) ||
      !utf8_is_valid((const char *)bytes, len))
    return false;
  memcpy(name, bytes, len);
  name[len] = '\0';
  return true;
}

bool
option_data_info(struct wire_in in, struct option_info *info)
{
  uint32_t name_len;
  uint16_t count, type;

  info->want_name = info->want_description = info->want_block_size = false;
  if (!wire_get_u32(&in, &name_len) || !option_data_string(&in, name_len, info->name) ||
      !wire_get_u16(&in, &count) || in.left != sizeof type * count)
    return false;
  while (wire_get_u16(&in, &type)) {
    info->want_name = info->want_name || type == NBD_INFO_NAME;
    info->want_description = info->want_description || type == NBD_INFO_DESCRIPTION;
    info->want_block_size = info->want_block_size || type == NBD_INFO_BLOCK_SIZE;
  }
  return true;
}

static bool
take_query(struct wire_in *in, char query[NBD_MAX_STRING + 1])
{
  uint32_t len;

  return wire_get_u32(in, &len) && option_data_string(in, len, query);
}

bool
option_data_queries(struct wire_in in, struct option_queries *queries)
{
  char query[NBD_MAX_STRING + 1];
  uint32_t name_len;

  if (!wire_get_u32(&in, &name_len) ||
      !option_data_string(&in, name_len, queries->name) ||
      !wire_get_u32(&in, &queries->count))
    return false;
  queries->in = in;
  for (uint32_t i = 0; i < queries->count; i++)
    if (!take_query(&in, query))
      return false;
  return in.left == 0;
}

bool
option_data_next_query(struct option_queries *queries, char query[NBD_MAX_STRING + 1])
{
  if (queries->count == 0)
    return false;
  queries->count--;
  return take_query(&queries->in, query);
}
