/* SPDX-License-Identifier: BSD-3-Clause */
/* TLS sessions: from STARTTLS to a session that has a known peer.
 * Gets credentials from tls-credentials.c and a client from option.c; what is then
 * sent and received goes through tls-io.c.
 */
#include "config.h"

#include <errno.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "clock.h"
#include "log.h"
#include "options.h"
#include "tls-session.h"
#include "transport.h"

/* How long a client that was refused may go on talking. */
#define LINGER_NS    1000000000u
#define LINGER_BYTES 65536u

bool
tls_supported(void)
{
  return true;
}

/* -------------------------------------------------------------------------- context */

struct tls_context {
  const struct options *options;
  pthread_mutex_t lock; /* guards current */
  struct tls_credentials *current;
};

static void
log_gnutls(int level, const char *text)
{
  log_debug("gnutls %d: %.*s", level, (int)strcspn(text, "\n"), text);
}

int
tls_context_new(const struct options *options, struct tls_context **context)
{
  struct tls_context *c = calloc(1, sizeof *c);
  int error;

  if (!c)
    return ENOMEM;
  if (log_tls_level > 0) {
    gnutls_global_set_log_function(log_gnutls);
    gnutls_global_set_log_level(log_tls_level);
  }
  c->options = options;
  error = tls_credentials_load(options, &c->current);
  if (error) {
    free(c);
    return error;
  }
  pthread_mutex_init(&c->lock, NULL);
  *context = c;
  return 0;
}

void
tls_context_free(struct tls_context *c)
{
  if (!c)
    return;
  tls_credentials_release(c->current);
  pthread_mutex_destroy(&c->lock);
  free(c);
}

int
tls_context_reload(struct tls_context *c)
{
  struct tls_credentials *fresh, *old;
  int error = tls_credentials_load(c->options, &fresh);

  if (error) {
    log_error("TLS goes on with the credentials that it had");
    return error;
  }
  pthread_mutex_lock(&c->lock);
  old = c->current;
  c->current = fresh;
  pthread_mutex_unlock(&c->lock);
  tls_credentials_release(old);
  return 0;
}

char *
tls_context_user(struct tls_context *c)
{
  const struct tls_psk *psk = &c->current->psk_keys;

  return psk->count > 0 ? strdup(psk->keys[0].user) : NULL;
}

static struct tls_credentials *
current_credentials(struct tls_context *c)
{
  struct tls_credentials *current;

  pthread_mutex_lock(&c->lock);
  current = c->current;
  atomic_fetch_add(&current->users, 1);
  pthread_mutex_unlock(&c->lock);
  return current;
}

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
  s->credentials = current_credentials(context);
  if (gnutls_init(&s->gnutls, GNUTLS_SERVER | GNUTLS_NO_TICKETS | GNUTLS_NO_SIGNAL) !=
      0) {
    tls_credentials_release(s->credentials);
    free(s);
    return NULL;
  }
  gnutls_session_set_ptr(s->gnutls, s);
  tls_io_begin(s);
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
  tls_io_end(s);
  tls_credentials_release(s->credentials);
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
  else if (code == GNUTLS_E_RECEIVED_DISALLOWED_NAME)
    snprintf(why, TLS_WHY_MAX, "the client's name has a NUL in it");
  else if (code == GNUTLS_E_FATAL_ALERT_RECEIVED)
    snprintf(why, TLS_WHY_MAX, "the client refuses: %s",
             gnutls_alert_get_name(gnutls_alert_get(s->gnutls)));
  else if (s->credentials->psk && (code == GNUTLS_E_DECRYPTION_FAILED ||
                                   code == GNUTLS_E_RECEIVED_ILLEGAL_PARAMETER))
    snprintf(why, TLS_WHY_MAX, "the client's key is wrong");
  else if (code == ECONNABORTED || code == ECONNRESET)
    snprintf(why, TLS_WHY_MAX, "the client has gone%s",
             s->answered && !s->credentials->psk ? ": it may not trust the certificate"
                                                 : "");
  else
    snprintf(why, TLS_WHY_MAX, "%s", code < 0 ? gnutls_strerror(code) : strerror(code));
}

/* ----------------------------------------------------------------------------- peer */

/* A certificate need not have one: "". */
static char *
take_name(gnutls_x509_crt_t cert,
          int (*get)(gnutls_x509_crt_t cert, gnutls_datum_t *name, unsigned flags))
{
  gnutls_datum_t name;
  char *copy;
  int r = get(cert, &name, 0);

  if (r != 0)
    return r == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE ? strdup("") : NULL;
  copy = strndup((const char *)name.data, name.size);
  gnutls_free(name.data);
  return copy;
}

/* NULL: the client gave a name with a NUL in it, of which only the part before it was
 * looked at for the key.  Nobody is called that. */
static int
find_user(struct tls_session *s)
{
  const char *user = gnutls_psk_server_get_username(s->gnutls);

  if (!user)
    return GNUTLS_E_RECEIVED_DISALLOWED_NAME;
  s->user = strdup(user);
  return s->user ? 0 : ENOMEM;
}

/* Only what was verified says who somebody is.  0, an errno value, or GnuTLS's code. */
static int
find_peer(struct tls_session *s)
{
  const gnutls_datum_t *chain = gnutls_certificate_get_peers(s->gnutls, NULL);
  gnutls_x509_crt_t cert;

  if (s->credentials->psk)
    return find_user(s);
  if (!s->credentials->verify_peer || !chain)
    return 0;
  if (gnutls_x509_crt_init(&cert) != 0)
    return ENOMEM;
  if (gnutls_x509_crt_import(cert, chain, GNUTLS_X509_FMT_DER) == 0) {
    s->dn = take_name(cert, gnutls_x509_crt_get_dn3);
    s->issuer = take_name(cert, gnutls_x509_crt_get_issuer_dn3);
  }
  gnutls_x509_crt_deinit(cert);
  return s->dn && s->issuer ? 0 : ENOMEM;
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
    code = find_peer(s);
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

void
tls_describe(struct tls_session *s, char text[TLS_WHY_MAX])
{
  char *suite = gnutls_session_get_desc(s->gnutls);

  snprintf(text, TLS_WHY_MAX, "%s%s%s%s%s", suite ? suite : "", s->user ? " user " : "",
           s->user ? s->user : "", s->dn ? " certificate " : "", s->dn ? s->dn : "");
  gnutls_free(suite);
}

const char *
tls_peer_user(struct tls_session *s)
{
  return s->user;
}

const char *
tls_peer_dn(struct tls_session *s)
{
  return s->dn;
}

const char *
tls_peer_issuer(struct tls_session *s)
{
  return s->issuer;
}
