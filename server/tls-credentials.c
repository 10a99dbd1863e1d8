/* SPDX-License-Identifier: BSD-3-Clause */
/* Certificates or pre-shared keys, and which algorithms may be used with them.
 * Gets the options; hands tls.c a set that does not change any more.
 */
#include "config.h"

#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "options.h"
#include "tls-session.h"

/* Authenticated ciphers, the fastest first; the server's order counts. */
#define USUAL_PRIORITY                                                                 \
  "NORMAL:-CIPHER-ALL:+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305:%SERVER_PRECEDENCE"
/* The floor, also under --tls-priority: TLS 1.2, and past traffic stays secret when a
 * key is lost. */
#define FLOOR     "-VERS-SSL3.0:-VERS-TLS1.0:-VERS-TLS1.1:-RSA"
#define FLOOR_PSK "-VERS-SSL3.0:-VERS-TLS1.0:-VERS-TLS1.1:-KX-ALL:+ECDHE-PSK:+DHE-PSK"

static int
set_priority(struct tls_credentials *c, const struct options *o)
{
  const char *base = o->tls_priority ? o->tls_priority : USUAL_PRIORITY, *at;
  char *all;
  int r;

  if (asprintf(&all, "%s:%s", base, o->tls_psk ? FLOOR_PSK : FLOOR) == -1)
    return ENOMEM;
  r = gnutls_priority_init(&c->priority, all, &at);
  if (r != 0 && (size_t)(at - all) < strlen(base))
    log_error("--tls-priority: GnuTLS does not understand '%.*s'",
              (int)(strlen(base) - (size_t)(at - all)), at);
  else if (r != 0)
    log_error("--tls-priority: %s", gnutls_strerror(r));
  free(all);
  return r == 0 ? 0 : EINVAL;
}

/* --------------------------------------------------------------------- certificates */

struct files {
  char *ca, *crl, *cert, *key;
};

static char *
join(const char *directory, const char *name)
{
  char *path;

  return asprintf(&path, "%s/%s", directory, name) == -1 ? NULL : path;
}

static void
free_files(struct files *f)
{
  free(f->ca);
  free(f->crl);
  free(f->cert);
  free(f->key);
}

static int
name_files(const char *directory, struct files *f)
{
  f->ca = join(directory, "ca-cert.pem");
  f->crl = join(directory, "ca-crl.pem");
  f->cert = join(directory, "server-cert.pem");
  f->key = join(directory, "server-key.pem");
  return f->ca && f->crl && f->cert && f->key ? 0 : ENOMEM;
}

/* 0, or an errno value that has been logged. */
static int
check_readable(const char *path)
{
  int error = access(path, R_OK) == 0 ? 0 : errno;

  if (error)
    log_error("--tls-certificates: %s: %s", path, strerror(error));
  return error;
}

static int
complain(const char *path, int code)
{
  log_error("--tls-certificates: %s: %s", path, gnutls_strerror(code));
  return EINVAL;
}

/* A file of the authority's that need not be there, unless clients are verified. */
static int
load_authority(struct tls_credentials *c, const struct files *f)
{
  int n;

  if (!c->verify_peer && access(f->ca, F_OK) == -1)
    return 0;
  if (check_readable(f->ca) != 0)
    return EINVAL;
  n = gnutls_certificate_set_x509_trust_file(c->certificates, f->ca,
                                             GNUTLS_X509_FMT_PEM);
  if (n <= 0)
    return complain(f->ca, n < 0 ? n : GNUTLS_E_NO_CERTIFICATE_FOUND);
  if (access(f->crl, F_OK) == -1 && errno == ENOENT)
    return 0;
  if (check_readable(f->crl) != 0)
    return EINVAL;
  n = gnutls_certificate_set_x509_crl_file(c->certificates, f->crl,
                                           GNUTLS_X509_FMT_PEM);
  return n < 0 ? complain(f->crl, n) : 0;
}

