/* SPDX-License-Identifier: BSD-3-Clause */
/* A disk put together from files, memory that nobody may change, and nothing.  Files
 * are served by the functions of the file plugin. */
#ifndef NBDSRV_PLUGIN_PIECES_H
#define NBDSRV_PLUGIN_PIECES_H

#include <nbdsrv-plugin.h>

#include "../file/file.h"

struct pieces_file {
  struct file settings; /* of the file plugin */
  char *path;
  uint64_t size; /* when it was measured */
};

/* What a stretch of the disk is: a file from its beginning; bytes; neither: zeroes. */
struct piece {
  uint64_t start, length;
  const struct pieces_file *file;
  const uint8_t *bytes;
};

/* The instance begins with it. */
struct pieces {
  struct pieces_file **files;
  size_t file_count;
  struct piece *list; /* in order, without gaps */
  size_t count;
  uint64_t size;
};

/* In config (): a file, not opened yet. */
int pieces_name_file(struct pieces *p, const char *name);
/* In ready (): looks at all of them. */
int pieces_measure(struct pieces *p);

/* One more at the end.  Bytes stay the caller's until pieces_free ().  Length 0: does
 * nothing. */
int pieces_append_file(struct pieces *p, const struct pieces_file *file);
int pieces_append_bytes(struct pieces *p, const uint8_t *bytes, uint64_t length);
int pieces_append_zeroes(struct pieces *p, uint64_t length);

void pieces_free(struct pieces *p);

/* Members of struct nbdsrv_plugin. */
int pieces_open(void *inst, const struct nbdsrv_client *client, void **handle);
void pieces_close(void *handle);
int pieces_describe(void *handle, struct nbdsrv_info *info);
int pieces_read(void *handle, void *buf, uint64_t len, uint64_t off, uint32_t flags);
int pieces_write(void *handle, const void *buf, uint64_t len, uint64_t off,
                 uint32_t flags);
int pieces_flush(void *handle, uint32_t flags);
int pieces_trim(void *handle, uint64_t len, uint64_t off, uint32_t flags);
int pieces_zero(void *handle, uint64_t len, uint64_t off, uint32_t flags);
int pieces_cache(void *handle, uint64_t len, uint64_t off, uint32_t flags);
int pieces_extents(void *handle, uint64_t len, uint64_t off, uint32_t flags,
                   struct nbdsrv_extents *extents);
int pieces_lend(void *handle, uint64_t len, uint64_t off, struct nbdsrv_loan *loan);

#define PIECES_MEMBERS                                                                 \
  .thread_model = NBDSRV_THREADS_PARALLEL, .open = pieces_open, .close = pieces_close, \
  .describe = pieces_describe, .read = pieces_read, .write = pieces_write,             \
  .flush = pieces_flush, .trim = pieces_trim, .zero = pieces_zero,                     \
  .cache = pieces_cache, .extents = pieces_extents, .lend = pieces_lend

#endif
