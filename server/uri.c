/* SPDX-License-Identifier: BSD-3-Clause */
/* The URI under which clients find the server.
 * Gets the options and the open sockets; hands the URI to --run and --print-uri.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "listen.h"
#include "options.h"

/* Percent-encodes what a URI cannot hold; appends to out. */
static void
put_encoded(FILE *out, const char *text, const char *safe)
{
  for (; *text; text++) {
    unsigned char c = (unsigned char)*text;
    if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
        strchr("-._~", c) || strchr(safe, c))
      fputc(c, out);
    else
      fprintf(out, "%%%02X", c);
  }
}

static void
put_tls_query(FILE *out, const struct options *o, char separator)
{
  if (o->tls != TLS_REQUIRE)
    return;
  if (o->tls_psk) {
    fprintf(out, "%ctls-psk-file=", separator);
    put_encoded(out, o->tls_psk, "/");
  } else if (o->tls_certificates) {
    fprintf(out, "%ctls-certificates=", separator);
    put_encoded(out, o->tls_certificates, "/");
  }
}

static void
put_user(FILE *out, const struct options *o)
{
  if (o->tls != TLS_REQUIRE || !o->tls_user)
    return;
  put_encoded(out, o->tls_user, "");
  fputc('@', out);
}

/* The name under which this machine reaches what listens on that address. */
static const char *
host_of(const struct options *o)
{
  if (o->vsock)
    return "1"; /* VMADDR_CID_LOCAL */
  if (!o->ipaddr || !o->ipaddr[0] || strcmp(o->ipaddr, "0.0.0.0") == 0)
    return "localhost";
  if (strcmp(o->ipaddr, "::") == 0)
    return "::1";
  return o->ipaddr;
}

char *
listen_uri(const struct options *o, const struct listeners *l)
{
  const char *scheme = o->tls == TLS_REQUIRE ? "nbds" : "nbd";
  char *uri = NULL;
  size_t size;
  FILE *out;

  if (l->activated || o->single)
    return NULL;
  out = open_memstream(&uri, &size);
  if (!out)
    return NULL;
  if (l->unixsocket) {
    fprintf(out, "%s+unix://", scheme);
    put_user(out, o);
    if (o->export_name[0] || (o->tls == TLS_REQUIRE && o->tls_user)) {
      fputc('/', out);
      put_encoded(out, o->export_name, "/");
    }
    fputs("?socket=", out);
    put_encoded(out, l->unixsocket, "/");
    put_tls_query(out, o, '&');
  } else {
    const char *host = host_of(o);

    fprintf(out, "%s%s://", scheme, o->vsock ? "+vsock" : "");
    put_user(out, o);
    fprintf(out, strchr(host, ':') ? "[%s]" : "%s", host);
    if (strcmp(l->port, NBD_PORT) != 0)
      fprintf(out, ":%s", l->port);
    if (o->export_name[0]) {
      fputc('/', out);
      put_encoded(out, o->export_name, "/");
    }
    put_tls_query(out, o, '?');
  }
  if (fclose(out) != 0) {
    free(uri);
    return NULL;
  }
  return uri;
}
