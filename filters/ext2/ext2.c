/* SPDX-License-Identifier: BSD-3-Clause */
/* The ext2 filter: shows a file of the ext2, ext3 or ext4 file system below.
 * Gets reads and writes, one at a time; libext2fs knows where the file is, io.c reads
 * and writes its blocks.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "../common/pass.h"
#include "io.h"

/* libext2fs counts in unsigned int. */
#define PIECE (1u << 30)

struct ext2 {
  const char *path;
};

struct handle {
  struct pass pass; /* first */
  char *path;
  bool readonly;
  struct io_disk disk;
  ext2_filsys fs; /* or NULL */
  ext2_ino_t inode;
  ext2_file_t file; /* or NULL */
};

static const struct nbdsrv_param params[] = {
    {"ext2file", NBDSRV_STRING, NBDSRV_REQUIRED, offsetof(struct ext2, path), NULL,
     "path of the file in the file system; exportname: the client gives it", NULL,
     "PATH|exportname"},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

static bool
client_chooses(const struct ext2 *e)
{
  return strcmp(e->path, "exportname") == 0;
}

static int
ext2_ready(void *inst)
{
  const struct ext2 *e = inst;

  initialize_ext2_error_table();
  if (client_chooses(e) || e->path[0] == '/')
    return 0;
  nbdsrv_error("ext2file: %s does not begin with /", e->path);
  return EINVAL;
}

/* Which files there are is not told. */
static int
ext2_list(void *inst, struct nbdsrv_exports *exports)
{
  return client_chooses(inst) ? 0 : nbdsrv_next_list(exports);
}

static int
failed(const char *what, errcode_t error)
{
  nbdsrv_error("%s: %s", what, error_message(error));
  switch (error) {
  case EXT2_ET_FILE_NOT_FOUND:
    return ENOENT;
  case EXT2_ET_BLOCK_ALLOC_FAIL:
    return ENOSPC;
  case EXT2_ET_NO_MEMORY:
    return ENOMEM;
  default:
    return error > 0 && error < 4096 ? (int)error : EIO; /* below that it is an errno */
  }
}

static int
ext2_open(void *inst, const struct nbdsrv_client *client, void **handle)
{
  const struct ext2 *e = inst;
  struct nbdsrv_client below = *client;
  struct handle *h;
  int error;

  if (client_chooses(e))
    below.export_name = "";
  error = pass_open_size(inst, &below, sizeof *h, handle);
  if (error)
    return error;
  h = *handle;
  h->readonly = client->readonly;
  h->path = strdup(client_chooses(e) ? client->export_name : e->path);
  if (h->path)
    return 0;
  free(h);
  return ENOMEM;
}

/* All that was changed is below then. */
static int
close_all(struct handle *h)
{
  errcode_t error = h->file ? ext2fs_file_close(h->file) : 0, other;

  h->file = NULL;
  other = h->fs ? ext2fs_close_free(&h->fs) : 0;
  h->fs = NULL;
  error = error ? error : other;
  return error ? failed("closing the file system", error) : 0;
}

static void
ext2_close(void *handle)
{
  struct handle *h = handle;

  close_all(h); /* there is nobody to tell but the log */
  free(h->path);
  free(h);
}

static int
open_filesystem(struct handle *h)
{
  int flags = EXT2_FLAG_64BITS | (h->readonly ? 0 : EXT2_FLAG_RW);
  char name[IO_NAME];
  io_manager manager = io_manager_of(&h->disk, name);
  errcode_t error = ext2fs_open2(name, NULL, flags, 0, 0, manager, &h->fs);

  if (error) {
    h->fs = NULL;
    return failed("the file system", error);
  }
  if (!h->readonly && ext2fs_has_feature_journal_needs_recovery(h->fs->super)) {
    nbdsrv_error(
        "the file system's journal has to be replayed before it can be written: "
        "run e2fsck, or serve it read-only");
    return EROFS;
  }
  error = h->readonly ? 0 : ext2fs_read_bitmaps(h->fs);
  return error ? failed("the file system's bitmaps", error) : 0;
}

static errcode_t
open_inode(struct handle *h)
{
  errcode_t error =
      ext2fs_file_open(h->fs, h->inode, h->readonly ? 0 : EXT2_FILE_WRITE, &h->file);

  if (error)
    h->file = NULL;
  return error;
}

static int
open_file(struct handle *h)
{
  struct ext2_inode inode;
  errcode_t error =
      ext2fs_namei_follow(h->fs, EXT2_ROOT_INO, EXT2_ROOT_INO, h->path, &h->inode);

  if (!error)
    error = ext2fs_read_inode(h->fs, h->inode, &inode);
  if (error)
    return failed(h->path, error);
  if (!LINUX_S_ISREG(inode.i_mode)) {
    nbdsrv_error("%s is no regular file", h->path);
    return EINVAL;
  }
  error = open_inode(h);
  return error ? failed(h->path, error) : 0;
}

static int
ext2_describe(void *handle, struct nbdsrv_info *info)
{
  struct handle *h = handle;
  __u64 size = 0;
  errcode_t ret;
  int error;

  h->disk = (struct io_disk){h->pass.next, info->export_size};
  if (!(info->can & NBDSRV_CAN_WRITE))
    h->readonly = true;
  error = open_filesystem(h);
  if (!error)
    error = open_file(h);
  if (error)
    return error;
  ret = ext2fs_file_get_lsize(h->file, &size);
  if (ret)
    return failed(h->path, ret);
  info->export_size = size;
  info->can &= NBDSRV_IS_ROTATIONAL;
  info->can |= NBDSRV_CAN_FLUSH | (h->readonly ? 0 : NBDSRV_CAN_WRITE);
  info->block_minimum = info->block_preferred = info->block_maximum = 0;
  info->contexts = NULL;
  return 0;
}

/* ------------------------------------------------------------------------- data */

static errcode_t
seek(struct handle *h, uint64_t off)
{
  if (!h->file)
    return EIO;
  return ext2fs_file_llseek(h->file, off, EXT2_SEEK_SET, NULL);
}

static int
ext2_read(void *handle, void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  struct handle *h = handle;
  errcode_t error = seek(h, off);
  char *p = buf;

  (void)flags;
  while (len > 0 && !error) {
    unsigned n = len < PIECE ? (unsigned)len : PIECE;

    error = ext2fs_file_read(h->file, p, n, &n);
    if (!error && n == 0)
      error = EXT2_ET_SHORT_READ;
    p += n;
    len -= n;
  }
  return error ? failed("reading", error) : 0;
}

static int
ext2_write(void *handle, const void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  struct handle *h = handle;
  errcode_t error = seek(h, off);
  const char *p = buf;

  (void)flags;
  while (len > 0 && !error) {
    unsigned n = len < PIECE ? (unsigned)len : PIECE;

    error = ext2fs_file_write(h->file, p, n, &n);
    if (!error && n == 0)
      error = EXT2_ET_SHORT_WRITE;
    p += n;
    len -= n;
  }
  if (error) { /* libext2fs would go on trying to write that, even in reads */
    ext2fs_file_close(h->file);
    open_inode(h);
  }
  return error ? failed("writing", error) : 0;
}

static int
ext2_flush(void *handle, uint32_t flags)
{
  struct handle *h = handle;
  errcode_t error = 0;

  (void)flags;
  if (!h->readonly)
    error = h->file ? ext2fs_file_flush(h->file) : EIO;
  if (!error && !h->readonly)
    error = ext2fs_flush(h->fs);
  return error ? failed("flushing", error) : nbdsrv_next_flush(h->pass.next, 0);
}

/* As if it were mounted: by one client, doing one thing at a time. */
static struct nbdsrv_plugin filter = {
    .name = "ext2",
    .summary = "shows a file of the ext2, ext3 or ext4 file system below",
    .params = params,
    .instance_size = sizeof(struct ext2),
    .thread_model = NBDSRV_THREADS_SERIALIZE_CONNECTIONS,
    .ready = ext2_ready,
    .list = ext2_list,
    .open = ext2_open,
    .describe = ext2_describe,
    .close = ext2_close,
    .read = ext2_read,
    .write = ext2_write,
    .flush = ext2_flush,
};

NBDSRV_FILTER(filter)
