/* SPDX-License-Identifier: BSD-3-Clause */
/* One array of bytes that is all there from the start.
 * Gets a size; hands out memory that memory.c reads and writes by itself.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include <nbdsrv-plugin.h>

#include "bytes.h"
#include "flat.h"

/* Below that, clearing memory is cheaper than getting new. */
#define LEAST_GIVEN_BACK (1024u * 1024)

int
flat_init(struct flat *flat, uint64_t size, bool lock)
{
  void *base;
  int error;

  /* One byte at least: an empty disk is a disk. */
  base = mmap(NULL, size ? size : 1, PROT_READ | PROT_WRITE,
              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED) {
    error = errno;
    nbdsrv_error("%llu bytes of memory are not to be had: %s; allocator=sparse takes "
                 "only what is written",
                 (unsigned long long)size, strerror(error));
    return error;
  }
  madvise(base, size, MADV_HUGEPAGE);
  if (lock && mlock(base, size) == -1) {
    error = errno;
    nbdsrv_error("%llu bytes of memory cannot be locked: %s; see ulimit -l",
                 (unsigned long long)size, strerror(error));
    munmap(base, size ? size : 1);
    return error;
  }
  *flat = (struct flat){base, size, lock};
  return 0;
}

void
flat_destroy(struct flat *flat)
{
  if (flat->base)
    munmap(flat->base, flat->size ? flat->size : 1);
}

void
flat_clear(struct flat *flat, uint64_t len, uint64_t off)
{
  uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
  uint64_t end = off + len, whole = (off + page - 1) & ~(page - 1);
  uint64_t whole_end = end & ~(page - 1);

  if (len >= LEAST_GIVEN_BACK && !flat->locked &&
      madvise(flat->base + whole, whole_end - whole, MADV_DONTNEED) == 0) {
    bytes_clear(flat->base + off, whole - off);
    bytes_clear(flat->base + whole_end, end - whole_end);
  } else
    bytes_clear(flat->base + off, len);
}
