/* SPDX-License-Identifier: BSD-3-Clause */
/* Distinguished names of certificates, as RFC 4514 writes them: CN=alice,O=Example.
 * Compiled into the ip filter too: it depends on nothing of the server.
 */
#ifndef NBDSRV_DN_H
#define NBDSRV_DN_H

#include <stdbool.h>
#include <stddef.h>

#define DN_MOST_PARTS 64

struct dn {
  size_t count;
  struct dn_part {
    char *type, *value; /* value without its escapes; both inside text */
    bool joined;        /* by + to the part before, rather than by a comma */
  } parts[DN_MOST_PARTS];
  char *text;
};

/* 0; EINVAL: it is no such name; ENOMEM.  dn_free is due after 0 only. */
int dn_parse(const char *text, struct dn *dn);
void dn_free(struct dn *dn);

/* The same parts in the same order or, as programs do not agree where a name begins, in
 * the reverse.  Types in any case, values exactly. */
bool dn_equal(const struct dn *a, const struct dn *b);

/* The first part of that type from index *i on, which goes behind it; NULL: no more. */
const char *dn_next(const struct dn *dn, const char *type, size_t *i);

#endif
