/* SPDX-License-Identifier: BSD-3-Clause */
/* Names of files that are looked for later, when the server may have another
 * directory: error, exitwhen.  (What the table of parameters has is absolute anyway.)
 */
#ifndef NBDSRV_FILTER_PATH_H
#define NBDSRV_FILTER_PATH_H

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

static inline int
path_absolute(const char *value, char path[PATH_MAX])
{
  size_t len = 0;

  if (value[0] != '/' && value[0] != '\0') {
    if (!getcwd(path, PATH_MAX - 1))
      return errno;
    len = strlen(path);
    path[len++] = '/';
  }
  if (len + strlen(value) >= PATH_MAX)
    return ENAMETOOLONG;
  strcpy(path + len, value);
  return 0;
}

#endif
