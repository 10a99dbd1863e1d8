/* SPDX-License-Identifier: BSD-3-Clause */
/* The file plugin: serves a file, a block device, or every file of a directory.
 * Gets parameters and export names; opens a descriptor for each connection, whose
 * data calls stand in data.c.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "file.h"

struct file {
  const char *file, *dir;
  int fd;    /* fd=, or -1 */
  int dirfd; /* dirfd=, or dir= opened; or -1 */
  int fadvise, cache;
};

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
check_descriptor(const char *what, int fd)
{
  if (fd <= STDERR_FILENO || fcntl(fd, F_GETFD) == -1) {
    nbdsrv_error("%s=%d is not an open descriptor above 2", what, fd);
    return EBADF;
  }
  fcntl(fd, F_SETFD, FD_CLOEXEC);
  return 0;
}

static int
check_file(const char *path)
{
  struct stat st;

  if (stat(path, &st) == -1) {
    int error = errno;
    nbdsrv_error("%s: %s", path, strerror(error));
    return error;
  }
  if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)) {
    nbdsrv_error("%s is %s", path,
                 S_ISDIR(st.st_mode) ? "a directory: use dir= to serve its files"
                                     : "neither a file nor a block device");
    return EINVAL;
  }
  if (access(path, R_OK) == -1) {
    int error = errno;
    nbdsrv_error("%s: %s", path, strerror(error));
    return error;
  }
  return 0;
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
    return check_descriptor("fd", f->fd);
  if (f->dirfd != -1)
    return check_descriptor("dirfd", f->dirfd);
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

static void
file_stop(void *inst)
{
  struct file *f = inst;

  if (f->dirfd != -1)
    close(f->dirfd);
  if (f->fd != -1)
    close(f->fd);
}

static int
by_name(const struct dirent **a, const struct dirent **b)
{
  return strcmp((*a)->d_name, (*b)->d_name);
}

static bool
is_served(int dirfd, const char *name)
{
  struct stat st;

  return fstatat(dirfd, name, &st, 0) == 0 &&
         (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode));
}

static int
file_list(void *inst, struct nbdsrv_exports *exports)
{
  const struct file *f = inst;
  struct dirent **names;
  int n, error = 0;

  if (f->dirfd == -1)
    return nbdsrv_exports_add(exports, "", NULL);
  n = scandirat(f->dirfd, ".", &names, NULL, by_name);
  if (n == -1)
    return errno;
  for (int i = 0; i < n; i++) {
    if (!error && is_served(f->dirfd, names[i]->d_name))
      error = nbdsrv_exports_add(exports, names[i]->d_name, NULL);
    free(names[i]);
  }
  free(names);
  return error;
}

/* -------------------------------------------------------------------- opening */

/* A descriptor for this client, for writing if that is possible; or -errno. */
static int
open_one(int dirfd, const char *path, bool *can_write)
{
  int fd = -1;

  if (*can_write)
    fd = openat(dirfd, path, O_RDWR | O_CLOEXEC | O_NOCTTY);
  if (fd == -1) {
    if (*can_write && errno != EACCES && errno != EROFS && errno != EPERM &&
        errno != EISDIR && errno != ETXTBSY)
      return -errno;
    *can_write = false;
    fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
  }
  return fd == -1 ? -errno : fd;
}

/* Export names are names of files here, nothing that leads elsewhere. */
static int
open_in_directory(const struct file *f, const char *name, bool *can_write)
{
  if (name[0] == '\0' || strchr(name, '/') || strcmp(name, ".") == 0 ||
      strcmp(name, "..") == 0 || !is_served(f->dirfd, name)) {
    nbdsrv_error("there is no export '%s'", name);
    return -ENOENT;
  }
  return open_one(f->dirfd, name, can_write);
}

static int
open_inherited(const struct file *f, bool *can_write)
{
  int fd = fcntl(f->fd, F_DUPFD_CLOEXEC, 3);
  int mode = fcntl(f->fd, F_GETFL);

  if (fd == -1)
    return -errno;
  *can_write = *can_write && (mode & O_ACCMODE) == O_RDWR;
  return fd;
}

