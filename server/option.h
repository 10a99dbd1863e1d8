/* SPDX-License-Identifier: BSD-3-Clause */
/* One option of the handshake. */
#ifndef NBDSRV_OPTION_H
#define NBDSRV_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire.h"

struct connection;

/* The longest that is read; two names and a thousand queries fit well. */
#define OPTION_MOST_BYTES (256u * 1024)

struct option {
  uint32_t number; /* NBD_OPT_* */
  uint32_t length;
  uint8_t *data;
};

enum option_result { OPTION_GO_ON, OPTION_TRANSMIT, OPTION_END };

/* Answers one option.  0 or an errno value: then the connection ends. */
int option_handle(struct connection *conn, const struct option *option,
                  enum option_result *result);

/* Replies.  text: for people, or NULL. */
int option_reply(struct connection *conn, const struct option *option, uint32_t type,
                 const void *data, size_t len);
int option_refuse(struct connection *conn, const struct option *option, uint32_t type,
                  const char *text);
/* The refusal that stands for an errno value of a layer. */
int option_refuse_errno(struct connection *conn, const struct option *option,
                        int error);

/* A string of len bytes out of in: UTF-8, no NUL, at most NBD_MAX_STRING bytes.  Copied
 * to name, which has NBD_MAX_STRING + 1.  False: it is not like that. */
bool option_get_string(struct wire_in *in, uint32_t len, char *name);

/* metacontext.c: NBD_OPT_LIST_META_CONTEXT and NBD_OPT_SET_META_CONTEXT. */
int metacontext_handle(struct connection *conn, const struct option *option);

#endif
