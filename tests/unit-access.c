/* SPDX-License-Identifier: BSD-3-Clause */
/* The language of --access: what is understood, what is refused and in which words, and
 * which rule decides.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/access-rules.h"
#include "unit.h"

static struct access_rules *rules;
static struct access_complaint complaint;

static int
parse(const char *text)
{
  complaint = (struct access_complaint){0};
  return access_parse(text, strlen(text), &rules, &complaint);
}

static void
expect_rules(const char *text, size_t count)
{
  ck_assert_msg(parse(text) == 0, "%s\nis refused: %s", text, complaint.text);
  ck_assert_uint_eq(rules->count, count);
}

static void
expect_complaint(const char *text, unsigned line, const char *words)
{
  ck_assert_msg(parse(text) == EINVAL, "is understood: %s", text);
  ck_assert_msg(complaint.line == line && strstr(complaint.text, words),
                "%s\nline %u, not %u: %s", text, complaint.line, line, complaint.text);
}

/* The line of the rule that decides; 0: none. */
static unsigned
decided(const struct access_peer *peer, const char *export)
{
  const struct access_rule **found = calloc(rules->count, sizeof *found), *rule;
  size_t count = access_match_peer(rules, peer, found);
  unsigned line;

  rule = access_match_export(found, count, export);
  line = rule ? rule->line : 0;
  free(found);
  return line;
}

static const struct access_peer nobody = {.uid = -1, .gid = -1};

/* ------------------------------------------------------------------- the text */

START_TEST(lines)
{
  expect_rules("allow", 1);
  ck_assert_str_eq(rules->rules[0].text, "allow");
  access_rules_free(rules);
  expect_rules("# all\n\n  \t\n  deny\t# and why\r\nread-only export=a#b\t \r\nallow",
               3);
  ck_assert_uint_eq(rules->rules[0].line, 4);
  ck_assert_int_eq(rules->rules[0].verdict, ACCESS_DENY);
  ck_assert_str_eq(rules->rules[0].text, "deny");
  ck_assert_uint_eq(rules->rules[1].line, 5);
  ck_assert_int_eq(rules->rules[1].verdict, ACCESS_READ_ONLY);
  ck_assert_str_eq(rules->rules[1].text, "read-only export=a#b");
  ck_assert_int_eq(rules->rules[2].verdict, ACCESS_ALLOW);
  access_rules_free(rules);
}
END_TEST

START_TEST(refused)
{
  expect_complaint("", 0, "there is no rule");
  expect_complaint("# allow\n", 0, "there is no rule");
  expect_complaint("allow\nalow export=a", 2,
                   "'alow' is no action: did you mean allow?");
  expect_complaint("readonly", 1, "did you mean read-only?");
  expect_complaint("export=a allow", 1, "'export=a' stands where a rule begins");
  expect_complaint("allow=1", 1, "stands where a rule begins");
  expect_complaint("xyzzy", 1, "stands where a rule begins");
  expect_complaint("allow vm1", 1, "'vm1' is no condition");
  expect_complaint("allow =a", 1, "'=a' is no word");
  expect_complaint("allow \"export\"=a", 1, "is no word");
  expect_complaint("allow esport=a", 1, "'esport=a' has no key");
  expect_complaint("allow export.a=a", 1, "has no key");
  expect_complaint("allow dn.=a", 1, "has no key");
  expect_complaint("allow export='a b", 1,
                   "'export='a' has a quote that is not closed");
  expect_complaint("allow export=\"a\nb\"", 1, "has a quote that is not closed");
  expect_complaint("allow export=a\\", 1, "ends in a backslash");
  expect_complaint("allow export=[a", 1, "'export=[a' has a [ without its ]");
  expect_complaint("allow export=[\303\244]", 1, "beyond ASCII");
  expect_complaint("allow uid=no-such-user-anywhere", 1, "no user");
  expect_complaint("allow uid=4294967295", 1, "no user");
  expect_complaint("allow uid=", 1, "no user");
  expect_complaint("allow gid=-1", 1, "no group");
  expect_complaint("allow tls=maybe", 1, "'tls=maybe' is neither yes nor no");
  expect_complaint("allow dn=alice", 1, "is no distinguished name");
  expect_complaint("allow issuer=", 1, "is no distinguished name");
  expect_complaint("allow dn=CN=a,", 1, "is no distinguished name");
  expect_complaint("allow address=10.0.0.256", 1, "is no address");
  expect_complaint("allow address=10.0.0.0/33", 1, "length of prefix");
  expect_complaint("allow address=10.0.0.0/", 1, "length of prefix");
  expect_complaint("allow address=10.0.0.1/8", 1, "bits set behind the prefix");
  expect_complaint("allow address=fe80::1%lo", 1, "is no address");
  expect_complaint("allow address=vsock:-1", 1, "context id");
  expect_complaint("allow address=vsock:4294967295", 1, "context id");
  expect_complaint("allow\n\x1b[2J", 2, "is no text");
  expect_complaint("allow export=\xff", 1, "is no text");
}
END_TEST

