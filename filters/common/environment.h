/* SPDX-License-Identifier: BSD-3-Clause */
/* The environment of programs that are run: the server's, with variables of one's own.
 */
#ifndef NBDSRV_FILTER_ENVIRONMENT_H
#define NBDSRV_FILTER_ENVIRONMENT_H

#include <stddef.h>

/* vars: "name=value" strings, NULL at the end; they take the place of the server's. The
 * list is malloc'ed, the strings are not copied.  NULL: ENOMEM. */
char **environment_with(char *const vars[]);

#endif
