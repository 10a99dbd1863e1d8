/* SPDX-License-Identifier: BSD-3-Clause */
/* TLS sessions: from STARTTLS to a session that has a known peer.
 * Gets credentials from tls.c and a client from option.c; what is then sent and
 * received goes through tls-send.c and tls-receive.c.
 */
#include "config.h"

#include <errno.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "clock.h"
#include "tls-session.h"
#include "transport.h"

/* How long a client that was refused may go on talking. */
#define LINGER_NS    1000000000u
#define LINGER_BYTES 65536u

/* -------------------------------------------------------------------------- session */

static int
set_credentials(struct tls_session *s)
{
  static gnutls_typed_vdata_st client_purpose = {
      .type = GNUTLS_DT_KEY_PURPOSE_OID,
      .data = (unsigned char *)GNUTLS_KP_TLS_WWW_CLIENT,
  };
  struct tls_credentials *c = s->credentials;
  int r = gnutls_priority_set(s->gnutls, c->priority);

  if (r == 0 && c->psk)
    return gnutls_credentials_set(s->gnutls, GNUTLS_CRD_PSK, c->psk);
  if (r == 0)
    r = gnutls_credentials_set(s->gnutls, GNUTLS_CRD_CERTIFICATE, c->certificates);
  if (r == 0 && c->verify_peer) {
    gnutls_certificate_server_set_request(s->gnutls, GNUTLS_CERT_REQUIRE);
    gnutls_session_set_verify_cert2(s->gnutls, &client_purpose, 1, 0);
  }
  return r;
}

static struct tls_session *
session_new(struct tls_context *context, struct transport *t)
{
  struct tls_session *s = calloc(1, sizeof *s);

  if (!s)
    return NULL;
  s->transport = t;
  s->credentials = tls_context_current(context);
  if (gnutls_init(&s->gnutls, GNUTLS_SERVER | GNUTLS_NO_TICKETS | GNUTLS_NO_SIGNAL) !=
      0) {
    tls_credentials_release(s->credentials);
    free(s);
    return NULL;
  }
  gnutls_session_set_ptr(s->gnutls, s);
  s->may_push = true;
  pthread_mutex_init(&s->lock, NULL);
  pthread_mutex_init(&s->sending, NULL);
  gnutls_transport_set_ptr(s->gnutls, s);
  gnutls_transport_set_vec_push_function(s->gnutls, tls_push);
  gnutls_transport_set_pull_function(s->gnutls, tls_pull);
  if (set_credentials(s) != 0) {
    tls_session_free(s);
    return NULL;
  }
  return s;
}

void
tls_session_free(struct tls_session *s)
{
  if (!s)
    return;
  gnutls_deinit(s->gnutls);
  pthread_mutex_destroy(&s->lock);
  pthread_mutex_destroy(&s->sending);
  tls_credentials_release(s->credentials);
  free(s->ahead);
  free(s->out);
  free(s->gather);
  free(s->user);
  free(s->dn);
  free(s->issuer);
  free(s);
}

/* ------------------------------------------------------------------------ handshake */

/* What is left of the time, to be waited for bytes; 0: nothing. */
static uint64_t
time_left(uint64_t deadline_ns)
{
  uint64_t now = clock_now();

  return now < deadline_ns ? deadline_ns - now : 0;
}

/* 0 or an errno value. */
static int
send_flight(struct tls_session *s, uint64_t deadline_ns)
{
  int error;

  do
    error = tls_flush(s, false, false);
  while (error == EAGAIN && (deadline_ns == 0 || time_left(deadline_ns) > 0));
  return error == EAGAIN ? ETIMEDOUT : error;
}

static int
wait_for_flight(struct tls_session *s, uint64_t deadline_ns)
{
  uint64_t left;
  ssize_t n;

  do {
    left = deadline_ns ? time_left(deadline_ns) : 1000000000;
    if (left == 0)
      return ETIMEDOUT;
    transport_set_timeout(s->transport, left);
    n = tls_fill(s);
  } while (n == -ETIMEDOUT);
  return n > 0 ? 0 : n == 0 ? ECONNABORTED : (int)-n;
}

