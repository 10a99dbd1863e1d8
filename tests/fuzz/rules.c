/* SPDX-License-Identifier: BSD-3-Clause */
/* Fuzz target: files of rules about access, patterns and names of certificates.
 * Gets an input whose first byte says which; holds each result against a slower truth.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "hold.h"
#include "server/access-rules.h"
#include "server/access-word.h"
#include "server/glob.h"

#include <nbdsrv-plugin.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

void
nbdsrv_error(const char *fmt, ...)
{
  (void)fmt;
}

/* ------------------------------------------------------------------------- rules */

/* One rule alone decides as it does among the others. */
static void
check_rule(const struct access_rules *rules, size_t i, const struct access_peer *peer,
           const struct access_rule *decided)
{
  struct access_rules alone = {.count = 1, .rules = &rules->rules[i]};
  const struct access_rule *found;
  bool matches = access_match_peer(&alone, peer, &found) == 1 &&
                 access_match_export(&found, 1, "vm1");

  HOLD(!matches || decided <= &rules->rules[i]);
  HOLD(matches || decided != &rules->rules[i]);
}

static void
decide(const struct access_rules *rules, const struct access_peer *peer)
{
  const struct access_rule **found = calloc(rules->count, sizeof *found), *decided;
  size_t count;

  HOLD(found);
  count = access_match_peer(rules, peer, found);
  HOLD(count <= rules->count);
  decided = access_match_export(found, count, "vm1");
  free(found);
  for (size_t i = 0; i < rules->count && i < 100; i++)
    check_rule(rules, i, peer, decided ? decided : rules->rules + rules->count);
}

static void
read_rules(const char *text, size_t size)
{
  struct access_complaint complaint = {0};
  struct access_rules *rules;
  uint32_t groups[] = {1, 2};
  struct access_peer nobody = {.uid = -1, .gid = -1};
  struct access_peer somebody = {.has_address = true,
                                 .tls = true,
                                 .user = "alice",
                                 .groups = groups,
                                 .group_count = 2};
  int error = access_parse(text, size, &rules, &complaint);

  HOLD((error != 0) == (complaint.text[0] != '\0'));
  if (error)
    return;
  HOLD(rules->count > 0 && rules->count <= ACCESS_MOST_RULES);
  HOLD(dn_parse("CN=alice,O=Example", &somebody.dn) == 0);
  HOLD(dn_parse("CN=ca", &somebody.issuer) == 0);
  somebody.address.kind = ADDRESS_UNIX;
  decide(rules, &nobody);
  decide(rules, &somebody);
  dn_free(&somebody.dn);
  dn_free(&somebody.issuer);
  access_rules_free(rules);
}

/* ---------------------------------------------------------------------- patterns */

/* Patterns of * and letters, one character of the pattern at a time. */
static bool
match_slowly(const char *pattern, const char *text)
{
  if (*pattern == '\0')
    return *text == '\0';
  if (*pattern != '*')
    return *pattern == *text && match_slowly(pattern + 1, text + 1);
  for (;; text++) {
    if (match_slowly(pattern + 1, text))
      return true;
    if (*text == '\0')
      return false;
  }
}

static void
match(char *pattern)
{
  char *text = strchr(pattern, '|');

  if (!text)
    return;
  *text++ = '\0';
  if (!glob_is_valid(pattern))
    return;
  glob_match(pattern, text);
  if (strlen(pattern) < 12 && strlen(text) < 12 && !strpbrk(pattern, "?[\\") &&
      text[strspn(text, "abcdefghijklmnopqrstuvwxyz")] == '\0')
    HOLD(glob_match(pattern, text) == match_slowly(pattern, text));
  glob_unescape(pattern);
}

/* ------------------------------------------------------------------------- names */

/* Written with all its bytes escaped, a name is the same one. */
static void
take_name_apart(const char *text)
{
  struct dn name, again;
  char *written = malloc(3 * strlen(text) + 1), *to = written;

  HOLD(written);
  if (dn_parse(text, &name) != 0) {
    free(written);
    return;
  }
  HOLD(name.count <= DN_MOST_PARTS && dn_equal(&name, &name));
  for (size_t i = 0; i < name.count; i++) {
    const struct dn_part *part = &name.parts[i];

    if (i > 0)
      *to++ = part->joined ? '+' : ',';
    to = stpcpy(stpcpy(to, part->type), "=");
    for (const char *p = part->value; *p; p++) {
      static const char digits[] = "0123456789abcdef";
      *to++ = '\\';
      *to++ = digits[(unsigned char)*p >> 4];
      *to++ = digits[*p & 15];
    }
  }
  *to = '\0';
  HOLD(dn_parse(written, &again) == 0 && dn_equal(&name, &again));
  dn_free(&name);
  dn_free(&again);
  free(written);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  enum { RULES, PATTERN, NAME, KINDS };
  char *text;

  if (size == 0)
    return 0;
  text = malloc(size); /* and a zero, for the byte that says which */
  HOLD(text);
  memcpy(text, data + 1, size - 1);
  text[size - 1] = '\0';
  switch (data[0] % KINDS) {
  case PATTERN:
    match(text);
    break;
  case NAME:
    take_name_apart(text);
    break;
  default:
    read_rules(text, size - 1);
  }
  free(text);
  return 0;
}