/* Clients would refuse it: say so here, where somebody reads it. */
static void
warn_of_dates(const struct tls_credentials *c, const char *path)
{
  gnutls_x509_crt_t *list;
  time_t now = time(NULL);
  unsigned count;

  if (gnutls_certificate_get_x509_crt(c->certificates, 0, &list, &count) != 0)
    return;
  if (count > 0 && gnutls_x509_crt_get_expiration_time(list[0]) < now)
    log_warning("--tls-certificates: %s has expired: clients will refuse it", path);
  else if (count > 0 && gnutls_x509_crt_get_activation_time(list[0]) > now)
    log_warning("--tls-certificates: %s is not valid yet: clients will refuse it",
                path);
  for (unsigned i = 0; i < count; i++)
    gnutls_x509_crt_deinit(list[i]);
  gnutls_free(list);
}

static int
load_files(struct tls_credentials *c, const struct files *f)
{
  int r;

  if (check_readable(f->cert) != 0 || check_readable(f->key) != 0 ||
      load_authority(c, f) != 0)
    return EINVAL;
  r = gnutls_certificate_set_x509_key_file(c->certificates, f->cert, f->key,
                                           GNUTLS_X509_FMT_PEM);
  if (r == GNUTLS_E_CERTIFICATE_KEY_MISMATCH) {
    log_error("--tls-certificates: %s is not the key of %s", f->key, f->cert);
    return EINVAL;
  }
  if (r < 0) {
    log_error("--tls-certificates: %s, %s: %s", f->cert, f->key, gnutls_strerror(r));
    return EINVAL;
  }
  warn_of_dates(c, f->cert);
  return 0;
}

static int
load_certificates(struct tls_credentials *c, const char *directory)
{
  struct files files = {0};
  int error = ENOMEM;

  if (gnutls_certificate_allocate_credentials(&c->certificates) != 0)
    return ENOMEM;
  if (name_files(directory, &files) == 0)
    error = load_files(c, &files);
  free_files(&files);
  if (!error &&
      gnutls_certificate_set_known_dh_params(c->certificates, GNUTLS_SEC_PARAM_MEDIUM))
    error = ENOMEM;
  return error;
}

/* ------------------------------------------------------------------ pre-shared keys */

/* GnuTLS asks for the key of a user.  One who is unknown gets a key that nobody has:
 * from outside it looks like a wrong one. */
static int
give_key(gnutls_session_t session, const char *user, gnutls_datum_t *key)
{
  struct tls_session *s = gnutls_session_get_ptr(session);
  const gnutls_datum_t *known = tls_psk_find(&s->credentials->psk_keys, user);
  unsigned size = known ? known->size : 32;

  key->data = gnutls_malloc(size);
  key->size = size;
  if (!key->data)
    return -1;
  if (known) {
    memcpy(key->data, known->data, size);
    return 0;
  }
  snprintf(s->unknown_user, sizeof s->unknown_user, "%s", user);
  return gnutls_rnd(GNUTLS_RND_KEY, key->data, size) == 0 ? 0 : -1;
}

static int
load_keys(struct tls_credentials *c, const char *path)
{
  int error = tls_psk_load(path, &c->psk_keys);

  if (error)
    return error;
  if (gnutls_psk_allocate_server_credentials(&c->psk) != 0)
    return ENOMEM;
  gnutls_psk_set_server_credentials_function(c->psk, give_key);
  return gnutls_psk_set_server_known_dh_params(c->psk, GNUTLS_SEC_PARAM_MEDIUM) == 0
             ? 0
             : ENOMEM;
}

/* ------------------------------------------------------------------------- together */

int
tls_credentials_load(const struct options *o, struct tls_credentials **credentials)
{
  struct tls_credentials *c = calloc(1, sizeof *c);
  int error;

  if (!c)
    return ENOMEM;
  atomic_init(&c->users, 1);
  c->verify_peer = o->tls_verify_peer;
  error = set_priority(c, o);
  if (!error)
    error = o->tls_psk ? load_keys(c, o->tls_psk)
                       : load_certificates(c, o->tls_certificates);
  if (error)
    tls_credentials_release(c);
  else
    *credentials = c;
  return error;
}

void
tls_credentials_release(struct tls_credentials *c)
{
  if (!c || atomic_fetch_sub(&c->users, 1) != 1)
    return;
  if (c->priority)
    gnutls_priority_deinit(c->priority);
  if (c->certificates)
    gnutls_certificate_free_credentials(c->certificates);
  if (c->psk)
    gnutls_psk_free_server_credentials(c->psk);
  tls_psk_free(&c->psk_keys);
  free(c);
}
