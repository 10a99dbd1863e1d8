/* SPDX-License-Identifier: BSD-3-Clause */
/* Rules applied to a client and the export that it asks for.
 * Gets rules from access-parse.c and clients from access.c; hands back the rule that
 * decides.
 */
#include "config.h"

#include <string.h>

#include "access-rules.h"
#include "glob.h"

static bool
matches_name(const struct access_test *test, const struct dn *name)
{
  const char *value;
  size_t i = 0;

  if (name->count == 0)
    return false;
  if (!test->attribute)
    return dn_equal(&test->name, name);
  while ((value = dn_next(name, test->attribute, &i)))
    if (glob_match(test->pattern, value))
      return true;
  return false;
}

static bool
is_member(const struct access_peer *peer, uint32_t gid)
{
  for (size_t i = 0; i < peer->group_count; i++)
    if (peer->groups[i] == gid)
      return true;
  return peer->gid == (int64_t)gid;
}

/* A value of any key but that of the export. */
static bool
holds(const struct access_test *test, const struct access_peer *peer)
{
  switch (test->key) {
  case ACCESS_USER:
    return peer->user && glob_match(test->pattern, peer->user);
  case ACCESS_DN:
    return matches_name(test, &peer->dn);
  case ACCESS_ISSUER:
    return matches_name(test, &peer->issuer);
  case ACCESS_UID:
    return peer->uid == (int64_t)test->id;
  case ACCESS_GID:
    return is_member(peer, test->id);
  case ACCESS_ADDRESS:
    return peer->has_address && address_contains(&test->range, &peer->address);
  case ACCESS_TLS:
    return peer->tls == test->tls;
  default:
    return false;
  }
}

static bool
one_holds(const struct access_test *test, const struct access_peer *peer)
{
  for (; test; test = test->other)
    if (holds(test, peer))
      return true;
  return false;
}

static bool
rule_matches_peer(const struct access_rule *rule, const struct access_peer *peer)
{
  for (const struct access_test *test = rule->tests; test; test = test->next)
    if (test->key != ACCESS_EXPORT && !one_holds(test, peer))
      return false;
  return true;
}

static bool
rule_matches_export(const struct access_rule *rule, const char *export)
{
  const struct access_test *test = rule->tests;

  while (test && test->key != ACCESS_EXPORT)
    test = test->next;
  if (!test) /* it is about all exports */
    return true;
  for (; test; test = test->other)
    if (glob_match(test->pattern, export))
      return true;
  return false;
}

size_t
access_match_peer(const struct access_rules *rules, const struct access_peer *peer,
                  const struct access_rule **found)
{
  size_t count = 0;

  for (size_t i = 0; i < rules->count; i++)
    if (rule_matches_peer(&rules->rules[i], peer))
      found[count++] = &rules->rules[i];
  return count;
}

const struct access_rule *
access_match_export(const struct access_rule *const *found, size_t count,
                    const char *export)
{
  for (size_t i = 0; i < count; i++)
    if (rule_matches_export(found[i], export))
      return found[i];
  return NULL;
}
