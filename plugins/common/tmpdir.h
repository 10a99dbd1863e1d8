/* SPDX-License-Identifier: BSD-3-Clause */
/* Directories for what a plugin keeps for a while. */
#ifndef NBDSRV_PLUGIN_TMPDIR_H
#define NBDSRV_PLUGIN_TMPDIR_H

/* A new one with a random name in $TMPDIR, or else in where; its path is malloc'ed.
 * 0 or an errno value, with nbdsrv_error (). */
int tmpdir_make(const char *where, char **path);

/* The same in dir, whatever $TMPDIR says, with a name that begins with prefix. */
int tmpdir_make_in(const char *dir, const char *prefix, char **path);

/* Removes it with all that is in it, and frees the path.  NULL: does nothing. */
void tmpdir_remove(char *path);

#endif
