/* SPDX-License-Identifier: BSD-3-Clause */
/* TLS under the transport, where the server was built without it. */
#include "config.h"

#include <errno.h>

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
  log_error("--tls: this server was built without TLS");
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

int
tls_accept(struct tls_context *context, struct transport *t, uint64_t deadline_ns,
           const char **why)
{
  (void)context;
  (void)t;
  (void)deadline_ns;
  *why = "built without TLS";
  return ENOTSUP;
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
