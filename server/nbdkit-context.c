/* SPDX-License-Identifier: BSD-3-Clause */
/* Functions that nbdkit gives its plugins and that are about the running call: its
 * client, strings that live as long as it, lists that it fills.
 * Their ABI has no argument that says whose call it is: log_call_current () does.
 */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "connection.h"
#include "extents.h"
#include "loader.h"
#include "log.h"
#include "nbdkit-public.h"
#include "nbdkit.h"
#include "nbdsrv-filter.h"
#include "tls.h"

#ifndef SO_PEERSEC
#define SO_PEERSEC 31
#endif

/* --------------------------------------------------------------- whose call */

/* NULL, said, on threads and at times that are no client's. */
static const struct connection *
current_connection(const char *what)
{
  const struct connection *conn = log_call_current()->connection;

  if (!conn) {
    nbdsrv_error("%s: this is no call for a client", what);
    errno = EINVAL;
  }
  return conn;
}

/* The handle that the running call is for: while a client is opened it is named by
 * the call, later it stands in the client's stack. */
static const struct bridge_handle *
current_handle(void)
{
  const struct log_call *call = log_call_current();
  const struct nbdsrv_next *n = call->connection ? call->connection->top : NULL;

  if (call->bridge)
    return call->bridge;
  while (n && n->layer != call->layer)
    n = n->below;
  return n && n->is_open && n->layer->module->bridge ? n->handle : NULL;
}

NBDSRV_PUBLIC const char *
nbdkit_export_name(void)
{
  const struct bridge_handle *h = current_handle();

  if (h)
    return h->export_name;
  nbdsrv_error("export name: no export is open in this call");
  errno = EINVAL;
  return NULL;
}

NBDSRV_PUBLIC int
nbdkit_is_tls(void)
{
  const struct connection *conn = current_connection("TLS");

  return conn ? conn->transport.tls != NULL : -1;
}

/* --------------------------------------------------------------------- peers */

NBDSRV_PUBLIC int
nbdkit_peer_name(struct sockaddr *addr, socklen_t *addrlen)
{
  const struct connection *conn = current_connection("peer's address");

  if (!conn)
    return -1;
  if (conn->peer_len == 0) {
    nbdsrv_error("peer's address: the client has none");
    errno = ENOTSUP;
    return -1;
  }
  memcpy(addr, &conn->peer, *addrlen < conn->peer_len ? *addrlen : conn->peer_len);
  *addrlen = conn->peer_len;
  return 0;
}

static int64_t
known(int64_t id, const char *what)
{
  if (id == -1) {
    nbdsrv_error("%s: known of clients on Unix sockets only", what);
    errno = ENOTSUP;
  }
  return id;
}

NBDSRV_PUBLIC int64_t
nbdkit_peer_pid(void)
{
  const struct connection *conn = current_connection("peer's process");

  return conn ? known(conn->pid, "peer's process") : -1;
}

NBDSRV_PUBLIC int64_t
nbdkit_peer_uid(void)
{
  const struct connection *conn = current_connection("peer's user");

  return conn ? known(conn->uid, "peer's user") : -1;
}

NBDSRV_PUBLIC int64_t
nbdkit_peer_gid(void)
{
  const struct connection *conn = current_connection("peer's group");

  return conn ? known(conn->gid, "peer's group") : -1;
}

NBDSRV_PUBLIC char *
nbdkit_peer_security_context(void)
{
  const struct connection *conn = current_connection("peer's security context");
  socklen_t len = NBDKIT_MAX_STRING;
  char *context;

  if (!conn)
    return NULL;
  context = calloc(1, (size_t)len + 1);
  if (context &&
      getsockopt(conn->transport.fd_in, SOL_SOCKET, SO_PEERSEC, context, &len) == 0)
    return context;
  nbdkit_error("peer's security context: %m");
  free(context);
  return NULL;
}

/* "" where there is no certificate. */
static char *
distinguished_name(const char *(*name_of)(struct tls_session *))
{
  const struct connection *conn = current_connection("peer's certificate");
  const char *name = NULL;
  char *copy;

  if (!conn)
    return NULL;
  if (conn->transport.tls)
    name = name_of(conn->transport.tls);
  copy = strdup(name ? name : "");
  if (!copy)
    nbdkit_error("peer's certificate: %m");
  return copy;
}

NBDSRV_PUBLIC char *
nbdkit_peer_tls_dn(void)
{
  return distinguished_name(tls_peer_dn);
}

NBDSRV_PUBLIC char *
nbdkit_peer_tls_issuer_dn(void)
{
  return distinguished_name(tls_peer_issuer);
}

/* ------------------------------------------------------------------- strings */

struct nbdkit_string {
  struct nbdkit_string *next;
  char text[];
};

static pthread_mutex_t strings_lock = PTHREAD_MUTEX_INITIALIZER; /* of all lists */
static struct nbdkit_string *strings;                            /* of no connection */

void
nbdkit_strings_free(struct nbdkit_string **list)
{
  while (*list) {
    struct nbdkit_string *next = (*list)->next;
    free(*list);
    *list = next;
  }
}

