/* SPDX-License-Identifier: BSD-3-Clause */
/* Ranges of the page cache lent to the socket, so that large reads are not copied.
 * Gets reads from the server before data.c does; lends only what is surely in memory,
 * so that sending never waits for a disk.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "file.h"

/* Smaller reads are cheaper to copy. */
#define LEND_LEAST (64u * 1024)

#define PAGE ((uint64_t)4096)

/* Linux 6.5 and later; too new for some headers. */
#ifndef __NR_cachestat
#define __NR_cachestat 451
#endif

/* The kernel's struct cachestat_range and struct cachestat. */
struct cached_range {
  uint64_t off, len;
};

struct cached_pages {
  uint64_t cached, dirty, writeback, evicted, recently_evicted;
};

static bool
is_cached(struct open_file *h, uint64_t len, uint64_t off)
{
  struct cached_range range = {off, len};
  struct cached_pages pages = {0};

  if (syscall(__NR_cachestat, h->fd, &range, &pages, 0) == -1) {
    file_cannot(&h->can.cachestat);
    return false;
  }
  return pages.cached >= (off + len + PAGE - 1) / PAGE - off / PAGE;
}

int
file_lend(void *handle, uint64_t len, uint64_t off, struct nbdsrv_loan *loan)
{
  struct open_file *h = handle;

  if (len < LEND_LEAST || h->evict || !file_may(&h->can.cachestat) ||
      !is_cached(h, len, off))
    return EAGAIN;
  loan->count = 0;
  loan->fd = h->fd;
  loan->fd_offset = off;
  return 0;
}