/* Tells the client why.  What it has sent meanwhile is read first: a connection that is
 * closed over unread bytes may take the alert with it. */
static void
refuse(struct tls_session *s, int code)
{
  uint64_t until = clock_now() + LINGER_NS;

  if (gnutls_alert_send_appropriate(s->gnutls, code) != 0 ||
      tls_flush(s, false, false) != 0 || !s->transport->is_socket)
    return;
  shutdown(s->transport->fd_out, SHUT_WR);
  for (size_t got = 0; got < LINGER_BYTES;) {
    uint64_t left = time_left(until);
    ssize_t n;

    if (left == 0)
      return;
    transport_set_timeout(s->transport, left);
    s->ahead_start = s->ahead_end; /* nobody wants it any more */
    n = tls_fill(s);
    if (n <= 0)
      return;
    got += (size_t)n;
  }
}

/* 0; an errno value; or GnuTLS's code, which is negative. */
static int
shake_hands(struct tls_session *s, uint64_t deadline_ns)
{
  for (;;) {
    int r = gnutls_handshake(s->gnutls), error;

    if (r < 0 && gnutls_error_is_fatal(r)) {
      if (r == GNUTLS_E_PULL_ERROR)
        return s->pull_error;
      if (r != GNUTLS_E_FATAL_ALERT_RECEIVED)
        refuse(s, r);
      return r;
    }
    s->answered = s->answered || s->out_end > 0;
    error = send_flight(s, deadline_ns);
    if (r == 0 || error)
      return error;
    if (r == GNUTLS_E_AGAIN) {
      error = wait_for_flight(s, deadline_ns);
      if (error)
        return error;
    }
  }
}

/* A sentence about a failed handshake. */
static void
explain(struct tls_session *s, int code, char why[TLS_WHY_MAX])
{
  gnutls_datum_t text;

  if (code == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR &&
      gnutls_certificate_verification_status_print(
          gnutls_session_get_verify_cert_status(s->gnutls), GNUTLS_CRT_X509, &text,
          0) == 0) {
    snprintf(why, TLS_WHY_MAX, "the client's certificate: %s", text.data);
    gnutls_free(text.data);
  } else if (s->unknown_user[0])
    snprintf(why, TLS_WHY_MAX, "there is no key for user '%s'", s->unknown_user);
  else if (code == EILSEQ) /* see find_user */
    snprintf(why, TLS_WHY_MAX, "the client's name has a NUL in it");
  else if (code == GNUTLS_E_FATAL_ALERT_RECEIVED)
    snprintf(why, TLS_WHY_MAX, "the client refuses: %s",
             gnutls_alert_get_name(gnutls_alert_get(s->gnutls)));
  else if (s->credentials->psk && (code == GNUTLS_E_DECRYPTION_FAILED ||
                                   code == GNUTLS_E_RECEIVED_ILLEGAL_PARAMETER))
    snprintf(why, TLS_WHY_MAX, "the client's key is wrong");
  else if (code == ECONNABORTED || code == ECONNRESET || code == EPIPE)
    snprintf(why, TLS_WHY_MAX, "the client has gone%s",
             s->answered && !s->credentials->psk ? ": it may not trust the certificate"
                                                 : "");
  else
    snprintf(why, TLS_WHY_MAX, "%s", code < 0 ? gnutls_strerror(code) : strerror(code));
}

int
tls_accept(struct tls_context *context, struct transport *t, uint64_t deadline_ns,
           char why[TLS_WHY_MAX])
{
  struct tls_session *s = session_new(context, t);
  int code;

  if (!s) {
    snprintf(why, TLS_WHY_MAX, "%s", strerror(ENOMEM));
    return ENOMEM;
  }
  code = shake_hands(s, deadline_ns);
  if (code == 0)
    code = tls_find_peer(s);
  if (code) {
    explain(s, code, why);
    tls_session_free(s);
    return code < 0 ? EPROTO : code;
  }
  s->record_size = gnutls_record_get_max_size(s->gnutls);
  s->may_push = false;
  t->tls = s;
  return 0;
}
