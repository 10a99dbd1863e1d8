/* SPDX-License-Identifier: BSD-3-Clause */
/* A sparse array of bytes in memory, up to 2^63 - 1 of them.
 *
 * The array is cut into chunks of 2 MiB, found without a lock.  A chunk's memory
 * belongs to its place in the array until the store is freed: giving memory back
 * makes it read as zeroes, it never shows another place's bytes.  So a pointer
 * that was lent to a reader stays good whatever others write or trim.
 */
#ifndef NBDSRV_MEMORY_STORE_H
#define NBDSRV_MEMORY_STORE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include <nbdsrv-plugin.h>

struct store;

struct store *store_new(void); /* NULL: ENOMEM */
void store_free(struct store *store);

/* All of these may be called from any number of threads at once. 0 or ENOMEM. */
void store_read(struct store *store, void *buf, uint64_t len, uint64_t off);
int store_write(struct store *store, const void *buf, uint64_t len, uint64_t off);
/* Makes a range read as zeroes and gives its memory back. */
void store_trim(struct store *store, uint64_t len, uint64_t off);
/* The same, but all of it counts as allocated afterwards. */
int store_allocate_zeroes(struct store *store, uint64_t len, uint64_t off);
/* Memory of a range, at most max parts, a hole as a part without a base.  The number
 * of parts, or 0 if they are too many. */
unsigned store_lend(const struct store *store, uint64_t len, uint64_t off,
                    struct iovec *parts, unsigned max);
/* Which pages are allocated. */
int store_extents(const struct store *store, uint64_t len, uint64_t off,
                  struct nbdsrv_extents *extents);

#endif
