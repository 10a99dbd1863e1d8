/* SPDX-License-Identifier: BSD-3-Clause */
/* The interface between nbdsrv and a filter.  See nbdsrv-filter(3).
 *
 * A filter is a struct nbdsrv_plugin with a layer below it.  Operations that it
 * has no member for go past it at no cost.  It can take part in two ways:
 *
 * - before () and after () look at an operation or change it on its way down and
 *   up.  They never block, and the fast path of what lies below stays open.
 * - data calls (read, write ...) take the operation's place and call
 *   nbdsrv_next_read () and friends, any number of times.
 *
 * A filter's open () calls nbdsrv_next_open () at some time; a filter without
 * open () has the next layer opened for it.  The next layer is closed after the
 * filter's close ().  describe () finds info preset with what lies below (and
 * with inline_ops, nowait_ops and turn_ops cleared for the data calls the filter has).
 */
#ifndef NBDSRV_FILTER_H
#define NBDSRV_FILTER_H

#include <nbdsrv-plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

/* An operation on its way, for before () and after (). */
struct nbdsrv_op {
  uint32_t size;
  uint32_t op;    /* one NBDSRV_OP_* */
  uint32_t flags; /* before () may change it: NBDSRV_FLAG_* */
  uint32_t pad;
  uint64_t length;  /* bytes; before () may make it shorter (at least 1), but not of
                       reads and writes */
  uint64_t offset;  /* bytes; before () may change it; after () finds what it had
                       left there */
  uint64_t id;      /* counts the operations of a connection, from 1 */
  const void *data; /* write: the payload.  read: in after (), what was read, or
                       NULL where it was lent or is not there */
  const struct nbdsrv_extents *extents; /* extents: in after (), the answer */
  uint64_t opaque; /* 0; what before () leaves here its own after () finds */
};

/* struct nbdsrv_plugin has:
 *
 * int (*before) (void *handle, struct nbdsrv_op *op);
 *   0: go on.  An errno value: the operation fails with it, lower layers do not
 *   see it, and after () of this and the layers above is called.
 *   For a flag the layer below lacks, nothing need be done: it is emulated.
 *
 * void (*after) (void *handle, struct nbdsrv_op *op, int *error);
 *   *error is the result and may be changed.  Called exactly once for each
 *   before (), on the thread that ends the operation. Either hook may be NULL.
 *
 * An operation of type extents that has its offset changed by before () is not
 * shifted back: a filter that moves offsets has an extents () member as well.
 */

#define NBDSRV_FILTER(filter) NBDSRV_ENTRY(filter, nbdsrv_filter_init)

/* Opens the layer below.  client: the one given to open (), or a changed copy of
 * it (another export_name, readonly).  Only in open () and around reopening. */
extern int nbdsrv_next_open(struct nbdsrv_next *next,
                            const struct nbdsrv_client *client);

/* Closes the layer below, so that it can be opened again (retry).  Nothing may be
 * in flight below. */
extern void nbdsrv_next_close(struct nbdsrv_next *next);

/* The layers that like stands for once more, of no client, not yet open: a filter opens
 * them for one client and uses them for any, until nbdsrv_next_free (), which closes
 * them, in stop () at the latest.  NULL: ENOMEM. */
extern struct nbdsrv_next *nbdsrv_next_new(const struct nbdsrv_next *like);
extern void nbdsrv_next_free(struct nbdsrv_next *next);

/* What lies below, after nbdsrv_next_open (). */
extern int nbdsrv_next_describe(struct nbdsrv_next *next, struct nbdsrv_info *info);

/* Adds the names that what lies below lists.  Only in list (). */
extern int nbdsrv_next_list(struct nbdsrv_exports *exports);

/* A list of names of the filter's own, to be filled by nbdsrv_next_list (), read
 * and passed on changed.  like is the list that list () was given; only in list ().
 * description may come back NULL.  NULL: ENOMEM. */
extern struct nbdsrv_exports *nbdsrv_exports_new(const struct nbdsrv_exports *like);
extern void nbdsrv_exports_free(struct nbdsrv_exports *exports);
extern size_t nbdsrv_exports_count(const struct nbdsrv_exports *exports);
extern void nbdsrv_exports_get(const struct nbdsrv_exports *exports, size_t i,
                               const char **name, const char **description);

/* Data calls of the layer below; results as in struct nbdsrv_plugin.  They may
 * block unless NBDSRV_FLAG_NOWAIT is given and what lies below obeys it.  What it
 * lacks is emulated: zero by write, FUA by flush, cache by read, extents as data;
 * flush and trim are no-ops where there is none.  Length 0 is allowed. */
extern int nbdsrv_next_read(struct nbdsrv_next *next, void *buf, uint64_t len,
                            uint64_t off, uint32_t flags);
extern int nbdsrv_next_write(struct nbdsrv_next *next, const void *buf, uint64_t len,
                             uint64_t off, uint32_t flags);
extern int nbdsrv_next_flush(struct nbdsrv_next *next, uint32_t flags);
extern int nbdsrv_next_trim(struct nbdsrv_next *next, uint64_t len, uint64_t off,
                            uint32_t flags);
extern int nbdsrv_next_zero(struct nbdsrv_next *next, uint64_t len, uint64_t off,
                            uint32_t flags);
extern int nbdsrv_next_cache(struct nbdsrv_next *next, uint64_t len, uint64_t off,
                             uint32_t flags);
extern int nbdsrv_next_extents(struct nbdsrv_next *next, uint64_t len, uint64_t off,
                               uint32_t flags, struct nbdsrv_extents *extents);

/* Extents to pass to nbdsrv_next_extents () and to read afterwards.  The list
 * begins at offset and takes extents up to offset + length; like is the list
 * that the filter was asked to fill, or NULL for base:allocation.  NULL: ENOMEM. */
extern struct nbdsrv_extents *nbdsrv_extents_new(const struct nbdsrv_extents *like,
                                                 uint64_t length, uint64_t offset);
extern void nbdsrv_extents_free(struct nbdsrv_extents *extents);
extern size_t nbdsrv_extents_count(const struct nbdsrv_extents *extents);
extern void nbdsrv_extents_get(const struct nbdsrv_extents *extents, size_t i,
                               uint64_t *offset, uint64_t *length, uint32_t *type);

#ifdef __cplusplus
}
#endif

#endif
