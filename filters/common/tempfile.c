/* SPDX-License-Identifier: BSD-3-Clause */
/* A sparse file without a name.
 * Gets bytes of blocks from blocks.c and of the cache; keeps them at their own offset.
 */
#include "config.h"

#include "tempfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <nbdsrv-filter.h>

_Static_assert(sizeof(off_t) == 8, "disks are larger than 2 GiB");

/* Never written: one copy for all. */
static const uint8_t zeroes[1024 * 1024];

int
tempfile_open(int *fd)
{
  const char *dir = getenv("TMPDIR");
  char path[4096];

  if (!dir || dir[0] == '\0')
    dir = "/var/tmp";
  *fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (*fd == -1) { /* not every filesystem has such files */
    snprintf(path, sizeof path, "%s/nbdsrvXXXXXX", dir);
    *fd = mkostemp(path, O_CLOEXEC);
    if (*fd != -1)
      unlink(path);
  }
  if (*fd == -1) {
    int error = errno;
    nbdsrv_error("no temporary file in %s: %s", dir, strerror(error));
    return error;
  }
  return 0;
}

int
tempfile_load(int fd, void *buf, uint64_t len, uint64_t off)
{
  uint8_t *p = buf;

  while (len > 0) {
    ssize_t n = pread(fd, p, len, (off_t)off);
    if (n == -1 && errno == EINTR)
      continue;
    if (n == -1)
      return errno;
    if (n == 0) { /* beyond what was ever written */
      memset(p, 0, len);
      return 0;
    }
    p += n;
    len -= (uint64_t)n;
    off += (uint64_t)n;
  }
  return 0;
}

int
tempfile_store(int fd, const void *buf, uint64_t len, uint64_t off)
{
  const uint8_t *p = buf;

  while (len > 0) {
    ssize_t n = pwrite(fd, p, len, (off_t)off);
    if (n == -1 && errno == EINTR)
      continue;
    if (n == -1)
      return errno;
    p += n;
    len -= (uint64_t)n;
    off += (uint64_t)n;
  }
  return 0;
}

int
tempfile_zero(int fd, uint64_t len, uint64_t off)
{
  int error = 0;

  while (len > 0 && !error) {
    uint64_t n = len < sizeof zeroes ? len : sizeof zeroes;
    error = tempfile_store(fd, zeroes, n, off);
    len -= n;
    off += n;
    if (len > 0 && !error) /* is it still wanted? */
      error = nbdsrv_sleep(0);
  }
  return error;
}

void
tempfile_punch(int fd, uint64_t len, uint64_t off)
{
  /* Where this is not possible the space stays in use, no more. */
  if (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)off,
                (off_t)len) == -1)
    nbdsrv_debug("cannot punch a hole: %s", strerror(errno));
}
