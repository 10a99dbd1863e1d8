/* SPDX-License-Identifier: BSD-3-Clause */
/* The environment of programs that are run.
 * Gets variables; hands on a list of them and of those of the server that have other
 * names: where a name is there twice, some shells take the first and some the last.
 */
#include "config.h"

#include "environment.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static size_t
count(char *const list[])
{
  size_t n = 0;

  while (list[n])
    n++;
  return n;
}

static bool
has_name_of(char *const vars[], const char *variable)
{
  size_t len = strcspn(variable, "=");

  for (; *vars; vars++)
    if (strncmp(*vars, variable, len) == 0 && (*vars)[len] == '=')
      return true;
  return false;
}

char **
environment_with(char *const vars[])
{
  size_t n = count(vars);
  char **all = malloc((n + count(environ) + 1) * sizeof *all);

  if (!all)
    return NULL;
  memcpy(all, vars, n * sizeof *all);
  for (char **e = environ; *e; e++)
    if (!has_name_of(vars, *e))
      all[n++] = *e;
  all[n] = NULL;
  return all;
}
