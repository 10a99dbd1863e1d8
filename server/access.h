/* SPDX-License-Identifier: BSD-3-Clause */
/* --access: who may do what with which export.  See nbdsrv-access(5). */
#ifndef NBDSRV_ACCESS_H
#define NBDSRV_ACCESS_H

#include <stdbool.h>
#include <stddef.h>

#include "access-rules.h"

struct access; /* a file and the rules that are in force */
struct connection;
struct options;

/* Reads the file that options name.  0 or an errno value, logged. */
int access_new(const struct options *options, struct access **access);
void access_free(struct access *access);
/* Reads it again (SIGHUP); at an error the old rules stay in force. */
int access_reload(struct access *access);

/* access-file.c: reads a file of rules; as access_new. */
int access_load(const char *path, struct access_rules **rules);

/* The rules as far as they are about one client, as they stand now. */
struct access_view {
  struct access *access;
  struct access_rules *rules;
  const struct access_rule **found;
  size_t count;
};

/* 0 or an errno value: the client may have nothing.  access_view_close is due in both
 * cases. */
int access_view_open(struct access *access, const struct connection *conn,
                     struct access_view *view);
void access_view_close(struct access_view *view);

/* What they say of a name.  *line is that of the rule, 0 where none matches. */
enum access_verdict access_view_decide(const struct access_view *view,
                                       const char *export, unsigned *line);
/* Whether there may be any name that this client may have. */
bool access_view_allows(const struct access_view *view);

/* The same for one name. */
enum access_verdict access_decide(struct access *access, const struct connection *conn,
                                  const char *export, unsigned *line);

/* access-check.c: --check-access.  The status of the process. */
enum { ACCESS_CHECK_ALLOWED, ACCESS_CHECK_DENIED, ACCESS_CHECK_WRONG };
int access_check(const struct options *options);

#endif
