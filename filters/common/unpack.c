/* SPDX-License-Identifier: BSD-3-Clause */
/* Files that are unpacked once, for the first client that wants them.
 * Gets packed files from shared.c; hands them to the filter's function and shows what
 * that makes of them.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "pass.h"
#include "tempfile.h"
#include "unpack-stream.h"

/* Files that are kept when nobody uses them. */
#define MOST_UNUSED 8

struct unpacked {
  struct shared shared; /* first */
  int fd;
  uint64_t size;
};

struct handle {
  struct pass pass; /* first */
  struct unpacked *file;
};

static int
unpack_file(struct shared_list *list, struct nbdsrv_next *next, struct shared *shared)
{
  const struct unpack *u = (const struct unpack *)list;
  struct unpacked *file = (struct unpacked *)shared;
  struct unpack_stream *s = malloc(sizeof *s);
  int error = s ? tempfile_open(&file->fd) : ENOMEM;

  if (!error) {
    s->next = next;
    s->off = s->put = 0;
    s->size = shared->print.size;
    s->fd = file->fd;
    nbdsrv_debug("unpacking %llu bytes", (unsigned long long)s->size);
    error = u->function(s);
    file->size = s->put;
    if (error)
      close(file->fd);
  }
  free(s);
  return error;
}

static void
drop_file(struct shared *shared)
{
  close(((struct unpacked *)shared)->fd);
}

int
unpack_ready(struct unpack *u, int (*function)(struct unpack_stream *stream))
{
  u->function = function;
  u->files.size = sizeof(struct unpacked);
  u->files.most_unused = MOST_UNUSED;
  u->files.make = unpack_file;
  u->files.clear = drop_file;
  shared_init(&u->files);
  return 0;
}

void
unpack_stop(void *inst)
{
  shared_destroy(&((struct unpack *)inst)->files);
}

int
unpack_open(void *inst, const struct nbdsrv_client *client, void **handle)
{
  return pass_open_reading(inst, client, sizeof(struct handle), handle);
}

int
unpack_describe(void *handle, struct nbdsrv_info *info)
{
  struct handle *h = handle;
  struct unpack *u = h->pass.settings;
  struct shared *shared;
  int error = shared_use(&u->files, h->pass.next, info, &shared);

  if (error)
    return error;
  h->file = (struct unpacked *)shared;
  info->export_size = h->file->size;
  info->can &= NBDSRV_CAN_FLUSH | NBDSRV_IS_ROTATIONAL;
  info->can |=
      NBDSRV_CAN_CACHE | NBDSRV_CAN_EXTENTS | NBDSRV_CAN_MULTI_CONN | NBDSRV_NO_FUA;
  info->block_minimum = info->block_preferred = info->block_maximum = 0;
  info->contexts = NULL;
  return 0;
}

void
unpack_close(void *handle)
{
  struct handle *h = handle;
  struct unpack *u = h->pass.settings;

  if (h->file)
    shared_leave(&u->files, &h->file->shared);
  free(h);
}

int
unpack_read(void *handle, void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  const struct handle *h = handle;

  (void)flags;
  return tempfile_load(h->file->fd, buf, len, off);
}

int
unpack_cache(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  const struct handle *h = handle;

  (void)flags;
  return posix_fadvise(h->file->fd, (off_t)off, (off_t)len, POSIX_FADV_WILLNEED);
}

/* From off up to *end there is data, or none; a file without holes is all data. */
static bool
is_data(int fd, uint64_t off, uint64_t *end)
{
  off_t data = lseek(fd, (off_t)off, SEEK_DATA), hole;

  if (data == -1) { /* ENXIO: there is none any more */
    *end = UINT64_MAX;
    return errno != ENXIO;
  }
  if ((uint64_t)data > off) {
    *end = (uint64_t)data;
    return false;
  }
  hole = lseek(fd, (off_t)off, SEEK_HOLE);
  *end = hole > (off_t)off ? (uint64_t)hole : UINT64_MAX;
  return true;
}

int
unpack_extents(void *handle, uint64_t len, uint64_t off, uint32_t flags,
               struct nbdsrv_extents *extents)
{
  const struct handle *h = handle;
  uint64_t end = off + len, here;
  int error = 0;

  for (; off < end && !error; off = here) {
    bool data = is_data(h->file->fd, off, &here);

    if (here > end)
      here = end;
    error = nbdsrv_extents_add(extents, off, here - off,
                               data ? 0 : NBDSRV_EXTENT_HOLE | NBDSRV_EXTENT_ZERO);
    if (flags & NBDSRV_FLAG_REQ_ONE)
      break;
  }
  return error == ERANGE ? 0 : error;
}