START_TEST(no_zeroes_inside)
{
  static const char text[] = "allow\0export=a";

  complaint = (struct access_complaint){0};
  ck_assert_int_eq(access_parse(text, sizeof text - 1, &rules, &complaint), EINVAL);
  ck_assert_ptr_nonnull(strstr(complaint.text, "is no text"));
}
END_TEST

static char text[ACCESS_MOST_RULES * 6 + 64];

START_TEST(most_rules)
{
  char *p = text;

  for (unsigned i = 0; i < ACCESS_MOST_RULES; i++)
    p = stpcpy(p, "allow\n");
  expect_rules(text, ACCESS_MOST_RULES);
  access_rules_free(rules);
  strcpy(p, "deny");
  expect_complaint(text, ACCESS_MOST_RULES + 1, "more than");
}
END_TEST

START_TEST(most_words)
{
  char *p = stpcpy(text, "allow");

  for (unsigned i = 0; i < ACCESS_MOST_TESTS; i++)
    p = stpcpy(p, " uid=1");
  expect_rules(text, 1);
  access_rules_free(rules);
  strcpy(p, " uid=1");
  expect_complaint(text, 1, "at most");
}
END_TEST

START_TEST(longest_value)
{
  char *p = stpcpy(text, "allow export='"), *name = p;

  memset(p, '*', 4096);
  strcpy(p + 4096, "'");
  expect_rules(text, 1);
  p[4096] = '\0';
  ck_assert_uint_eq(decided(&nobody, name), 1);
  ck_assert_uint_eq(decided(&nobody, name + 1), 0);
  access_rules_free(rules);
  strcpy(p + 4096, "**'");
  expect_complaint(text, 1, "is too long");
  memset(text, 'k', 100);
  strcpy(text + 100, "=1");
  expect_complaint(text, 1, "is no word");
}
END_TEST

/* ------------------------------------------------------------------- matching */

/* Whether the pattern, as a word of a rule, matches the name of an export. */
static bool
matches(const char *word, const char *name)
{
  unsigned line;

  snprintf(text, sizeof text, "allow export=%s", word);
  expect_rules(text, 1);
  line = decided(&nobody, name);
  access_rules_free(rules);
  return line == 1;
}

START_TEST(patterns)
{
  ck_assert(matches("", ""));
  ck_assert(!matches("", "a"));
  ck_assert(matches("*", ""));
  ck_assert(matches("*", "a/b"));
  ck_assert(matches("vm*", "vm"));
  ck_assert(!matches("vm*", "xvm"));
  ck_assert(matches("*a*b*", "xxaxxbxx"));
  ck_assert(!matches("*a*b*c", "xxaxxbxx"));
  ck_assert(matches("a*b*c", "abbbcbc"));
  ck_assert(matches("?", "\303\244"));
  ck_assert(matches("?\303\244", "\303\244\303\244"));
  ck_assert(!matches("?", ""));
  ck_assert(!matches("??", "\303\244"));
  ck_assert(matches("vm[0-9]", "vm7"));
  ck_assert(!matches("vm[0-9]", "vmx"));
  ck_assert(!matches("vm[0-9]", "vm"));
  ck_assert(matches("[!0-9]", "x"));
  ck_assert(!matches("[!0-9]", "5"));
  ck_assert(matches("[!0-9]", "\303\244"));
  ck_assert(!matches("[a-z]", "\303\244"));
  ck_assert(matches("[]a]b", "]b"));
  ck_assert(matches("[a-]", "-"));
  ck_assert(matches("[a\\]]", "]"));
  ck_assert(!matches("[a\\]]", "\\"));
}
END_TEST

