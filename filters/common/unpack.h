/* SPDX-License-Identifier: BSD-3-Clause */
/* A filter that unpacks what lies below to a temporary file and shows that: gzip,
 * bzip2. Clients share the file.
 */
#ifndef NBDSRV_FILTER_UNPACK_H
#define NBDSRV_FILTER_UNPACK_H

#include <stddef.h>
#include <stdint.h>

#include "shared.h"

/* What is being unpacked. */
struct unpack_stream;

/* The next packed bytes; *len 0: there are no more.  They stay until the next call. */
int unpack_get(struct unpack_stream *stream, const uint8_t **data, size_t *len);
/* The next unpacked ones. */
int unpack_put(struct unpack_stream *stream, const uint8_t *data, size_t len);

/* The instance. */
struct unpack {
  struct shared_list files;                      /* first */
  int (*function)(struct unpack_stream *stream); /* gets and puts all of it */
};

/* Members of the filter's struct. */
int unpack_ready(struct unpack *unpack, int (*function)(struct unpack_stream *stream));
void unpack_stop(void *inst);
int unpack_open(void *inst, const struct nbdsrv_client *client, void **handle);
int unpack_describe(void *handle, struct nbdsrv_info *info);
void unpack_close(void *handle);
int unpack_read(void *handle, void *buf, uint64_t len, uint64_t off, uint32_t flags);
int unpack_cache(void *handle, uint64_t len, uint64_t off, uint32_t flags);
int unpack_extents(void *handle, uint64_t len, uint64_t off, uint32_t flags,
                   struct nbdsrv_extents *extents);

/* All of them but ready (). */
#define UNPACK_MEMBERS                                                                 \
  .instance_size = sizeof(struct unpack), .thread_model = NBDSRV_THREADS_PARALLEL,     \
  .stop = unpack_stop, .open = unpack_open, .describe = unpack_describe,               \
  .close = unpack_close, .read = unpack_read, .cache = unpack_cache,                   \
  .extents = unpack_extents

#endif
