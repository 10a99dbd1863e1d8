/* SPDX-License-Identifier: BSD-3-Clause */
/* Rules about who may do what, as access-parse.c makes them and access-match.c applies
 * them.  See nbdsrv-access(5).
 */
#ifndef NBDSRV_ACCESS_RULES_H
#define NBDSRV_ACCESS_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"
#include "dn.h"

/* From least to most. */
enum access_verdict { ACCESS_DENY, ACCESS_READ_ONLY, ACCESS_ALLOW };

enum access_key {
  ACCESS_EXPORT,
  ACCESS_USER,
  ACCESS_DN,
  ACCESS_ISSUER,
  ACCESS_UID,
  ACCESS_GID,
  ACCESS_ADDRESS,
  ACCESS_TLS,
  ACCESS_KEY_COUNT,
};

/* One value that a key of a rule has. */
struct access_test {
  struct access_test *next;  /* of another key: all have to hold */
  struct access_test *other; /* of the same key: one has to hold */
  enum access_key key;
  char *attribute; /* DN, ISSUER: a part of the name; NULL: the whole of it */
  char *pattern;   /* EXPORT, USER and parts of names */
  struct dn name;  /* whole names */
  struct address_range range;
  uint32_t id; /* UID, GID */
  bool tls;
};

struct access_rule {
  unsigned line;
  enum access_verdict verdict;
  struct access_test *tests; /* NULL: it matches always */
  char *text;                /* as it stands in the file */
};

struct access_rules {
  unsigned references; /* guarded by access.lock */
  bool has_key[ACCESS_KEY_COUNT];
  size_t count;
  struct access_rule *rules; /* in the order of the file */
};

/* access-parse.c */

#define ACCESS_MOST_RULES 10000
#define ACCESS_MOST_TESTS 64 /* of one rule */
#define ACCESS_MOST_BYTES (1024 * 1024)

/* What is wrong with a text. */
struct access_complaint {
  unsigned line; /* 0: with all of it */
  char text[256];
};

/* Rules from a text that ends in '\0' at text[len].  0; EINVAL, with a complaint;
 * ENOMEM. */
int access_parse(const char *text, size_t len, struct access_rules **rules,
                 struct access_complaint *complaint);
void access_rules_free(struct access_rules *rules);
const char *access_verdict_name(enum access_verdict verdict);

/* Numbers of users and groups from names or numbers.  False: there is none. */
bool access_find_user(const char *text, uint32_t *uid);
bool access_find_group(const char *text, uint32_t *gid);

/* access-match.c */

/* Who asks. */
struct access_peer {
  bool has_address; /* of a kind that rules know */
  struct address_range address;
  int64_t uid, gid; /* of a Unix peer, else -1 */
  const uint32_t *groups;
  size_t group_count;
  bool tls;
  const char *user;     /* NULL: none */
  struct dn dn, issuer; /* count 0: none */
};

/* The rules that match the peer if they match the name that it asks for.  found has
 * room for all rules; the result is how many they are. */
size_t access_match_peer(const struct access_rules *rules,
                         const struct access_peer *peer,
                         const struct access_rule **found);
/* The first of them that matches the name too; NULL: none does. */
const struct access_rule *access_match_export(const struct access_rule *const *found,
                                              size_t count, const char *export);

#endif
