/* SPDX-License-Identifier: BSD-3-Clause */
/* What a rule wants to know about a client: keys, and the values that each may have.
 * Gets words from access-word.c; hands tests to access-parse.c.
 */
#include "config.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "access-value.h"
#include "access-word.h"
#include "glob.h"
#include "parse.h"

/* ----------------------------------------------------------- users and groups */

/* False: it is no number, or one that the system has another use for. */
static bool
find_number(const char *text, uint32_t *id)
{
  unsigned long long value;
  char *end;

  if (text[0] < '0' || text[0] > '9')
    return false;
  errno = 0;
  value = strtoull(text, &end, 10);
  *id = (uint32_t)value;
  return *end == '\0' && errno == 0 && value < UINT32_MAX;
}

bool
access_find_user(const char *text, uint32_t *uid)
{
  struct passwd pw, *found = NULL;
  char buffer[16384];

  if (find_number(text, uid))
    return true;
  if (getpwnam_r(text, &pw, buffer, sizeof buffer, &found) == 0 && found)
    *uid = pw.pw_uid;
  return found != NULL;
}

bool
access_find_group(const char *text, uint32_t *gid)
{
  struct group gr, *found = NULL;
  size_t size = 1024 * 1024; /* groups may have many members */
  char *buffer;

  if (find_number(text, gid))
    return true;
  buffer = malloc(size);
  if (buffer && getgrnam_r(text, &gr, buffer, size, &found) == 0 && found)
    *gid = gr.gr_gid;
  free(buffer);
  return found != NULL;
}

/* --------------------------------------------------------------------- values */

static int
parse_pattern(char *value, struct access_test *test, const char **why)
{
  if (!glob_is_valid(value)) {
    *why = "has a [ without its ], or letters beyond ASCII between them";
    return EINVAL;
  }
  test->pattern = strdup(value);
  return test->pattern ? 0 : ENOMEM;
}

static int
parse_name(char *value, struct access_test *test, const char **why)
{
  int error;

  if (test->attribute)
    return parse_pattern(value, test, why);
  glob_unescape(value);
  error = value[0] ? dn_parse(value, &test->name) : EINVAL;
  if (error == EINVAL)
    *why = "is no distinguished name, as in CN=alice,O=Example";
  return error;
}

static int
parse_tls(const char *value, struct access_test *test, const char **why)
{
  test->tls = strcmp(value, "yes") == 0;
  if (test->tls || strcmp(value, "no") == 0)
    return 0;
  *why = "is neither yes nor no";
  return EINVAL;
}

static int
parse_value(char *value, struct access_test *test, const char **why)
{
  switch (test->key) {
  case ACCESS_EXPORT:
  case ACCESS_USER:
    return parse_pattern(value, test, why);
  case ACCESS_DN:
  case ACCESS_ISSUER:
    return parse_name(value, test, why);
  default:
    glob_unescape(value);
  }
  switch (test->key) {
  case ACCESS_UID:
    *why = "names no user of this system";
    return access_find_user(value, &test->id) ? 0 : EINVAL;
  case ACCESS_GID:
    *why = "names no group of this system";
    return access_find_group(value, &test->id) ? 0 : EINVAL;
  case ACCESS_ADDRESS:
    return address_parse(value, true, &test->range, why) ? 0 : EINVAL;
  default:
    return parse_tls(value, test, why);
  }
}

/* ----------------------------------------------------------------------- keys */

static const char *const keys[ACCESS_KEY_COUNT] = {
    [ACCESS_EXPORT] = "export",   [ACCESS_USER] = "user", [ACCESS_DN] = "dn",
    [ACCESS_ISSUER] = "issuer",   [ACCESS_UID] = "uid",   [ACCESS_GID] = "gid",
    [ACCESS_ADDRESS] = "address", [ACCESS_TLS] = "tls",
};

/* What stands in front of the =: dn.CN is the attribute CN of the key dn. */
static int
parse_key(const char *name, struct access_test *test, const char **why)
{
  size_t len = strcspn(name, ".");

  for (int key = 0; key < ACCESS_KEY_COUNT; key++) {
    if (strncmp(keys[key], name, len) != 0 || keys[key][len] != '\0')
      continue;
    test->key = (enum access_key)key;
    if (name[len] == '\0')
      return 0;
    if ((key != ACCESS_DN && key != ACCESS_ISSUER) || name[len + 1] == '\0')
      break;
    test->attribute = strdup(name + len + 1);
    return test->attribute ? 0 : ENOMEM;
  }
  *why = "has no key that rules know: export, user, dn, issuer, uid, gid, address, tls";
  return EINVAL;
}

int
access_parse_value(struct access_word *word, struct access_test *test, const char **why)
{
  int error;

  *why = NULL;
  if (!word->has_value) {
    *why = "is no condition: KEY=VALUE";
    return EINVAL;
  }
  error = parse_key(word->key, test, why);
  return error ? error : parse_value(word->value, test, why);
}

void
access_test_free(struct access_test *test)
{
  while (test) {
    struct access_test *other = test->other;

    free(test->attribute);
    free(test->pattern);
    dn_free(&test->name);
    free(test);
    test = other;
  }
}
