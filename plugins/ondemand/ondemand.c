/* SPDX-License-Identifier: BSD-3-Clause */
/* The ondemand plugin: a disk for each export name, made when it is first asked for.
 * Gets names from clients; plugins/common/mkdisk.c makes the disks, and the file
 * plugin's functions serve them, each to one client at a time unless they share it.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../common/mkdisk.h"
#include "../common/tmpdir.h"

/* The file of the export "". */
#define DEFAULT_NAME "default"

/* No name of an export begins with a dot, so no client meets what is not finished. */
#define UNFINISHED ".nbdsrv"

#define LOOK_AGAIN_NS 100000000u

struct ondemand {
  struct mkdisk mkdisk; /* first */
  const char *dir;
  int wait, share;
};

static const struct nbdsrv_param params[] = {
    {"dir", NBDSRV_PATH, NBDSRV_REQUIRED, offsetof(struct ondemand, dir), NULL,
     "where the disks are kept", NULL, "DIRECTORY"},
    {"wait", NBDSRV_BOOL, 0, offsetof(struct ondemand, wait), "false",
     "let a client wait for one that has the disk", NULL, NULL},
    {"share", NBDSRV_BOOL, 0, offsetof(struct ondemand, share), "false",
     "let clients have a disk together", NULL, NULL},
    MKDISK_PARAMS,
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

static int
ondemand_ready(void *inst)
{
  const struct ondemand *o = inst;
  struct stat st;
  int error = stat(o->dir, &st) == -1 ? errno : 0;

  if (!error && !S_ISDIR(st.st_mode))
    error = ENOTDIR;
  if (!error)
    return mkdisk_ready(inst);
  nbdsrv_error("%s: %s", o->dir, strerror(error));
  return error;
}

/* ----------------------------------------------------------------------- names */

static bool
is_good(const char *name)
{
  size_t len = strlen(name);

  return len > 0 && len <= NAME_MAX && name[0] != '.' && !strchr(name, '/');
}

static bool
is_disk(const struct dirent *entry)
{
  return is_good(entry->d_name) && entry->d_type != DT_DIR;
}

/* The default export is always there: whoever asks for it gets it made. */
static int
ondemand_list(void *inst, struct nbdsrv_exports *exports)
{
  const struct ondemand *o = inst;
  struct dirent **names;
  int n = scandir(o->dir, &names, NULL, alphasort), error;

  if (n == -1) {
    error = errno;
    nbdsrv_error("%s: %s", o->dir, strerror(error));
    return error;
  }
  error = nbdsrv_exports_add(exports, "", NULL);
  for (int i = 0; i < n; i++) {
    const char *name = names[i]->d_name;
    if (!error && strcmp(name, DEFAULT_NAME) != 0 && is_disk(names[i]))
      error = nbdsrv_exports_add(exports, name, NULL);
    free(names[i]);
  }
  free(names);
  return error;
}

/* ---------------------------------------------------------------------- making */

/* Gives a finished disk its place, unless somebody else was faster. */
static int
put_in_place(const char *made, const char *disk)
{
  if (renameat2(AT_FDCWD, made, AT_FDCWD, disk, RENAME_NOREPLACE) == 0 ||
      errno == EEXIST)
    return 0;
  if (errno == ENOENT) {
    nbdsrv_error("making the disk: the command made none");
    return EIO;
  }
  /* Not every file system can do that. */
  return link(made, disk) == 0 || errno == EEXIST ? 0 : errno;
}

static int
make(struct ondemand *o, const char *name, const char *disk)
{
  char *dir, *made;
  int error = tmpdir_make_in(o->dir, UNFINISHED, &dir);

  if (error)
    return error;
  if (asprintf(&made, "%s/%s", dir, name) == -1) {
    made = NULL;
    error = ENOMEM;
  }
  if (!error)
    error = mkdisk_make(&o->mkdisk, made);
  if (!error)
    error = put_in_place(made, disk);
  free(made);
  tmpdir_remove(dir);
  return error;
}

/* --------------------------------------------------------------------- opening */

/* The lock goes with the descriptor. */
static int
lock(const struct ondemand *o, const struct open_file *file, const char *name)
{
  int error = 0;

  while (!error && flock(file->fd, LOCK_EX | LOCK_NB) == -1) {
    error = errno;
    if (error == EINTR)
      error = 0;
    else if (error == EWOULDBLOCK && o->wait)
      error = nbdsrv_sleep(LOOK_AGAIN_NS);
    else if (error == EWOULDBLOCK)
      nbdsrv_error("%s: filesystem is locked by another client", name);
    else
      nbdsrv_error("%s: locking: %s", name, strerror(error));
  }
  return error == EWOULDBLOCK ? EBUSY : error;
}

static int
open_disk(struct ondemand *o, const char *name, const char *disk,
          const struct nbdsrv_client *client, struct open_file **file)
{
  struct stat st;
  int error = 0;

  if (stat(disk, &st) == -1)
    error = errno == ENOENT ? make(o, name, disk) : errno;
  if (!error)
    error = mkdisk_open(disk, client, file);
  if (error)
    return error;
  error = o->share ? 0 : lock(o, *file, name);
  if (!error) {
    (*file)->name = strdup(name);
    error = (*file)->name ? 0 : ENOMEM;
  }
  if (error)
    file_close(*file);
  return error;
}

static int
ondemand_open(void *inst, const struct nbdsrv_client *client, void **handle)
{
  struct ondemand *o = inst;
  const char *name = client->export_name[0] ? client->export_name : DEFAULT_NAME;
  struct open_file *file;
  char *disk;
  int error;

  if (!is_good(name)) {
    nbdsrv_error("'%s' is no name for a disk: it is too long, begins with . or has a /",
                 name);
    return ENOENT;
  }
  if (asprintf(&disk, "%s/%s", o->dir, name) == -1)
    return ENOMEM;
  error = open_disk(o, name, disk, client, &file);
  if (!error)
    *handle = file;
  free(disk);
  return error;
}

static struct nbdsrv_plugin plugin = {
    .name = "ondemand",
    .summary = "makes a file system for each export name that is asked for",
    .help = "Other parameters are variables for the command.",
    .params = params,
    .instance_size = sizeof(struct ondemand),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .config = mkdisk_config,
    .ready = ondemand_ready,
    .unload = mkdisk_unload,
    .list = ondemand_list,
    .open = ondemand_open,
    .describe = mkdisk_describe,
    .close = file_close,
    .read = file_read,
    .write = file_write,
    .flush = file_flush,
    .trim = file_trim,
    .zero = file_zero,
    .cache = file_cache,
    .extents = file_extents,
    .lend = file_lend,
};

NBDSRV_PLUGIN(plugin)
