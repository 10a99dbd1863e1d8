/* SPDX-License-Identifier: BSD-3-Clause */
/* What options of the handshake carry.  Nothing here knows a connection: bytes go in,
 * a result or "malformed" (false) comes out.
 */
#ifndef NBDSRV_OPTION_DATA_H
#define NBDSRV_OPTION_DATA_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol.h"
#include "wire.h"

/* A string of len bytes out of in: UTF-8, no NUL, at most NBD_MAX_STRING bytes. */
bool option_data_string(struct wire_in *in, uint32_t len,
                        char name[NBD_MAX_STRING + 1]);

/* NBD_OPT_INFO and NBD_OPT_GO. */
struct option_info {
  char name[NBD_MAX_STRING + 1];
  bool want_name, want_description, want_block_size;
};

bool option_data_info(struct wire_in in, struct option_info *info);

/* NBD_OPT_LIST_META_CONTEXT and NBD_OPT_SET_META_CONTEXT. */
struct option_queries {
  char name[NBD_MAX_STRING + 1]; /* of the export */
  uint32_t count;                /* still to come */
  struct wire_in in;             /* where they stand: checked, so none is malformed */
};

/* Looks at all of it. */
bool option_data_queries(struct wire_in in, struct option_queries *queries);
/* Takes the next query; false: there are no more. */
bool option_data_next_query(struct option_queries *queries,
                            char query[NBD_MAX_STRING + 1]);

#endif