static void
learn(struct open_file *h, const struct stat *st)
{
  struct statfs fs;
  int sector = 512, read_only = 0;

  h->is_block = S_ISBLK(st->st_mode);
  h->sector = 1;
  if (h->is_block) {
    if (ioctl(h->fd, BLKSSZGET, &sector) == 0 && sector > 0)
      h->sector = (uint32_t)sector;
    if (ioctl(h->fd, BLKROGET, &read_only) == 0 && read_only)
      h->can_write = false;
  } else if (fstatfs(h->fd, &fs) == 0)
    h->memory_backed = fs.f_type == TMPFS_MAGIC;
  atomic_init(&h->can.nowait_read, true);
  atomic_init(&h->can.nowait_write, true);
  atomic_init(&h->can.punch, true);
  atomic_init(&h->can.zero_range, true);
  atomic_init(&h->can.discard, true);
  atomic_init(&h->can.zero_out, true);
}

static int
file_open(void *inst, const struct nbdsrv_client *client, void **handle)
{
  static const int advice[] = {POSIX_FADV_NORMAL, POSIX_FADV_RANDOM,
                               POSIX_FADV_SEQUENTIAL};
  const struct file *f = inst;
  struct open_file *h = calloc(1, sizeof *h);
  struct stat st;

  if (!h)
    return ENOMEM;
  h->can_write = !client->readonly;
  h->cache = (enum file_cache)f->cache;
  h->fd = f->fd != -1      ? open_inherited(f, &h->can_write)
          : f->dirfd != -1 ? open_in_directory(f, client->export_name, &h->can_write)
                           : open_one(AT_FDCWD, f->file, &h->can_write);
  if (h->fd < 0 || fstat(h->fd, &st) == -1) {
    int error = h->fd < 0 ? -h->fd : errno;
    if (error != ENOENT || f->file)
      nbdsrv_error("%s: %s", f->file ? f->file : client->export_name, strerror(error));
    if (h->fd >= 0)
      close(h->fd);
    free(h);
    return error;
  }
  learn(h, &st);
  posix_fadvise(h->fd, 0, 0, advice[f->fadvise]);
  *handle = h;
  return 0;
}

static void
file_close(void *handle)
{
  struct open_file *h = handle;

  close(h->fd);
  free(h);
}

/* ------------------------------------------------------------------ describing */

static uint32_t
power_of_two(unsigned v, uint32_t least, uint32_t most)
{
  uint32_t p = least;

  while (p < v && p < most)
    p *= 2;
  return p;
}

static void
describe_block_device(const struct open_file *h, struct nbdsrv_info *info)
{
  unsigned best = 0;
  unsigned short rotational = 0;

  if (ioctl(h->fd, BLKIOOPT, &best) == -1 || best == 0)
    best = 4096;
  info->block_minimum = h->sector;
  info->block_preferred =
      power_of_two(best, h->sector > 4096 ? h->sector : 4096, 32u * 1024 * 1024);
  info->block_maximum = 64u * 1024 * 1024;
  if (ioctl(h->fd, BLKROTATIONAL, &rotational) == 0 && rotational)
    info->can |= NBDSRV_IS_ROTATIONAL;
}

static int
file_describe(void *handle, struct nbdsrv_info *info)
{
  const struct open_file *h = handle;
  off_t end = lseek(h->fd, 0, SEEK_END);

  if (end == -1) {
    int error = errno;
    nbdsrv_error("finding the size: %s", strerror(error));
    return error;
  }
  info->export_size = (uint64_t)end;
  info->can |=
      NBDSRV_CAN_FUA | NBDSRV_CAN_FAST_ZERO | NBDSRV_CAN_MULTI_CONN | NBDSRV_CAN_SPARSE;
  if (!h->can_write)
    info->can &= ~NBDSRV_CAN_WRITE;
  info->nowait_ops = NBDSRV_OP_READ | NBDSRV_OP_WRITE;
  if (h->is_block) {
    describe_block_device(h, info);
    /* Holes of a device below are its own affair. */
    info->can &= ~(NBDSRV_CAN_EXTENTS | NBDSRV_CAN_SPARSE);
  }
  return 0;
}

static void
file_dump(void)
{
  puts("file_extents=yes");
}

static struct nbdsrv_plugin plugin = {
    .name = "file",
    .summary = "serves a file, a block device, or the files of a directory",
    .params = params,
    .instance_size = sizeof(struct file),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .ready = file_ready,
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
    .dump = file_dump,
};

NBDSRV_PLUGIN(plugin)
