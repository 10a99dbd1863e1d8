/* SPDX-License-Identifier: BSD-3-Clause */
/* cache=none: what was read or written does not stay in the page cache.
 * Gets ranges from data.c.  Dirty pages cannot be dropped, so writes are gathered in
 * windows: while one fills, the one before it is on its way to the disk.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "file.h"

#define WINDOW (8u * 1024 * 1024)

struct evict *
evict_new(void)
{
  struct evict *e = calloc(1, sizeof *e);

  if (e)
    pthread_mutex_init(&e->lock, NULL);
  return e;
}

void
evict_free(struct evict *e)
{
  if (e)
    pthread_mutex_destroy(&e->lock);
  free(e);
}

static void
drop(const struct open_file *h, uint64_t len, uint64_t off)
{
  posix_fadvise(h->fd, (off_t)off, (off_t)len, POSIX_FADV_DONTNEED);
}

void
evict_read(const struct open_file *h, uint64_t len, uint64_t off)
{
  drop(h, len, off);
}

static int
write_back(const struct open_file *h, const struct window *w, unsigned how)
{
  int error = 0;

  if (w->bytes > 0 &&
      sync_file_range(h->fd, (off_t)w->start, (off_t)(w->end - w->start), how) == -1) {
    error = errno;
    nbdsrv_error("writing back: %s", strerror(error));
  }
  return error;
}

static int
finish(const struct open_file *h, const struct window *w)
{
  int error = write_back(h, w,
                         SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
                             SYNC_FILE_RANGE_WAIT_AFTER);

  if (!error && w->bytes > 0)
    drop(h, w->end - w->start, w->start);
  return error;
}

int
evict_written(const struct open_file *h, uint64_t len, uint64_t off)
{
  struct evict *e = h->evict;
  struct window *w = &e->filling, full = {0}, leaving = {0};
  int error;

  pthread_mutex_lock(&e->lock);
  if (w->bytes == 0 || off < w->start)
    w->start = off;
  if (off + len > w->end)
    w->end = off + len;
  w->bytes += len;
  if (w->bytes >= WINDOW) {
    leaving = e->leaving;
    e->leaving = full = *w;
    *w = (struct window){0};
  }
  pthread_mutex_unlock(&e->lock);
  error = write_back(h, &full, SYNC_FILE_RANGE_WRITE);
  return error ? error : finish(h, &leaving);
}

int
evict_all(const struct open_file *h)
{
  struct evict *e = h->evict;
  struct window filling, leaving;
  int error;

  pthread_mutex_lock(&e->lock);
  filling = e->filling;
  leaving = e->leaving;
  e->filling = e->leaving = (struct window){0};
  pthread_mutex_unlock(&e->lock);
  error = finish(h, &leaving);
  return error ? error : finish(h, &filling);
}
