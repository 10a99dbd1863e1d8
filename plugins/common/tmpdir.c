/* SPDX-License-Identifier: BSD-3-Clause */
/* Temporary directories: made, and removed with all that is in them.
 * Gets nothing but where the user wants them; hands on paths.
 */
#include "config.h"

#include "tmpdir.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nbdsrv-plugin.h>

int
tmpdir_make_in(const char *dir, const char *prefix, char **path)
{
  char *template;
  int error = 0;

  if (asprintf(&template, "%s/%sXXXXXX", dir, prefix) == -1)
    return ENOMEM;
  if (!mkdtemp(template)) {
    error = errno;
    nbdsrv_error("a temporary directory in %s: %s", dir, strerror(error));
    free(template);
  } else
    *path = template;
  return error;
}

int
tmpdir_make(const char *where, char **path)
{
  const char *wanted = getenv("TMPDIR");

  return tmpdir_make_in(wanted && wanted[0] == '/' ? wanted : where, "nbdsrv", path);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
  (void)st;
  (void)type;
  (void)ftw;
  remove(path);
  return 0;
}

void
tmpdir_remove(char *path)
{
  if (path)
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
  free(path);
}
