/* SPDX-License-Identifier: BSD-3-Clause */
/* TLS under the transport, over GnuTLS.  The functions exist without GnuTLS too;
 * tls_context_new then fails with a line that says so.
 */
#ifndef NBDSRV_TLS_H
#define NBDSRV_TLS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>
#include <sys/types.h>

struct options;
struct tls_context; /* credentials, shared by all connections */
struct tls_session;
struct transport;

bool tls_supported(void); /* built with GnuTLS */

/* Loads the credentials that options name.  0 or an errno value, logged. */
int tls_context_new(const struct options *options, struct tls_context **context);
void tls_context_free(struct tls_context *context);
/* Loads them again (SIGHUP); at an error the old ones stay in force. */
int tls_context_reload(struct tls_context *context);

/* The server's side of the handshake on t; t->tls is set at success.  deadline_ns
 * on CLOCK_MONOTONIC, 0: none.  0 or an errno value; *why is a static text. */
int tls_accept(struct tls_context *context, struct transport *t, uint64_t deadline_ns,
               const char **why);

/* As transport_recv and transport_sendv, called by them. */
ssize_t tls_recv(struct tls_session *session, void *buf, size_t len, bool nowait);
ssize_t tls_sendv(struct tls_session *session, const struct iovec *iov, int count,
                  bool nowait, bool more);
bool tls_pending(struct tls_session *session); /* decrypted bytes wait */
void tls_finish(struct tls_session *session);  /* sends close_notify */
void tls_session_free(struct tls_session *session);

/* The peer; the session's until it is freed; NULL where there is none. */
const char *tls_peer_user(struct tls_session *session);
const char *tls_peer_dn(struct tls_session *session);
const char *tls_peer_issuer(struct tls_session *session);

#endif
