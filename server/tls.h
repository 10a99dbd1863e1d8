/* SPDX-License-Identifier: BSD-3-Clause */
/* TLS under the transport, over GnuTLS.  The functions exist without GnuTLS too
 * (tls-none.c); tls_context_new then fails with a line that says so.
 */
#ifndef NBDSRV_TLS_H
#define NBDSRV_TLS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct options;
struct tls_context; /* credentials, shared by all connections */
struct tls_session;
struct transport;

bool tls_supported(void); /* built with GnuTLS */

/* tls-mode.c: decides what no option said (options->tls, tls_certificates, tls_user)
 * and makes the context, NULL where there will be no TLS.  0 or an errno value,
 * logged. */
int tls_settle(struct options *options, struct tls_context **context);

/* Loads the credentials that options name.  0 or an errno value, logged. */
int tls_context_new(const struct options *options, struct tls_context **context);
void tls_context_free(struct tls_context *context);
/* Loads them again (SIGHUP); at an error, logged, the old ones stay in force. */
int tls_context_reload(struct tls_context *context);
/* The first user who has a pre-shared key, to be freed; NULL: none. */
char *tls_context_user(struct tls_context *context);

/* The server's side of the handshake on t; t->tls is set at success.  deadline_ns
 * on CLOCK_MONOTONIC, 0: none.  0 or an errno value, and then why. */
#define TLS_WHY_MAX 1024 /* names of certificates may be long */
int tls_accept(struct tls_context *context, struct transport *t, uint64_t deadline_ns,
               char why[TLS_WHY_MAX]);
void tls_describe(struct tls_session *session,
                  char text[TLS_WHY_MAX]); /* for the log */

/* As transport_recv and transport_sendv, called by them.  A send that ends with
 * -EAGAIN may have begun with what it was given: the next one begins with the same
 * bytes.  -EBADMSG from a receive: what came is not TLS; tls_strerror knows more. */
#define TLS_GULP 32768u /* what is received without knowing where it belongs */
ssize_t tls_recv(struct tls_session *session, void *buf, size_t len, bool nowait);
ssize_t tls_sendv(struct tls_session *session, const struct iovec *iov, int count,
                  bool nowait, bool more);
bool tls_pending(struct tls_session *session); /* received bytes wait */
/* The client is silent: frees what is not needed to wait. */
void tls_idle(struct tls_session *session);
void tls_finish(struct tls_session *session); /* sends close_notify */
void tls_session_free(struct tls_session *session);
/* What a failed receive means; session may be NULL. */
const char *tls_strerror(struct tls_session *session, int error);

/* The peer; the session's until it is freed; NULL where there is none. */
const char *tls_peer_user(struct tls_session *session);
const char *tls_peer_dn(struct tls_session *session);
const char *tls_peer_issuer(struct tls_session *session);

#endif
