/* SPDX-License-Identifier: BSD-3-Clause */
/* The file plugin's exports: listing, opening and describing them.
 * Gets the parameters that file.c checked and export names; hands on descriptors of
 * which each connection has its own.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "file.h"

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

int
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
open_path(int dirfd, const char *path, bool *can_write)
{
  struct stat st;
  int flags = O_CLOEXEC | O_NOCTTY, fd = -1;

  if (fstatat(dirfd, path, &st, 0) == -1)
    return -errno;
  /* Should a pipe take the file's place now, opening it must not wait. */
  if (S_ISREG(st.st_mode))
    flags |= O_NONBLOCK;
  if (*can_write)
    fd = openat(dirfd, path, O_RDWR | flags);
  if (fd == -1) {
    if (*can_write && errno != EACCES && errno != EROFS && errno != EPERM &&
        errno != ETXTBSY)
      return -errno;
    *can_write = false;
    fd = openat(dirfd, path, O_RDONLY | flags);
  }
  return fd == -1 ? -errno : fd;
}

/* Export names are names of files here, nothing that leads elsewhere. */
static int
open_in_directory(const struct file *f, const char *name, bool *can_write)
{
  if (name[0] == '\0' || strchr(name, '/') || strcmp(name, ".") == 0 ||
      strcmp(name, "..") == 0 || !is_served(f->dirfd, name))
    return -ENOENT;
  return open_path(f->dirfd, name, can_write);
}

static int
open_inherited(const struct file *f, bool *can_write)
{
  int fd = fcntl(f->fd, F_DUPFD_CLOEXEC, 3);

  if (fd == -1)
    return -errno;
  *can_write = *can_write && (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR;
  return fd;
}

/* Whether reads can be kept from waiting; reading tells. */
static bool
reads_without_waiting(int fd)
{
  char byte;
  struct iovec iov = {&byte, 1};

  return preadv2(fd, &iov, 1, 0, RWF_NOWAIT) >= 0 || !file_unsupported(errno);
}

static void
learn(struct open_file *h, const struct stat *st)
{
  struct statfs fs;
  int sector = 0, read_only = 0;

  h->is_block = S_ISBLK(st->st_mode);
  h->sector = 1;
  if (h->is_block) {
    h->sector =
        ioctl(h->fd, BLKSSZGET, &sector) == 0 && sector > 0 ? (uint32_t)sector : 512;
    if (ioctl(h->fd, BLKROGET, &read_only) == 0 && read_only)
      h->can_write = false;
  } else if (fstatfs(h->fd, &fs) == 0)
    h->memory_backed = fs.f_type == TMPFS_MAGIC;
  h->sparse = (uint64_t)st->st_blocks * 512 < (uint64_t)st->st_size;
  atomic_init(&h->can.nowait_read, !h->memory_backed && reads_without_waiting(h->fd));
  atomic_init(&h->can.nowait_write, true);
  atomic_init(&h->can.cachestat, !h->is_block);
  atomic_init(&h->can.punch, true);
  atomic_init(&h->can.zero_range, true);
  atomic_init(&h->can.allocate, true);
  atomic_init(&h->can.discard, true);
  atomic_init(&h->can.zero_out, true);
}

static int
prepare(struct open_file *h, const struct file *f)
{
  static const int advice[] = {[FILE_NORMAL] = POSIX_FADV_NORMAL,
                               [FILE_RANDOM] = POSIX_FADV_RANDOM,
                               [FILE_SEQUENTIAL] = POSIX_FADV_SEQUENTIAL};
  struct stat st;

  if (fstat(h->fd, &st) == -1)
    return errno;
  if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
    return ENOENT;
  learn(h, &st);
  if (f->cache == FILE_CACHE_NONE && !h->memory_backed) {
    h->evict = evict_new();
    if (!h->evict)
      return ENOMEM;
  }
  posix_fadvise(h->fd, 0, 0, advice[f->fadvise]);
  return 0;
}

int
file_open(void *inst, const struct nbdsrv_client *client, void **handle)
{
  const struct file *f = inst;
  struct open_file *h = calloc(1, sizeof *h);
  int error;

  if (!h)
    return ENOMEM;
  h->connection = client->connection;
  h->rings = f->rings;
  h->can_write = !client->readonly;
  h->fd = f->fd != -1      ? open_inherited(f, &h->can_write)
          : f->dirfd != -1 ? open_in_directory(f, client->export_name, &h->can_write)
                           : open_path(AT_FDCWD, f->file, &h->can_write);
  error = h->fd < 0 ? -h->fd : prepare(h, f);
  if (!error && f->dirfd != -1) {
    h->name = strdup(client->export_name);
    error = h->name ? 0 : ENOMEM;
  }
  if (!error) {
    *handle = h;
    return 0;
  }
  if (error == ENOENT && !f->file)
    nbdsrv_error("there is no export '%s'", client->export_name);
  else
    nbdsrv_error("%s: %s", f->file ? f->file : client->export_name, strerror(error));
  if (h->fd >= 0)
    close(h->fd);
  free(h);
  return error;
}

void
file_close(void *handle)
{
  struct open_file *h = handle;

  if (h->evict)
    evict_all(h);
  evict_free(h->evict);
  close(h->fd);
  free(h->name);
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

int
file_describe(void *handle, struct nbdsrv_info *info)
{
  struct open_file *h = handle;
  off_t end = lseek(h->fd, 0, SEEK_END);

  if (end == -1) {
    int error = errno;
    nbdsrv_error("finding the size: %s", strerror(error));
    return error;
  }
  info->export_size = h->size = (uint64_t)end;
  info->canonical_name = h->name; /* filters tell the disks apart by it */
  info->can |= NBDSRV_CAN_FUA | NBDSRV_CAN_FAST_ZERO | NBDSRV_CAN_MULTI_CONN;
  if (!h->can_write)
    info->can &= ~NBDSRV_CAN_WRITE;
  info->nowait_ops = NBDSRV_OP_WRITE;
  if (h->memory_backed || file_may(&h->can.nowait_read))
    info->nowait_ops |= NBDSRV_OP_READ;
  if (!h->is_block && !h->memory_backed)
    info->turn_ops = NBDSRV_OP_WRITE;
  if (h->is_block) {
    describe_block_device(h, info);
    info->can &= ~NBDSRV_CAN_EXTENTS; /* holes of a device are its own affair */
  } else if (h->sparse && !h->memory_backed)
    /* tmpfs looks for a hole page by page, up to the end of the data. */
    info->can |= NBDSRV_CAN_SPARSE;
  return 0;
}
