/* SPDX-License-Identifier: BSD-3-Clause */
/* The tmpdisk plugin: a fresh disk for each client, gone when the client goes.
 * Gets parameters and clients; plugins/common/mkdisk.c makes the disks, and the file
 * plugin's functions serve them.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "../common/mkdisk.h"
#include "../common/tmpdir.h"

static const struct nbdsrv_param params[] = {
    MKDISK_PARAMS,
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

/* Once it is open the file needs no name: whatever happens, it goes with its client. */
static int
tmpdisk_open(void *inst, const struct nbdsrv_client *client, void **handle)
{
  struct open_file *file;
  char *dir, *disk;
  int error = tmpdir_make("/var/tmp", &dir);

  if (error)
    return error;
  if (asprintf(&disk, "%s/disk", dir) == -1) {
    disk = NULL;
    error = ENOMEM;
  }
  if (!error)
    error = mkdisk_make(inst, disk);
  if (!error)
    error = mkdisk_open(disk, client, &file);
  if (!error)
    *handle = file;
  free(disk);
  tmpdir_remove(dir);
  return error;
}

/* Nothing outlives the client, so nothing need be on stable storage. */

static int
tmpdisk_write(void *handle, const void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  return file_write(handle, buf, len, off, flags & ~NBDSRV_FLAG_FUA);
}

static int
tmpdisk_flush(void *handle, uint32_t flags)
{
  (void)handle;
  (void)flags;
  return 0;
}

static int
tmpdisk_trim(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  return file_trim(handle, len, off, flags & ~NBDSRV_FLAG_FUA);
}

static int
tmpdisk_zero(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  return file_zero(handle, len, off, flags & ~NBDSRV_FLAG_FUA);
}

static int
tmpdisk_describe(void *handle, struct nbdsrv_info *info)
{
  int error = mkdisk_describe(handle, info);

  info->inline_ops |= NBDSRV_OP_FLUSH;
  return error;
}

static struct nbdsrv_plugin plugin = {
    .name = "tmpdisk",
    .summary = "makes a fresh file system for each client",
    .help = "Other parameters are variables for the command.",
    .params = params,
    .instance_size = sizeof(struct mkdisk),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .config = mkdisk_config,
    .ready = mkdisk_ready,
    .unload = mkdisk_unload,
    .open = tmpdisk_open,
    .describe = tmpdisk_describe,
    .close = file_close,
    .read = file_read,
    .write = tmpdisk_write,
    .flush = tmpdisk_flush,
    .trim = tmpdisk_trim,
    .zero = tmpdisk_zero,
    .cache = file_cache,
    .extents = file_extents,
    .lend = file_lend,
};

NBDSRV_PLUGIN(plugin)
