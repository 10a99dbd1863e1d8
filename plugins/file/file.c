/* SPDX-License-Identifier: BSD-3-Clause */
/* The file plugin: serves a file, a block device, or every file of a directory.
 * Gets parameters and checks them; open.c opens a descriptor for each connection,
 * whose data calls stand in data.c and holes.c.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"

static const struct nbdsrv_param params[] = {
    {"file", NBDSRV_PATH, NBDSRV_MAGIC, offsetof(struct file, file), NULL,
     "file or block device to serve", NULL, "FILE"},
    {"dir", NBDSRV_PATH, 0, offsetof(struct file, dir), NULL,
     "serve every file of this directory, by name", NULL, "DIRECTORY"},
    {"directory", NBDSRV_PATH, NBDSRV_HIDDEN, offsetof(struct file, dir), NULL, NULL,
     NULL, NULL},
    {"fd", NBDSRV_INT32, 0, offsetof(struct file, fd), "-1",
     "serve this inherited descriptor", NULL, "N"},
    {"dirfd", NBDSRV_INT32, 0, offsetof(struct file, dirfd), "-1",
     "serve the directory behind this inherited descriptor", NULL, "N"},
    {"fadvise", NBDSRV_ENUM, 0, offsetof(struct file, fadvise), "normal",
     "how clients will read", "normal|random|sequential", NULL},
    {"cache", NBDSRV_ENUM, 0, offsetof(struct file, cache), "default",
     "none: keep what is served out of the page cache", "default|none", NULL},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

static int
check_type(const char *what, const struct stat *st, bool is_dir)
{
  if (is_dir ? S_ISDIR(st->st_mode) : S_ISREG(st->st_mode) || S_ISBLK(st->st_mode))
    return 0;
  if (is_dir)
    nbdsrv_error("%s is not a directory", what);
  else
    nbdsrv_error("%s is %s", what,
                 S_ISDIR(st->st_mode) ? "a directory: use dir= to serve its files"
                                      : "neither a file nor a block device");
  return is_dir ? ENOTDIR : EINVAL;
}

static int
check_descriptor(const char *parameter, int fd, bool is_dir)
{
  char what[32];
  struct stat st;
  int mode;

  snprintf(what, sizeof what, "%s=%d", parameter, fd);
  if (fd <= STDERR_FILENO || fstat(fd, &st) == -1) {
    nbdsrv_error("%s is not an open descriptor above 2", what);
    return EBADF;
  }
  mode = fcntl(fd, F_GETFL);
  if (!is_dir && ((mode & O_ACCMODE) == O_WRONLY || (mode & O_APPEND))) {
    nbdsrv_error("%s is not open for reading, or it is open for appending", what);
    return EBADF;
  }
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  return check_type(what, &st, is_dir);
}

static int
check_file(const char *path)
{
  struct stat st;
  int error;

  if (stat(path, &st) == -1 || access(path, R_OK) == -1) {
    error = errno;
    nbdsrv_error("%s: %s", path, strerror(error));
    return error;
  }
  return check_type(path, &st, false);
}

static int
file_ready(void *inst)
{
  struct file *f = inst;
  int given = (f->file != NULL) + (f->dir != NULL) + (f->fd != -1) + (f->dirfd != -1);

  if (given != 1) {
    nbdsrv_error(given ? "file=, dir=, fd= and dirfd= exclude each other"
                       : "which file? give file=FILE, dir=DIRECTORY or fd=N");
    return EINVAL;
  }
  if (f->fd != -1)
    return check_descriptor("fd", f->fd, false);
  if (f->dirfd != -1)
    return check_descriptor("dirfd", f->dirfd, true);
  if (f->file)
    return check_file(f->file);
  f->dirfd = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (f->dirfd == -1) {
    int error = errno;
    nbdsrv_error("%s: %s", f->dir, strerror(error));
    return error;
  }
  return 0;
}

static int
file_start(void *inst)
{
  ((struct file *)inst)->rings = rings_new(); /* it goes without, too */
  return 0;
}

static void
file_stop(void *inst)
{
  struct file *f = inst;

  rings_free(f->rings);
  if (f->dirfd != -1)
    close(f->dirfd);
  if (f->fd != -1)
    close(f->fd);
}

static void
file_dump(void)
{
  /* What nbdkit's plugin says where it was built on Linux. */
  puts("file_blksszget=yes\n"
       "file_blkzeroout=yes\n"
       "file_extents=yes\n"
       "file_falloc_fl_punch_hole=yes\n"
       "file_falloc_fl_zero_range=yes");
}

static struct nbdsrv_plugin plugin = {
    .name = "file",
    .summary = "serves a file, a block device, or the files of a directory",
    .params = params,
    .instance_size = sizeof(struct file),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .ready = file_ready,
    .start = file_start,
    .stop = file_stop,
    .list = file_list,
    .open = file_open,
    .describe = file_describe,
    .close = file_close,
    .read = file_read,
    .write = file_write,
    .flush = file_flush,
    .trim = file_trim,
    .zero = file_zero,
    .cache = file_cache,
    .extents = file_extents,
    .lend = file_lend,
    .submit = file_submit,
    .submit_ops = NBDSRV_OP_READ,
    .kick = file_kick,
    .dump = file_dump,
};

NBDSRV_PLUGIN(plugin)
