/* SPDX-License-Identifier: BSD-3-Clause */
/* Whether there will be TLS, and from where its credentials come.
 * Gets what the command line says; completes it and hands the credentials to server.c.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "log.h"
#include "options.h"
#include "tls.h"

/* 0 with a path if it is a directory of server's certificates; else ENOENT or ENOMEM.
 */
static int
try_directory(const char *base, const char *below, const char *program, char **path)
{
  char *file;
  int error;

  if (asprintf(&file, "%s/%s/%s/server-cert.pem", base, below, program) == -1)
    return ENOMEM;
  error = access(file, F_OK) == 0 ? 0 : ENOENT;
  free(file);
  if (!error && asprintf(path, "%s/%s/%s", base, below, program) == -1)
    error = ENOMEM;
  return error;
}

/* Where users and root keep certificates, those of nbdkit's after our own. */
static int
find_directory(const char *program, char **path)
{
  const char *programs[] = {program, "nbdkit"}, *home = getenv("HOME");
  int error = ENOENT;

  for (size_t i = 0; i < 2 && error == ENOENT; i++)
    if (geteuid() == 0)
      error = try_directory(SYSCONFDIR, "pki", programs[i], path);
    else if (home) {
      error = try_directory(home, ".pki", programs[i], path);
      if (error == ENOENT)
        error = try_directory(home, ".config/pki", programs[i], path);
    }
  return error;
}

/* What is left without credentials, where TLS was wished for but is not required. */
static int
go_without(struct options *o)
{
  log_warning("TLS is off: its certificates could not be loaded");
  o->tls = TLS_OFF;
  return 0;
}

int
tls_settle(struct options *o, struct tls_context **context)
{
  bool asked = o->tls != TLS_UNSET || o->tls_certificates || o->tls_psk;
  int error = 0;

  if (o->tls == TLS_OFF)
    return 0;
  if (!tls_supported() && asked)
    return tls_context_new(o, context);
  if (!o->tls_certificates && !o->tls_psk)
    error = tls_supported() ? find_directory(o->program, &o->tls_certificates) : ENOENT;
  if (error == ENOENT && !asked && !o->tls_verify_peer) {
    o->tls = TLS_OFF;
    return 0;
  }
  if (error == ENOENT)
    log_error("TLS needs --tls-certificates or --tls-psk: see nbdsrv-tls(1)");
  if (!error)
    error = tls_context_new(o, context);
  if (error)
    return o->tls == TLS_REQUIRE || o->tls_psk || error == ENOMEM ? error
                                                                  : go_without(o);
  if (o->tls == TLS_UNSET)
    o->tls = TLS_ON;
  o->tls_user = tls_context_user(*context);
  return 0;
}