START_TEST(quotes)
{
  ck_assert(matches("'a b'", "a b"));
  ck_assert(matches("\"a b\"*", "a bc"));
  ck_assert(matches("a\\ b", "a b"));
  ck_assert(matches("'vm*'", "vm*"));
  ck_assert(!matches("'vm*'", "vm1"));
  ck_assert(!matches("\"?\"", "a"));
  ck_assert(!matches("'[a]'", "a"));
  ck_assert(matches("'[a]'", "[a]"));
  ck_assert(matches("vm\\*", "vm*"));
  ck_assert(!matches("vm\\*", "vm1"));
  ck_assert(matches("'a\\b'", "a\\b"));
  ck_assert(matches("\"a\\\\b\\\"\"", "a\\b\""));
  ck_assert(matches("\"it's\"", "it's"));
  ck_assert(matches("a#b", "a#b"));
  ck_assert(matches("'#'", "#"));
}
END_TEST

/* A pattern of many stars takes no more than the product of the lengths. */
START_TEST(hostile_names)
{
  char name[4097], *p = text, *pattern;

  memset(name, 'a', sizeof name - 1);
  name[sizeof name - 1] = '\0';
  for (unsigned i = 0; i < 1000; i++)
    p = stpcpy(p, "a*");
  strcpy(p, "b");
  pattern = strdup(text);
  ck_assert(!matches(pattern, name));
  free(pattern);
}
END_TEST

START_TEST(first_match_wins)
{
  expect_rules("deny export=secret\nread-only export=s*\nallow export=*", 3);
  ck_assert_uint_eq(decided(&nobody, "secret"), 1);
  ck_assert_uint_eq(decided(&nobody, "s"), 2);
  ck_assert_uint_eq(decided(&nobody, ""), 3);
  access_rules_free(rules);
}
END_TEST

START_TEST(keys_are_anded_and_values_ored)
{
  struct access_peer peer = {.uid = 7, .gid = 8};

  expect_rules("allow uid=7 uid=9 export=a gid=8 export=b", 1);
  ck_assert_uint_eq(decided(&peer, "a"), 1);
  ck_assert_uint_eq(decided(&peer, "b"), 1);
  ck_assert_uint_eq(decided(&peer, "c"), 0);
  peer.uid = 9;
  ck_assert_uint_eq(decided(&peer, "a"), 1);
  peer.uid = 8;
  ck_assert_uint_eq(decided(&peer, "a"), 0);
  ck_assert_uint_eq(decided(&nobody, "a"), 0);
  access_rules_free(rules);
}
END_TEST

START_TEST(users_and_groups)
{
  uint32_t groups[] = {100, 200};
  struct access_peer peer = {
      .uid = 0, .gid = 5, .groups = groups, .group_count = 2, .user = "al*ce"};

  expect_rules("deny uid=1\ndeny gid=6\nallow uid=root gid=200", 3);
  ck_assert_uint_eq(decided(&peer, ""), 3);
  peer.group_count = 1;
  ck_assert_uint_eq(decided(&peer, ""), 0);
  access_rules_free(rules);
  expect_rules("deny user='*'\ndeny user=\"al[*]ce\"\nallow user=al*ce", 3);
  ck_assert_uint_eq(decided(&peer, ""), 3);
  ck_assert_uint_eq(decided(&nobody, ""), 0);
  access_rules_free(rules);
}
END_TEST

START_TEST(certificates)
{
  struct access_peer peer = nobody;

  ck_assert_int_eq(dn_parse("CN=alice,O=Ex\\, Inc.+OU=Ops,OU=x*", &peer.dn), 0);
  ck_assert_int_eq(dn_parse("CN=ca", &peer.issuer), 0);
  expect_rules("deny dn=CN=alice\n"
               "deny dn='O=Ex\\, Inc.+OU=Ops,CN=alice,OU=x*'\n"
               "deny dn='OU=x*,O=Ex\\, Inc.,OU=Ops,CN=alice'\n"
               "deny dn='CN=alice,O=Ex\\, Inc.,OU=Ops,OU=x*'\n"
               "deny dn.CN=Alice\n"
               "deny dn.CN=alice dn.O=Ops\n"
               "deny issuer.CN=alice\n"
               "deny dn=CN=ca\n"
               "allow dn='cn=alice, O=Ex\\2c Inc. + OU=Ops, OU=x*' issuer=CN=ca",
               9);
  ck_assert_uint_eq(decided(&peer, ""), 9);
  access_rules_free(rules);
  expect_rules("allow dn='OU=x*,OU=Ops+O=Ex\\, Inc.,CN=alice'", 1);
  ck_assert_uint_eq(decided(&peer, ""), 1);
  access_rules_free(rules);
  expect_rules("deny dn.OU='?*' dn.ou='*'\nallow dn.cn=a* dn.O='Ex, Inc.' dn.ou=Ops "
               "issuer.CN=c?",
               2);
  ck_assert_uint_eq(decided(&peer, ""), 2);
  ck_assert_uint_eq(decided(&nobody, ""), 0);
  access_rules_free(rules);
  dn_free(&peer.dn);
  dn_free(&peer.issuer);
}
END_TEST

