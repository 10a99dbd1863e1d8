/* SPDX-License-Identifier: BSD-3-Clause */
/* Metadata contexts: base:allocation and what a layer adds.
 * Gets NBD_OPT_LIST_META_CONTEXT and NBD_OPT_SET_META_CONTEXT from option.c.
 * (doc/proto.md, "Metadata querying".)
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "connection.h"
#include "handshake.h"
#include "log.h"
#include "option-data.h"
#include "option.h"
#include "server.h"
#include "utf8.h"

static const char base_allocation[] = "base:allocation";

/* A layer's name that can stand on the wire: a namespace of its own, then a leaf. */
static bool
is_usable(const char *name)
{
  size_t len = strlen(name);

  return len <= NBD_MAX_STRING && utf8_is_valid(name, len) &&
         strchr(name, ':') > name && strncmp(name, "base:", 5) != 0;
}

/* The name of the context that layers know by this index; NULL: there is none. */
static const char *
context_name(const struct connection *conn, uint32_t index)
{
  const char *const *more = conn->top->info.contexts;

  if (index == 0)
    return base_allocation;
  for (uint32_t i = 1; more && more[i - 1]; i++)
    if (i == index)
      return more[i - 1];
  return NULL;
}

/* A query "namespace:" stands for all of it, in LIST alone. */
static bool
matches(const char *query, const char *name, bool list)
{
  size_t len = strlen(query);

  if (strcmp(query, name) == 0)
    return true;
  return list && len > 0 && query[len - 1] == ':' && strncmp(query, name, len) == 0;
}

/* query: NULL for all. */
static void
choose(const struct connection *conn, const char *query, bool list, uint32_t *chosen)
{
  const char *name;

  for (uint32_t i = 0;
       i < CONNECTION_MAX_CONTEXTS && (name = context_name(conn, i)) != NULL; i++)
    if ((i == 0 || is_usable(name)) && (!query || matches(query, name, list)))
      *chosen |= 1u << i;
}

/* The contexts that all queries together ask for, by index, a bit each. */
static uint32_t
choose_all(const struct connection *conn, struct option_queries *queries, bool list)
{
  char query[NBD_MAX_STRING + 1];
  uint32_t chosen = 0;

  if (list && queries->count == 0)
    choose(conn, NULL, list, &chosen);
  while (option_data_next_query(queries, query))
    choose(conn, query, list, &chosen);
  return chosen;
}

static int
send_context(struct connection *conn, const struct option *option, uint32_t id,
             const char *name)
{
  uint8_t data[4 + NBD_MAX_STRING];
  size_t len = strlen(name);

  memcpy(wire_put_u32(data, id), name, len);
  return option_reply(conn, option, NBD_REP_META_CONTEXT, data, 4 + len);
}

static int
answer(struct connection *conn, const struct option *option, uint32_t chosen)
{
  bool set = option->number == NBD_OPT_SET_META_CONTEXT;
  struct negotiated *agreed = &conn->agreed;
  int error = 0;

  for (uint32_t i = 0; i < CONNECTION_MAX_CONTEXTS && !error; i++) {
    uint32_t id = 0;

    if (!(chosen & (1u << i)))
      continue;
    if (set) {
      id = agreed->context_count + 1;
      agreed->contexts[agreed->context_count++] = (struct metacontext){id, i};
    }
    error = send_context(conn, option, id, context_name(conn, i));
  }
  return error ? error : option_reply(conn, option, NBD_REP_ACK, NULL, 0);
}

/* What was set before is gone, whatever comes of this. */
static void
forget(struct connection *conn)
{
  conn->agreed.context_count = 0;
  free(conn->context_name);
  conn->context_name = NULL;
}

int
metacontext_handle(struct connection *conn, const struct option *option)
{
  bool list = option->number == NBD_OPT_LIST_META_CONTEXT;
  struct wire_in in = {option->data, option->length};
  struct option_queries queries;
  int error;

  if (!list)
    forget(conn);
  if (conn->server->options->no_metacontext)
    return option_refuse(conn, option, NBD_REP_ERR_UNSUP, "switched off by --no-mc");
  if (!conn->agreed.structured && !list)
    return option_refuse(conn, option, NBD_REP_ERR_INVALID,
                         "structured replies are to be agreed first");
  if (!option->data || !option_data_queries(in, &queries))
    return option_refuse_data(conn, option);
  error = connection_open_export(conn, queries.name);
  if (error)
    return option_refuse_errno(conn, option, error);
  if (!list) {
    conn->context_name = strdup(queries.name);
    if (!conn->context_name)
      return ENOMEM;
  }
  return answer(conn, option, choose_all(conn, &queries, list));
}
