/* SPDX-License-Identifier: BSD-3-Clause */
/* The rules in force: read at the start, read again while clients come and go.
 * Gets rules from access-file.c; tells open.c what a client may do with an export.
 */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "access.h"
#include "connection.h"
#include "log.h"
#include "options.h"
#include "tls.h"

#ifndef SO_PEERGROUPS
#define SO_PEERGROUPS 59
#endif

struct access {
  const struct options *options;
  pthread_mutex_t lock;
  struct access_rules *rules; /* guarded by lock */
};

/* What a key needs and the server has not; NULL: it may match. */
static const char *
missing_for(const struct access_test *test, const struct options *o)
{
  bool wants_name = test->key == ACCESS_DN || test->key == ACCESS_ISSUER;

  if (o->tls == TLS_OFF && (wants_name || test->key == ACCESS_USER ||
                            (test->key == ACCESS_TLS && test->tls && !test->other)))
    return "--tls=on or --tls=require";
  if (wants_name && (!o->tls_verify_peer || o->tls_psk))
    return "--tls-verify-peer and certificates";
  if (test->key == ACCESS_USER && !o->tls_psk)
    return "--tls-psk";
  return NULL;
}

/* Rules that no client can meet are a mistake; those that deny, a dangerous one. */
static void
warn(const struct access_rules *rules, const struct options *o)
{
  const char *path = o->access_file;

  for (size_t i = 0; i < rules->count; i++) {
    const struct access_rule *rule = &rules->rules[i];
    const char *missing = NULL;

    for (const struct access_test *t = rule->tests; t && !missing; t = t->next)
      missing = missing_for(t, o);
    if (missing)
      log_warning("%s:%u: '%s' never matches without %s", path, rule->line, rule->text,
                  missing);
    if (!rule->tests && i + 1 < rules->count)
      log_warning("%s:%u: '%s' decides everything: the rules behind it never match",
                  path, rule->line, rule->text);
  }
}

/* ---------------------------------------------------------------- rules in force */

/* The lock is held. */
static void
release(struct access_rules *rules)
{
  if (rules && --rules->references == 0)
    access_rules_free(rules);
}

static int
reload(struct access *access)
{
  struct access_rules *rules;
  int error = access_load(access->options->access_file, &rules);

  if (error)
    return error;
  rules->references = 1;
  warn(rules, access->options);
  pthread_mutex_lock(&access->lock);
  release(access->rules);
  access->rules = rules;
  pthread_mutex_unlock(&access->lock);
  return 0;
}

int
access_new(const struct options *options, struct access **result)
{
  struct access *access = calloc(1, sizeof *access);
  int error;

  if (!access)
    return ENOMEM;
  access->options = options;
  pthread_mutex_init(&access->lock, NULL);
  error = reload(access);
  if (error)
    access_free(access);
  else
    *result = access;
  return error;
}

void
access_free(struct access *access)
{
  if (!access)
    return;
  release(access->rules);
  pthread_mutex_destroy(&access->lock);
  free(access);
}

int
access_reload(struct access *access)
{
  int error = reload(access);

  if (error)
    log_error("the rules of before stay in force");
  return error;
}

/* ------------------------------------------------------------------ one client */

/* The groups of a Unix peer beside its first one.  0 or an errno value. */
static int
find_groups(const struct connection *conn, struct access_peer *peer)
{
  socklen_t len = 0;
  gid_t *groups;
  int error = 0;

  if (conn->gid == -1 ||
      getsockopt(conn->transport.fd_in, SOL_SOCKET, SO_PEERGROUPS, NULL, &len) == 0 ||
      errno != ERANGE)
    return 0;
  groups = malloc(len);
  if (!groups)
    return ENOMEM;
  if (getsockopt(conn->transport.fd_in, SOL_SOCKET, SO_PEERGROUPS, groups, &len) == -1)
    error = errno;
  peer->groups = groups;
  peer->group_count = error ? 0 : len / sizeof *groups;
  return error;
}

/* 0, or an errno value: of a name that cannot be read nobody knows whom it denies. */
static int
parse_name(const struct access_rules *rules, enum access_key key, const char *name,
           struct dn *dn)
{
  return name && rules->has_key[key] ? dn_parse(name, dn) : 0;
}

/* 0, or an errno value: nobody knows then what the rules mean to it. */
static int
describe_peer(const struct connection *conn, const struct access_rules *rules,
              struct access_peer *peer)
{
  struct tls_session *tls = conn->transport.tls;
  const struct sockaddr *address =
      conn->peer_len ? (const struct sockaddr *)&conn->peer : NULL;
  int error = 0;

  *peer = (struct access_peer){.uid = conn->uid, .gid = conn->gid, .tls = tls != NULL};
  peer->has_address = address_of_peer(address, conn->peer_len, &peer->address);
  if (rules->has_key[ACCESS_GID])
    error = find_groups(conn, peer);
  if (error || !tls)
    return error;
  peer->user = tls_peer_user(tls);
  error = parse_name(rules, ACCESS_DN, tls_peer_dn(tls), &peer->dn);
  return error ? error
               : parse_name(rules, ACCESS_ISSUER, tls_peer_issuer(tls), &peer->issuer);
}

static void
forget_peer(struct access_peer *peer)
{
  free((void *)peer->groups);
  dn_free(&peer->dn);
  dn_free(&peer->issuer);
}

int
access_view_open(struct access *access, const struct connection *conn,
                 struct access_view *view)
{
  struct access_peer peer;
  int error;

  *view = (struct access_view){.access = access};
  pthread_mutex_lock(&access->lock);
  view->rules = access->rules;
  view->rules->references++;
  pthread_mutex_unlock(&access->lock);
  view->found = calloc(view->rules->count, sizeof *view->found);
  if (!view->found)
    return ENOMEM;
  error = describe_peer(conn, view->rules, &peer);
  if (error)
    log_connection_debug(conn, "who this client is cannot be told: %s",
                         strerror(error));
  else
    view->count = access_match_peer(view->rules, &peer, view->found);
  forget_peer(&peer);
  return error;
}

void
access_view_close(struct access_view *view)
{
  free(view->found);
  pthread_mutex_lock(&view->access->lock);
  release(view->rules);
  pthread_mutex_unlock(&view->access->lock);
}

enum access_verdict
access_view_decide(const struct access_view *view, const char *export, unsigned *line)
{
  const struct access_rule *rule =
      access_match_export(view->found, view->count, export);

  *line = rule ? rule->line : 0;
  return rule ? rule->verdict : ACCESS_DENY;
}

bool
access_view_allows(const struct access_view *view)
{
  for (size_t i = 0; i < view->count; i++)
    if (view->found[i]->verdict != ACCESS_DENY)
      return true;
  return false;
}

enum access_verdict
access_decide(struct access *access, const struct connection *conn, const char *export,
              unsigned *line)
{
  enum access_verdict verdict = ACCESS_DENY;
  struct access_view view;

  *line = 0;
  if (access_view_open(access, conn, &view) == 0)
    verdict = access_view_decide(&view, export, line);
  access_view_close(&view);
  return verdict;
}
