/* SPDX-License-Identifier: BSD-3-Clause */
/* Calls of libext2fs for blocks of its disk.
 * Gets them from a file system that may be anybody's; makes calls of the layer below
 * that lie within its size.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "io.h"

static errcode_t
io_open(const char *name, int flags, io_channel *result)
{
  io_channel channel = calloc(1, sizeof *channel);
  uintptr_t disk;

  (void)flags;
  if (!channel)
    return ENOMEM;
  channel->name = strdup(name);
  if (!channel->name || sscanf(name, "%" SCNxPTR, &disk) != 1) {
    free(channel->name);
    free(channel);
    return ENOMEM;
  }
  channel->magic = EXT2_ET_MAGIC_IO_CHANNEL;
  channel->manager = io_manager_of(NULL, NULL);
  channel->block_size = 1024;
  channel->refcount = 1;
  channel->private_data = (void *)disk;
  *result = channel;
  return 0;
}

static errcode_t
io_close(io_channel channel)
{
  if (--channel->refcount > 0)
    return 0;
  free(channel->name);
  free(channel);
  return 0;
}

static errcode_t
io_set_blksize(io_channel channel, int size)
{
  channel->block_size = size;
  return 0;
}

/* count: of blocks, or, if it is negative, of bytes. */
static bool
to_range(io_channel channel, unsigned long long block, int count, uint64_t *len,
         uint64_t *off)
{
  const struct io_disk *disk = channel->private_data;
  uint64_t size = (uint64_t)channel->block_size;

  *len = count < 0 ? (uint64_t) - (int64_t)count : (uint64_t)count * size;
  if (size == 0 || block > INT64_MAX / size)
    return false;
  *off = block * size;
  return *off <= disk->size && *len <= disk->size - *off;
}

static errcode_t
io_read(io_channel channel, unsigned long long block, int count, void *data)
{
  const struct io_disk *disk = channel->private_data;
  uint64_t len, off;

  if (!to_range(channel, block, count, &len, &off))
    return EXT2_ET_SHORT_READ;
  return nbdsrv_next_read(disk->next, data, len, off, 0);
}

static errcode_t
io_write(io_channel channel, unsigned long long block, int count, const void *data)
{
  const struct io_disk *disk = channel->private_data;
  uint64_t len, off;

  if (!to_range(channel, block, count, &len, &off))
    return EXT2_ET_SHORT_WRITE;
  return nbdsrv_next_write(disk->next, data, len, off, 0);
}

static errcode_t
io_read_short(io_channel channel, unsigned long block, int count, void *data)
{
  return io_read(channel, block, count, data);
}

static errcode_t
io_write_short(io_channel channel, unsigned long block, int count, const void *data)
{
  return io_write(channel, block, count, data);
}

static errcode_t
io_write_byte(io_channel channel, unsigned long offset, int count, const void *data)
{
  const struct io_disk *disk = channel->private_data;

  if (count < 0 || offset > disk->size || (uint64_t)count > disk->size - offset)
    return EXT2_ET_SHORT_WRITE;
  return nbdsrv_next_write(disk->next, data, (uint64_t)count, offset, 0);
}

static errcode_t
io_flush(io_channel channel)
{
  const struct io_disk *disk = channel->private_data;

  return nbdsrv_next_flush(disk->next, 0);
}

io_manager
io_manager_of(const struct io_disk *disk, char name[IO_NAME])
{
  static struct struct_io_manager manager = {
      .magic = EXT2_ET_MAGIC_IO_MANAGER,
      .name = "the layer below",
      .open = io_open,
      .close = io_close,
      .set_blksize = io_set_blksize,
      .read_blk = io_read_short,
      .write_blk = io_write_short,
      .flush = io_flush,
      .write_byte = io_write_byte,
      .read_blk64 = io_read,
      .write_blk64 = io_write,
  };

  if (name)
    snprintf(name, IO_NAME, "%" PRIxPTR, (uintptr_t)disk);
  return &manager;
}
