/* SPDX-License-Identifier: BSD-3-Clause */
/* Disks that a command makes.
 * Gets parameters, which the command finds as variables, and names for files from
 * ondemand and tmpdisk; hands on handles of the file plugin.
 */
#include "config.h"

#include "mkdisk.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../filters/common/environment.h"
#include "process.h"

/* Which option is for the label, and which for not asking, each mkfs knows for itself.
 */
static const char make_file_system[] =
    "PATH=$PATH:/usr/sbin:/sbin\n"
    "type=${type:-ext4}\n"
    "truncate -s \"$size\" \"$disk\" || exit 1\n"
    "case $type in\n"
    "  ext?) set -- -q -F ${label:+-L \"$label\"} ;;\n"
    "  *fat|msdos) set -- ${label:+-n \"$label\"} ;;\n"
    "  ntfs) set -- -q -Q -F ${label:+-L \"$label\"} ;;\n"
    "  f2fs|reiserfs) set -- -q ${label:+-l \"$label\"} ;;\n"
    "  *) set -- ${label:+-L \"$label\"} ;;\n"
    "esac\n"
    "case $type in\n"
    "  swap) mkswap \"$@\" \"$disk\" ;;\n"
    "  *) mkfs -t \"$type\" \"$@\" \"$disk\" ;;\n"
    "esac\n";

/* ------------------------------------------------------------------- parameters */

static bool
is_name(const char *key)
{
  if (!isalpha((unsigned char)key[0]) && key[0] != '_')
    return false;
  while (isalnum((unsigned char)*key) || *key == '_')
    key++;
  return *key == '\0';
}

/* Any other parameter is a variable for the command; the last of a name counts. */
int
mkdisk_config(void *inst, const char *key, const char *value)
{
  struct mkdisk *m = inst;
  size_t len = strlen(key), i = 0;
  char **vars, *variable;

  if (!is_name(key))
    return ENOENT;
  if (strcmp(key, "disk") == 0) {
    nbdsrv_error("disk is the name that the command gets: it cannot be given");
    return EINVAL;
  }
  vars = realloc(m->vars, (m->var_count + 1) * sizeof *vars);
  if (!vars)
    return ENOMEM;
  m->vars = vars;
  if (asprintf(&variable, "%s=%s", key, value) == -1)
    return ENOMEM;
  while (i < m->var_count && strncmp(vars[i], variable, len + 1) != 0)
    i++;
  if (i < m->var_count)
    free(vars[i]);
  else
    m->var_count++;
  vars[i] = variable;
  return 0;
}

int
mkdisk_ready(void *inst)
{
  const struct mkdisk *m = inst;

  if (m->var_count == 0 || m->command)
    return 0;
  nbdsrv_error("%s: this is a variable, and there is no command= that could use it",
               m->vars[0]);
  return EINVAL;
}

void
mkdisk_unload(void *inst)
{
  struct mkdisk *m = inst;

  for (size_t i = 0; i < m->var_count; i++)
    free(m->vars[i]);
  free(m->vars);
}

/* ------------------------------------------------------------------- the command */

/* name=value, unless there is no value. */
static int
add_variable(char **vars, const char *name, const char *value)
{
  if (value && asprintf(vars, "%s=%s", name, value) == -1) {
    *vars = NULL;
    return ENOMEM;
  }
  return 0;
}

/* own: up to four of them come first, to be freed. */
static char **
make_env(const struct mkdisk *m, const char *disk, char *own[4])
{
  char size[24], **vars = calloc(m->var_count + 5, sizeof *vars), **env = NULL;
  size_t n = 0;

  snprintf(size, sizeof size, "%" PRIu64, m->size);
  if (vars && add_variable(&own[0], "disk", disk) == 0 &&
      add_variable(&own[1], "size", size) == 0 &&
      add_variable(&own[2], "type", m->type) == 0 &&
      add_variable(&own[3], "label", m->label) == 0) {
    for (size_t i = 0; i < 4; i++)
      if (own[i])
        vars[n++] = own[i];
    for (size_t i = 0; i < m->var_count; i++)
      vars[n++] = m->vars[i];
    env = environment_with(vars);
  }
  free(vars);
  return env;
}

/* The beginning of what it said, in one line. */
static void
explain(const struct process *p)
{
  char text[256];
  size_t n = 0;

  for (const char *c = p->message; *c && n < sizeof text - 1; c++)
    if (*c != '\n')
      text[n++] = *c;
    else if (c[1] && n < sizeof text - 2) {
      text[n++] = ';';
      text[n++] = ' ';
    }
  text[n] = '\0';
  if (p->status < 0)
    nbdsrv_error("making the disk: the command was ended by signal %d", -p->status);
  else
    nbdsrv_error("making the disk: exit code %d%s%s", p->status, n > 0 ? ": " : "",
                 text);
}

int
mkdisk_make(struct mkdisk *m, const char *disk)
{
  const char *argv[] = {"/bin/sh", "-c", m->command ? m->command : make_file_system,
                        NULL};
  char *own[4] = {NULL};
  struct process p = {.argv = argv, .ending = &m->ending, .joined = true};
  char **env = make_env(m, disk, own);
  int error = ENOMEM;

  p.env = env;
  if (env)
    error = process_run(&p);
  if (error)
    nbdsrv_error("making the disk: /bin/sh: %s", strerror(error));
  else if (p.status != 0) {
    explain(&p);
    error = EIO;
  } else
    nbdsrv_debug("%s: made: %s", disk, p.message);
  for (size_t i = 0; i < 4; i++)
    free(own[i]);
  free(env);
  return error;
}

/* --------------------------------------------------------------------- the disk */

int
mkdisk_open(const char *disk, const struct nbdsrv_client *client,
            struct open_file **handle)
{
  struct file settings = {.file = disk, .fd = -1, .dirfd = -1};
  void *opened;
  int error = file_open(&settings, client, &opened);

  if (!error)
    *handle = opened;
  return error;
}

int
mkdisk_describe(void *handle, struct nbdsrv_info *info)
{
  int error = file_describe(handle, info);

  info->can &= ~NBDSRV_CAN_MULTI_CONN; /* a second connection would be another client */
  return error;
}
