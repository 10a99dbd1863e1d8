/* SPDX-License-Identifier: BSD-3-Clause */
/* A disk put together from pieces: the list of them, and a client's handles.
 * Gets names of files and what lies between them from split and partitioning; hands
 * handles to pieces-data.c.
 */
#include "config.h"

#include "pieces-data.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ------------------------------------------------------------------------ files */

int
pieces_name_file(struct pieces *p, const char *name)
{
  struct pieces_file **files, *file = calloc(1, sizeof *file);
  int error;

  if (!file)
    return ENOMEM;
  file->settings = (struct file){.fd = -1, .dirfd = -1};
  file->path = realpath(name, NULL);
  if (!file->path) {
    error = errno;
    nbdsrv_error("%s: %s", name, strerror(error));
    free(file);
    return error;
  }
  file->settings.file = file->path;
  files = realloc(p->files, (p->file_count + 1) * sizeof *files);
  if (!files) {
    free(file->path);
    free(file);
    return ENOMEM;
  }
  p->files = files;
  files[p->file_count++] = file;
  return 0;
}

static int
measure(struct pieces_file *file)
{
  struct stat st;
  int error = stat(file->path, &st) == -1 ? errno : 0, fd = -1;
  off_t end = 0;

  if (!error && !S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode)) {
    nbdsrv_error("%s is neither a file nor a block device", file->path);
    return EINVAL;
  }
  if (!error && (fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) == -1)
    error = errno;
  if (!error && (end = lseek(fd, 0, SEEK_END)) == -1)
    error = errno;
  if (fd != -1)
    close(fd);
  if (error)
    nbdsrv_error("%s: %s", file->path, strerror(error));
  file->size = (uint64_t)end;
  return error;
}

int
pieces_measure(struct pieces *p)
{
  int error = 0;

  for (size_t i = 0; i < p->file_count && !error; i++)
    error = measure(p->files[i]);
  return error;
}

/* --------------------------------------------------------------------- the list */

static int
append(struct pieces *p, struct piece piece)
{
  struct piece *list;

  if (piece.length == 0)
    return 0;
  if (piece.length > (uint64_t)INT64_MAX - p->size) {
    nbdsrv_error("the disk would be larger than 2^63 bytes");
    return EFBIG;
  }
  list = realloc(p->list, (p->count + 1) * sizeof *list);
  if (!list)
    return ENOMEM;
  p->list = list;
  piece.start = p->size;
  list[p->count++] = piece;
  p->size += piece.length;
  return 0;
}

int
pieces_append_file(struct pieces *p, const struct pieces_file *file)
{
  return append(p, (struct piece){.file = file, .length = file->size});
}

int
pieces_append_bytes(struct pieces *p, const uint8_t *bytes, uint64_t length)
{
  return append(p, (struct piece){.bytes = bytes, .length = length});
}

int
pieces_append_zeroes(struct pieces *p, uint64_t length)
{
  return append(p, (struct piece){.length = length});
}

void
pieces_free(struct pieces *p)
{
  for (size_t i = 0; i < p->file_count; i++) {
    free(p->files[i]->path);
    free(p->files[i]);
  }
  free(p->files);
  free(p->list);
}

/* ---------------------------------------------------------------------- handles */

static int
open_piece(struct open_piece *open, const struct nbdsrv_client *client)
{
  const struct pieces_file *file = open->piece->file;

  return file ? file_open((void *)&file->settings, client, &open->handle) : 0;
}

int
pieces_open(void *inst, const struct nbdsrv_client *client, void **handle)
{
  const struct pieces *p = inst;
  struct pieces_handle *h = calloc(1, sizeof *h + p->count * sizeof h->list[0]);
  int error = 0;

  if (!h)
    return ENOMEM;
  h->pieces = p;
  for (; h->count < p->count && !error; h->count += !error) {
    h->list[h->count].piece = &p->list[h->count];
    error = open_piece(&h->list[h->count], client);
  }
  if (error)
    pieces_close(h);
  else
    *handle = h;
  return error;
}

void
pieces_close(void *handle)
{
  struct pieces_handle *h = handle;

  for (size_t i = 0; i < h->count; i++)
    if (h->list[i].handle)
      file_close(h->list[i].handle);
  free(h);
}

/* The disk can do what all of its files can. */
static int
describe_piece(const struct open_piece *open, struct nbdsrv_info *info)
{
  struct nbdsrv_info file = {.size = sizeof file, .can = NBDSRV_CAN_WRITE};
  int error;

  if (!open->handle)
    return 0;
  error = file_describe(open->handle, &file);
  if (!error && file.export_size < open->piece->length) {
    nbdsrv_error("%s has become shorter than it was when the server started",
                 open->piece->file->path);
    error = EIO;
  }
  info->nowait_ops &= file.nowait_ops;
  info->can |= file.can & NBDSRV_CAN_SPARSE;
  if (!(file.can & NBDSRV_CAN_WRITE))
    info->can &= ~NBDSRV_CAN_WRITE;
  return error;
}

int
pieces_describe(void *handle, struct nbdsrv_info *info)
{
  struct pieces_handle *h = handle;
  int error = 0;

  info->export_size = h->pieces->size;
  info->can |= NBDSRV_CAN_FUA | NBDSRV_CAN_FAST_ZERO | NBDSRV_CAN_MULTI_CONN;
  info->nowait_ops = NBDSRV_OP_READ | NBDSRV_OP_WRITE;
  for (size_t i = 0; i < h->count && !error; i++)
    error = describe_piece(&h->list[i], info);
  return error;
}
