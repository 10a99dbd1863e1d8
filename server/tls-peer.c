/* SPDX-License-Identifier: BSD-3-Clause */
/* Who the client of a TLS session is.
 * Gets a finished handshake; hands names to open.c, for layers and rules.
 */
#include "config.h"

#include <errno.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tls-session.h"

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
    return EILSEQ;
  s->user = strdup(user);
  return s->user ? 0 : ENOMEM;
}

/* Only what was verified says who somebody is. */
int
tls_find_peer(struct tls_session *s)
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