void
bridge_forget_strings(void)
{
  nbdkit_strings_free(&strings);
}

const char *
bridge_intern(const char *text, size_t len)
{
  const struct log_call *call = log_call_current();
  struct nbdkit_string **list =
      call->connection && !call->outlives ? &call->connection->strings : &strings;
  struct nbdkit_string *string = malloc(sizeof *string + len + 1);

  if (!string) {
    nbdkit_error("keeping a string: %m");
    return NULL;
  }
  memcpy(string->text, text, len);
  string->text[len] = '\0';
  pthread_mutex_lock(&strings_lock);
  string->next = *list;
  *list = string;
  pthread_mutex_unlock(&strings_lock);
  return string->text;
}

NBDSRV_PUBLIC const char *
nbdkit_strndup_intern(const char *text, size_t len)
{
  if (text)
    return bridge_intern(text, strnlen(text, len));
  nbdsrv_error("keeping a string: it is NULL");
  errno = EINVAL;
  return NULL;
}

NBDSRV_PUBLIC const char *
nbdkit_strdup_intern(const char *text)
{
  return nbdkit_strndup_intern(text, text ? strlen(text) : 0);
}

NBDSRV_PUBLIC const char *
nbdkit_vprintf_intern(const char *fmt, va_list args)
{
  const char *kept;
  char *text;

  if (vasprintf(&text, fmt, args) == -1) {
    nbdkit_error("keeping a string: %m");
    return NULL;
  }
  kept = nbdkit_strdup_intern(text);
  free(text);
  return kept;
}

NBDSRV_PUBLIC const char *
nbdkit_printf_intern(const char *fmt, ...)
{
  const char *kept;
  va_list args;

  va_start(args, fmt);
  kept = nbdkit_vprintf_intern(fmt, args);
  va_end(args);
  return kept;
}

/* --------------------------------------------------------------------- lists */

/* 0, or -1 with errno; what went wrong is said unless memory ran out. */
static int
added(int error)
{
  if (!error)
    return 0;
  errno = error;
  if (error == ENOMEM)
    nbdkit_error("growing a list: %m");
  return -1;
}

NBDSRV_PUBLIC int
nbdkit_add_extent(struct nbdkit_extents *extents, uint64_t offset, uint64_t length,
                  uint32_t type)
{
  int error;

  if (type & ~(NBDSRV_EXTENT_HOLE | NBDSRV_EXTENT_ZERO)) {
    nbdsrv_error("extent at %llu: type %u is not known", (unsigned long long)offset,
                 type);
    return added(EINVAL);
  }
  if (length == 0)
    return 0;
  error = nbdsrv_extents_add((struct nbdsrv_extents *)extents, offset, length, type);
  return error == ERANGE ? 0 : added(error); /* what is too much is dropped */
}

NBDSRV_PUBLIC struct nbdkit_extents *
nbdkit_extents_new(uint64_t start, uint64_t end)
{
  struct nbdsrv_extents *extents = NULL;

  if (start > end || end > INT64_MAX) {
    nbdsrv_error("extents from %llu to %llu: no disk has these",
                 (unsigned long long)start, (unsigned long long)end);
    errno = ERANGE;
  } else if (!(extents = nbdsrv_extents_new(NULL, end - start, start)))
    nbdkit_error("extents: %m");
  return (struct nbdkit_extents *)extents;
}

NBDSRV_PUBLIC size_t
nbdkit_extents_count(const struct nbdkit_extents *extents)
{
  return nbdsrv_extents_count((const struct nbdsrv_extents *)extents);
}

/* The last one ends where the question did, whatever was added. */
NBDSRV_PUBLIC struct nbdkit_extent
nbdkit_get_extent(const struct nbdkit_extents *extents, size_t i)
{
  const struct nbdsrv_extents *list = (const struct nbdsrv_extents *)extents;
  struct nbdkit_extent e;

  nbdsrv_extents_get(list, i, &e.offset, &e.length, &e.type);
  if (e.length > list->end - e.offset)
    e.length = list->end - e.offset;
  return e;
}

NBDSRV_PUBLIC void
nbdkit_extents_free(struct nbdkit_extents *extents)
{
  nbdsrv_extents_free((struct nbdsrv_extents *)extents);
}

NBDSRV_PUBLIC int
nbdkit_add_export(struct nbdkit_exports *exports, const char *name,
                  const char *description)
{
  return added(nbdsrv_exports_add((struct nbdsrv_exports *)exports, name, description));
}

NBDSRV_PUBLIC int
nbdkit_use_default_export(struct nbdkit_exports *exports)
{
  const struct layer *layer = log_call_current()->layer;

  if (!layer || !layer->module->bridge) {
    nbdsrv_error("default export: this is no call of the plugin");
    return added(EINVAL);
  }
  return added(bridge_add_default_export(layer->module->bridge,
                                         (struct nbdsrv_exports *)exports));
}

NBDSRV_PUBLIC void
nbdkit_exports_free(struct nbdkit_exports *exports)
{
  nbdsrv_exports_free((struct nbdsrv_exports *)exports);
}
