/* SPDX-License-Identifier: BSD-3-Clause */
/* TLS under the transport, where the server was built without it. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "tls.h"

bool
tls_supported(void)
{
  return false;
}

int
tls_context_new(const struct options *options, struct tls_context **context)
{
  (void)options;
  (void)context;
  log_error("this server was built without TLS: --tls and its kin are not there");
  return ENOTSUP;
}

void
tls_context_free(struct tls_context *context)
{
  (void)context;
}

int
tls_context_reload(struct tls_context *context)
{
  (void)context;
  return ENOTSUP;
}

char *
tls_context_user(struct tls_context *context)
{
  (void)context;
  return NULL;
}

int
tls_accept(struct tls_context *context, struct transport *t, uint64_t deadline_ns,
           char why[TLS_WHY_MAX])
{
  (void)context;
  (void)t;
  (void)deadline_ns;
  snprintf(why, TLS_WHY_MAX, "built without TLS");
  return ENOTSUP;
}

void
tls_describe(struct tls_session *session, char text[TLS_WHY_MAX])
{
  (void)session;
  text[0] = '\0';
}

ssize_t
tls_recv(struct tls_session *session, void *buf, size_t len, bool nowait)
{
  (void)session;
  (void)buf;
  (void)len;
  (void)nowait;
  return -ENOTSUP;
}

ssize_t
tls_sendv(struct tls_session *session, const struct iovec *iov, int count, bool nowait,
          bool more)
{
  (void)session;
  (void)iov;
  (void)count;
  (void)nowait;
  (void)more;
  return -ENOTSUP;
}

bool
tls_pending(struct tls_session *session)
{
  (void)session;
  return false;
}

void
tls_idle(struct tls_session *session)
{
  (void)session;
}

const char *
tls_strerror(struct tls_session *session, int error)
{
  (void)session;
  return strerror(error);
}

void
tls_finish(struct tls_session *session)
{
  (void)session;
}

void
tls_session_free(struct tls_session *session)
{
  (void)session;
}

const char *
tls_peer_user(struct tls_session *session)
{
  (void)session;
  return NULL;
}

const char *
tls_peer_dn(struct tls_session *session)
{
  (void)session;
  return NULL;
}

const char *
tls_peer_issuer(struct tls_session *session)
{
  (void)session;
  return NULL;
}
