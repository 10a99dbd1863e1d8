/* SPDX-License-Identifier: BSD-3-Clause */
/* What the tls-*.c share: a set of credentials, and a session. */
#ifndef NBDSRV_TLS_SESSION_H
#define NBDSRV_TLS_SESSION_H

#include <gnutls/gnutls.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tls.h"

struct options;
struct transport;

/* ------------------------------------------------------------------ credentials */

struct tls_psk {
  struct tls_psk_key {
    char *user;
    gnutls_datum_t key;
  } * keys;
  size_t count;
};

/* tls-psk.c.  0 or an errno value, logged. */
int tls_psk_load(const char *path, struct tls_psk *psk);
void tls_psk_free(struct tls_psk *psk);
const gnutls_datum_t *tls_psk_find(const struct tls_psk *psk, const char *user);

/* One loaded set.  It does not change; it lives as long as a session uses it. */
struct tls_credentials {
  atomic_uint users;
  gnutls_priority_t priority;
  bool verify_peer;
  /* One of the two kinds; the other is NULL. */
  gnutls_certificate_credentials_t certificates;
  gnutls_psk_server_credentials_t psk;
  struct tls_psk psk_keys;
};

/* tls-credentials.c.  0 or an errno value, logged. */
int tls_credentials_load(const struct options *options,
                         struct tls_credentials **credentials);
void tls_credentials_release(struct tls_credentials *credentials);

/* ---------------------------------------------------------------------- session */

/* Received bytes that GnuTLS has not asked for yet: room for the record that is waited
 * for, or for some small ones behind the record that is being read. */
#define TLS_AHEAD       (17u * 1024)
#define TLS_AHEAD_SMALL 4096u

struct tls_session {
  gnutls_session_t gnutls; /* guarded by lock once the handshake is over */
  pthread_mutex_t lock;
  struct tls_credentials *credentials;
  struct transport *transport;
  char *user, *dn, *issuer;
  bool answered;         /* the client knows the server's certificate */
  char unknown_user[64]; /* who asked for a key that is not there */

  /* The thread that receives only. */
  uint8_t *ahead;
  size_t ahead_start, ahead_end;
  bool ended;        /* no more bytes will come */
  bool drained;      /* the last look took all that was there */
  int pull_error;    /* why pull failed, errno value */
  int receive_error; /* GnuTLS's code that ended receiving */

  /* Whoever sends only; sending guards them against tls_idle. */
  pthread_mutex_t sending;
  uint8_t *out; /* encrypted bytes [out_start, out_end) wait for the socket */
  size_t out_size, out_start, out_end;
  uint8_t *gather;  /* for a record whose bytes do not lie together */
  size_t unclaimed; /* bytes that are encrypted but not yet said to be sent */
  size_t record_size;
  bool may_push; /* guarded by lock: receiving must not send */
};

/* tls.c: the set in force, to be released. */
struct tls_credentials *tls_context_current(struct tls_context *context);

/* tls-peer.c, after the handshake.  0, an errno value, or GnuTLS's code. */
int tls_find_peer(struct tls_session *session);

/* tls-receive.c, tls-send.c: GnuTLS's way to the socket. */
ssize_t tls_pull(gnutls_transport_ptr_t from, void *data, size_t room);
ssize_t tls_push(gnutls_transport_ptr_t to, const giovec_t *iov, int count);
/* Waits until there are bytes ahead.  As transport_recv. */
ssize_t tls_fill(struct tls_session *session);
/* Sends the encrypted bytes that wait.  0 or an errno value, EAGAIN: socket full. */
int tls_flush(struct tls_session *session, bool nowait, bool more);

#endif
