/* SPDX-License-Identifier: BSD-3-Clause */
/* One option of the handshake. */
#ifndef NBDSRV_OPTION_H
#define NBDSRV_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct connection;

/* The longest that is read; a name and a thousand queries fit well. */
#define OPTION_MOST_BYTES (256u * 1024)

struct option {
  uint32_t number; /* NBD_OPT_* */
  uint32_t length;
  uint8_t *data; /* NULL: longer than OPTION_MOST_BYTES, read and dropped */
};

enum option_result { OPTION_GO_ON, OPTION_TRANSMIT, OPTION_END };

/* Answers one option.  0 or an errno value: then the connection ends. */
int option_handle(struct connection *conn, const struct option *option,
                  enum option_result *result);

/* Replies: whole after any type but NBD_REP_SERVER, NBD_REP_INFO and
 * NBD_REP_META_CONTEXT. */
int option_reply(struct connection *conn, const struct option *option, uint32_t type,
                 const void *data, size_t len);
/* text: for people, or NULL. */
int option_refuse(struct connection *conn, const struct option *option, uint32_t type,
                  const char *text);
/* The refusal of what an option carries. */
int option_refuse_data(struct connection *conn, const struct option *option);
/* The refusal that stands for an errno value of a layer. */
int option_refuse_errno(struct connection *conn, const struct option *option,
                        int error);

/* metacontext.c: NBD_OPT_LIST_META_CONTEXT and NBD_OPT_SET_META_CONTEXT. */
int metacontext_handle(struct connection *conn, const struct option *option);

#endif
