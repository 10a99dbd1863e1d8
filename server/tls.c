/* SPDX-License-Identifier: BSD-3-Clause */
/* The credentials in force, which SIGHUP replaces.
 * Gets them from tls-credentials.c; hands them to each handshake.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "options.h"
#include "tls-session.h"

bool
tls_supported(void)
{
  return true;
}

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

struct tls_credentials *
tls_context_current(struct tls_context *c)
{
  struct tls_credentials *current;

  pthread_mutex_lock(&c->lock);
  current = c->current;
  atomic_fetch_add(&current->users, 1);
  pthread_mutex_unlock(&c->lock);
  return current;
}
