/* SPDX-License-Identifier: BSD-3-Clause */
/* --check-access: what the rules would say, without a server.
 * Gets a question, 'user=alice export=vm1', in the words of rules; prints the decision
 * and the rule that makes it.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access-value.h"
#include "access-word.h"
#include "access.h"
#include "glob.h"
#include "log.h"
#include "options.h"

/* A client and the export that it asks for, in words. */
struct question {
  struct access_peer peer;
  bool known[ACCESS_KEY_COUNT];
  char *export, *user;
  uint32_t groups[ACCESS_MOST_TESTS];
};

/* What is known only of clients of one kind says that this is one. */
static void
complete(struct question *q)
{
  bool local = q->known[ACCESS_UID] || q->known[ACCESS_GID];
  bool named = q->known[ACCESS_USER] || q->known[ACCESS_DN] || q->known[ACCESS_ISSUER];

  if (!q->known[ACCESS_ADDRESS]) {
    q->peer.has_address = local; /* else no rule about addresses matches */
    q->peer.address.kind = ADDRESS_UNIX;
  }
  if (!q->known[ACCESS_TLS])
    q->peer.tls = named;
}

/* Takes over what a word says; it is the question's then. */
static const char *
take_fact(struct question *q, struct access_test *fact)
{
  bool again = q->known[fact->key];

  q->known[fact->key] = true;
  if (fact->attribute)
    return "is a part of a name: a client has a whole one, dn=CN=alice,O=Example";
  if (fact->key == ACCESS_GID) {
    if (q->peer.gid == -1)
      q->peer.gid = fact->id;
    else
      q->groups[q->peer.group_count++] = fact->id;
    return NULL;
  }
  if (again)
    return "is said more than once";
  switch (fact->key) {
  case ACCESS_EXPORT:
  case ACCESS_USER:
    *(fact->key == ACCESS_USER ? &q->user : &q->export) = fact->pattern;
    fact->pattern = NULL;
    break;
  case ACCESS_DN:
  case ACCESS_ISSUER:
    *(fact->key == ACCESS_DN ? &q->peer.dn : &q->peer.issuer) = fact->name;
    fact->name = (struct dn){0};
    break;
  case ACCESS_UID:
    q->peer.uid = fact->id;
    break;
  case ACCESS_ADDRESS:
    q->peer.has_address = true;
    q->peer.address = fact->range;
    break;
  default:
    q->peer.tls = fact->tls;
  }
  return NULL;
}

static int
ask_word(struct question *q, struct access_word *word)
{
  struct access_test *fact = calloc(1, sizeof *fact);
  const char *why = NULL;
  int error = fact ? access_parse_value(word, fact, &why) : ENOMEM;

  if (!error) {
    if (fact->pattern) /* here it is a name */
      glob_unescape(fact->pattern);
    why = take_fact(q, fact);
  }
  access_test_free(fact);
  if (why)
    log_error("--check-access: '%.*s' %s", (int)word->length, word->begin, why);
  return why ? EINVAL : error;
}

static int
ask(struct question *q, const char *text)
{
  struct access_word word;
  const char *why = NULL;
  unsigned count = 0;
  int error = 0;

  while (!error && access_next_word(&text, &word, &why)) {
    error = ++count > ACCESS_MOST_TESTS ? E2BIG : ask_word(q, &word);
    if (error == E2BIG)
      log_error("--check-access: more than %u words", ACCESS_MOST_TESTS);
  }
  if (!error && (why || *text)) {
    log_error("--check-access: '%s' %s", text, why ? why : "is no question");
    error = EINVAL;
  }
  if (!error)
    complete(q);
  return error;
}

static int
answer(const char *path, const struct access_rules *rules, const struct question *q)
{
  const struct access_rule **found = calloc(rules->count, sizeof *found), *rule;
  enum access_verdict verdict;
  size_t count;

  if (!found)
    return ACCESS_CHECK_WRONG;
  count = access_match_peer(rules, &q->peer, found);
  rule = access_match_export(found, count, q->export ? q->export : "");
  free(found);
  verdict = rule ? rule->verdict : ACCESS_DENY;
  if (rule)
    printf("%s: %s:%u: %s\n", access_verdict_name(verdict), path, rule->line,
           rule->text);
  else
    printf("%s: %s: no rule matches\n", access_verdict_name(verdict), path);
  return verdict == ACCESS_DENY ? ACCESS_CHECK_DENIED : ACCESS_CHECK_ALLOWED;
}

int
access_check(const struct options *o)
{
  struct question q = {.peer = {.uid = -1, .gid = -1}};
  struct access_rules *rules = NULL;
  int status = ACCESS_CHECK_WRONG;

  if (ask(&q, o->check_access) == 0 && access_load(o->access_file, &rules) == 0) {
    q.peer.user = q.user;
    q.peer.groups = q.groups;
    status = answer(o->access_file, rules, &q);
    if (fflush(stdout) != 0)
      status = ACCESS_CHECK_WRONG;
  }
  access_rules_free(rules);
  free(q.export);
  free(q.user);
  dn_free(&q.peer.dn);
  dn_free(&q.peer.issuer);
  return status;
}
