/* SPDX-License-Identifier: BSD-3-Clause */
/* The words of allow= and deny=.
 * Gets lists with commas; tells whether a client is in one of them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <linux/vm_sockets.h>

#include "../../server/address.h"
#include "../../server/dn.h"
#include "rules.h"

enum kind { ANY, ADDRESS, PID, UID, GID, PORT, SECURITY, SUBJECT, ISSUER };

struct ip_rule {
  enum kind kind;
  struct address_range range; /* ADDRESS */
  int64_t number;             /* PID, UID, GID, PORT of vsock */
  char *text;                 /* SECURITY, SUBJECT, ISSUER */
};

/* -------------------------------------------------------------------- parsing */

static const struct keyword {
  const char *word;
  enum kind kind;
  enum address_kind address;
} keywords[] = {
    {"all", ANY, ADDRESS_NONE},           {"any", ANY, ADDRESS_NONE},
    {"allipv4", ADDRESS, ADDRESS_IPV4},   {"anyipv4", ADDRESS, ADDRESS_IPV4},
    {"allipv6", ADDRESS, ADDRESS_IPV6},   {"anyipv6", ADDRESS, ADDRESS_IPV6},
    {"allunix", ADDRESS, ADDRESS_UNIX},   {"anyunix", ADDRESS, ADDRESS_UNIX},
    {"allvsock", ADDRESS, ADDRESS_VSOCK}, {"anyvsock", ADDRESS, ADDRESS_VSOCK},
};

static const struct prefix {
  const char *word;
  enum kind kind;
  int64_t most; /* of a number */
} prefixes[] = {
    {"pid:", PID, INT32_MAX},
    {"uid:", UID, UINT32_MAX - 1},
    {"gid:", GID, UINT32_MAX - 1},
    {"vsock-cid:", ADDRESS, UINT32_MAX - 1},
    {"vsock-port:", PORT, UINT32_MAX},
    {"security:", SECURITY, 0},
    {"dn:", SUBJECT, 0},
    {"issuer-dn:", ISSUER, 0},
};

static const struct prefix *
find_prefix(const char *word)
{
  for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
    if (strncasecmp(word, prefixes[i].word, strlen(prefixes[i].word)) == 0)
      return &prefixes[i];
  return NULL;
}

/* What stands behind "uid:" and its like. */
static int
parse_prefixed(const char *key, const struct prefix *prefix, const char *value,
               struct ip_rule *rule)
{
  int error = 0;

  rule->kind = prefix->kind;
  if (prefix->most == 0) {
    rule->text = strdup(value);
    return rule->text ? 0 : ENOMEM;
  }
  error = nbdsrv_parse_int64(key, value, 0, prefix->most, &rule->number);
  if (prefix->kind == ADDRESS)
    rule->range =
        (struct address_range){.kind = ADDRESS_VSOCK, .cid = (uint32_t)rule->number};
  return error;
}

static int
parse_word(const char *key, const char *word, struct ip_rule *rule)
{
  const struct prefix *prefix = find_prefix(word);
  const char *why;

  if (prefix)
    return parse_prefixed(key, prefix, word + strlen(prefix->word), rule);
  for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++)
    if (strcasecmp(word, keywords[i].word) == 0) {
      rule->kind = keywords[i].kind;
      rule->range =
          (struct address_range){.kind = keywords[i].address, .any_cid = true};
      return 0;
    }
  rule->kind = ADDRESS;
  if ((strchr(word, '.') || strchr(word, ':')) &&
      address_parse(word, false, &rule->range, &why))
    return 0;
  nbdsrv_error("%s: '%s' is no address, and no word that stands for one", key, word);
  return EINVAL;
}

static int
add_word(struct ip_list *list, const char *key, const char *word)
{
  struct ip_rule *longer =
      realloc(list->rules, (list->count + 1) * sizeof *list->rules);
  struct ip_rule *rule;
  int error;

  if (!longer)
    return ENOMEM;
  list->rules = longer;
  rule = &longer[list->count];
  *rule = (struct ip_rule){0};
  error = parse_word(key, word, rule);
  if (error)
    return error;
  list->count++;
  if (rule->kind == SUBJECT || rule->kind == ISSUER)
    list->wants_name = true;
  return 0;
}

/* Where a word ends: at a comma, but names of certificates have commas themselves, so
 * that nothing can follow one. */
static size_t
word_length(const char *word)
{
  const struct prefix *prefix = find_prefix(word);
  bool is_name = prefix && (prefix->kind == SUBJECT || prefix->kind == ISSUER);

  return is_name ? strlen(word) : strcspn(word, ",");
}

int
ip_list_add(struct ip_list *list, const char *key, const char *value)
{
  int error = 0;

  while (*value && !error) { /* an empty list has nobody, a last comma no meaning */
    size_t len = word_length(value);
    char *word = strndup(value, len);

    error = word ? add_word(list, key, word) : ENOMEM;
    free(word);
    value += len;
    value += *value == ',';
  }
  return error;
}

void
ip_list_free(struct ip_list *list)
{
  for (size_t i = 0; i < list->count; i++)
    free(list->rules[i].text);
  free(list->rules);
}

/* ------------------------------------------------------------------- matching */

/* The same letters, or the same parts. */
static bool
is_name(const char *wanted, const char *name)
{
  struct dn a, b;
  bool equal = false;

  if (!name)
    return false;
  if (strcmp(wanted, name) == 0)
    return true;
  if (dn_parse(wanted, &a) != 0)
    return false;
  if (dn_parse(name, &b) == 0) {
    equal = dn_equal(&a, &b);
    dn_free(&b);
  }
  dn_free(&a);
  return equal;
}

static bool
has_port(const struct nbdsrv_client *client, int64_t port)
{
  struct sockaddr_vm vm;

  if (!client->peer || client->peer_len < sizeof vm ||
      client->peer->sa_family != AF_VSOCK)
    return false;
  memcpy(&vm, client->peer, sizeof vm);
  return vm.svm_port == port;
}

static bool
matches(const struct ip_rule *rule, const struct nbdsrv_client *client,
        const struct address_range *address)
{
  switch (rule->kind) {
  case ANY:
    return true;
  case ADDRESS:
    return address && address_contains(&rule->range, address);
  case PID:
    return client->pid == rule->number;
  case UID:
    return client->uid == rule->number;
  case GID:
    return client->gid == rule->number;
  case PORT:
    return has_port(client, rule->number);
  case SECURITY:
    return client->security && strcmp(client->security, rule->text) == 0;
  case SUBJECT:
    return is_name(rule->text, client->tls_dn);
  case ISSUER:
    return is_name(rule->text, client->tls_issuer);
  }
  return false;
}

bool
ip_list_matches(const struct ip_list *list, const struct nbdsrv_client *client)
{
  struct address_range address;
  bool known = address_of_peer(client->peer, client->peer_len, &address);

  for (size_t i = 0; i < list->count; i++)
    if (matches(&list->rules[i], client, known ? &address : NULL))
      return true;
  return false;
}