START_TEST(malformed_names)
{
  static const char *const bad[] = {
      "CN",    "=a",      "CN=a,",   ",CN=a",     "CN=a,,O=b", "CN=a+",
      "CN=\\", "CN=a\\z", "CN=\\00", "C N=alice", "CN=a,O",
  };
  struct dn dn;
  char *p = text;

  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    ck_assert_msg(dn_parse(bad[i], &dn) == EINVAL, "%s", bad[i]);
  for (unsigned i = 0; i < DN_MOST_PARTS; i++)
    p += sprintf(p, "%sCN=a", i ? "," : "");
  ck_assert_int_eq(dn_parse(text, &dn), 0);
  ck_assert_uint_eq(dn.count, DN_MOST_PARTS);
  dn_free(&dn);
  strcpy(p, ",CN=a");
  ck_assert_int_eq(dn_parse(text, &dn), EINVAL);
}
END_TEST

/* Whether a range, as a rule has it, holds an address. */
static bool
holds(const char *range, const char *address)
{
  struct access_peer peer = nobody;
  const char *why;
  unsigned line;

  snprintf(text, sizeof text, "allow address=%s", range);
  expect_rules(text, 1);
  peer.has_address = address_parse(address, true, &peer.address, &why);
  ck_assert(peer.has_address);
  line = decided(&peer, "");
  access_rules_free(rules);
  return line == 1;
}

START_TEST(addresses)
{
  ck_assert(holds("10.0.0.0/8", "10.255.0.1"));
  ck_assert(!holds("10.0.0.0/8", "11.0.0.0"));
  ck_assert(holds("10.128.0.0/9", "10.128.0.1"));
  ck_assert(!holds("10.128.0.0/9", "10.127.0.1"));
  ck_assert(holds("192.0.2.1", "192.0.2.1"));
  ck_assert(!holds("192.0.2.1", "192.0.2.2"));
  ck_assert(holds("0.0.0.0/0", "192.0.2.2"));
  ck_assert(holds("ipv4", "192.0.2.2"));
  ck_assert(!holds("0.0.0.0/0", "::1"));
  ck_assert(holds("::/0", "::1"));
  ck_assert(holds("ipv6", "::1"));
  ck_assert(!holds("ipv6", "127.0.0.1"));
  ck_assert(holds("2001:db8::/33", "2001:db8:7fff::"));
  ck_assert(!holds("2001:db8::/33", "2001:db8:8000::"));
  ck_assert(holds("192.0.2.0/24", "::ffff:192.0.2.9"));
  ck_assert(holds("::ffff:192.0.2.0/120", "192.0.2.9"));
  ck_assert(!holds("::ffff:192.0.2.0/120", "192.0.3.9"));
  ck_assert(holds("unix", "unix"));
  ck_assert(!holds("unix", "none"));
  ck_assert(!holds("none", "unix"));
  ck_assert(holds("vsock", "vsock:3"));
  ck_assert(holds("vsock:3", "vsock:3"));
  ck_assert(!holds("vsock:3", "vsock:4"));
  ck_assert(!holds("vsock:0", "vsock"));
}
END_TEST

START_TEST(unknown_addresses)
{
  struct access_peer peer = nobody;

  expect_rules("deny address=none\nallow", 2);
  ck_assert_uint_eq(decided(&peer, ""), 2);
  peer.has_address = true;
  ck_assert_uint_eq(decided(&peer, ""), 1);
  access_rules_free(rules);
}
END_TEST

START_TEST(tls)
{
  struct access_peer peer = nobody;

  expect_rules("allow tls=yes\nread-only tls=no", 2);
  ck_assert_uint_eq(decided(&peer, ""), 2);
  peer.tls = true;
  ck_assert_uint_eq(decided(&peer, ""), 1);
  access_rules_free(rules);
}
END_TEST

int
main(void)
{
  const TTest *tests[] = {
      lines,
      refused,
      no_zeroes_inside,
      most_rules,
      most_words,
      longest_value,
      patterns,
      quotes,
      hostile_names,
      first_match_wins,
      keys_are_anded_and_values_ored,
      users_and_groups,
      certificates,
      malformed_names,
      addresses,
      unknown_addresses,
      tls,
  };

  return unit_main("access", tests, sizeof tests / sizeof *tests);
}
