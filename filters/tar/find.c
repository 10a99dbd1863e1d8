/* SPDX-License-Identifier: BSD-3-Clause */
/* The way through a tar file, from header to header.
 * Gets the file from tar.c; header.c understands the blocks.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <nbdsrv-filter.h>

#include "find.h"

/* The longest name or set of records that belongs to an entry. */
#define MOST_EXTENDED (1024u * 1024)
/* Read at once: headers of small files lie close together. */
#define READ_SIZE (16u * 1024)

struct walk {
  const struct tar_source *source;
  const char *name;   /* wanted */
  uint64_t off;       /* of the next header */
  uint64_t read_from; /* what buf has: this ... */
  size_t have;        /* ... and so much */
  struct tar_extended extended;
  bool in_map;   /* at off are blocks of a map ... */
  uint64_t rest; /* ... and so much behind them */
  uint8_t buf[READ_SIZE];
};

/* The block at walk->off, or NULL.  One that is not there is the end. */
static const uint8_t *
load_block(struct walk *w, int *error)
{
  const struct tar_source *source = w->source;
  uint64_t rest;

  *error = 0;
  if (source->size < TAR_BLOCK || w->off > source->size - TAR_BLOCK)
    return NULL;
  if (source->limit &&
      (source->limit < TAR_BLOCK || w->off > source->limit - TAR_BLOCK)) {
    nbdsrv_error("%s: not found within the tar-limit of %llu bytes", w->name,
                 (unsigned long long)source->limit);
    *error = EFBIG;
    return NULL;
  }
  if (w->have == 0 || w->off < w->read_from ||
      w->off - w->read_from > w->have - TAR_BLOCK) {
    rest = source->size - w->off;
    w->have = rest < READ_SIZE ? (size_t)rest : READ_SIZE;
    w->read_from = w->off;
    *error = source->read(source->opaque, w->buf, w->have, w->off);
    if (*error) {
      w->have = 0;
      return NULL;
    }
  }
  return w->buf + (w->off - w->read_from);
}

/* What follows a header of that kind. */
static int
load_extended(struct walk *w, const struct tar_header *header, uint64_t off)
{
  const struct tar_source *source = w->source;
  char *data;
  int error;

  if (header->size > MOST_EXTENDED || off > source->size ||
      header->size > source->size - off) {
    nbdsrv_error("the tar file has a name or records of %llu bytes at offset %llu",
                 (unsigned long long)header->size, (unsigned long long)off);
    return EINVAL;
  }
  data = malloc(header->size + 1);
  if (!data)
    return ENOMEM;
  error = header->size ? source->read(source->opaque, data, header->size, off) : 0;
  data[header->size] = '\0';
  if (!error && header->kind == TAR_LONG_NAME) {
    free(w->extended.name);
    w->extended.name = data; /* up to the 0 that ends it */
    return 0;
  }
  if (!error)
    error = tar_pax_parse(data, header->size, &w->extended);
  if (error == EINVAL)
    nbdsrv_error("the tar file has broken pax records at offset %llu",
                 (unsigned long long)off);
  free(data);
  return error;
}

/* The entry is the one: whether it can be served. */
static int
check_entry(const struct walk *w, const struct tar_header *header, uint64_t off,
            uint64_t size)
{
  if (header->kind == TAR_SPARSE || w->extended.sparse) {
    nbdsrv_error("%s is a sparse file in the tar file: its blocks are not in order",
                 w->name);
    return ENOTSUP;
  }
  if (header->kind != TAR_FILE) {
    nbdsrv_error("%s is no regular file in the tar file", w->name);
    return EINVAL;
  }
  if (off > w->source->size || size > w->source->size - off) {
    nbdsrv_error("%s goes on behind the end of the tar file", w->name);
    return EIO;
  }
  return 0;
}

static void
forget(struct tar_extended *extended)
{
  free(extended->name);
  *extended = (struct tar_extended){0};
}

/* Over the entry's content, or to the map that precedes it. */
static void
go_on(struct walk *w, bool has_map, uint64_t off, uint64_t size)
{
  uint64_t padded = (size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;

  w->in_map = has_map;
  w->rest = has_map ? padded : 0;
  w->off = has_map ? off : off + padded;
}

/* A header, the content of which begins at off. */
static int
take_header(struct walk *w, const struct tar_header *header, const uint8_t *block,
            uint64_t off, struct tar_place *place, bool *found)
{
  uint64_t size = header->size;
  int error = 0;

  if (header->kind == TAR_LONG_NAME || header->kind == TAR_PAX)
    error = load_extended(w, header, off);
  else if (header->kind != TAR_PAX_ALL) {
    if (w->extended.has_size && header->kind != TAR_EMPTY)
      size = w->extended.size;
    *found = strcmp(w->extended.name ? w->extended.name : header->name, w->name) == 0;
    if (*found) {
      place->offset = off;
      place->length = size;
      memcpy(place->header, block, TAR_BLOCK);
      return check_entry(w, header, off, size);
    }
    forget(&w->extended);
  }
  if (!error && size > INT64_MAX - off - TAR_BLOCK) {
    nbdsrv_error("the tar file has an impossible size at offset %llu",
                 (unsigned long long)w->off);
    error = EINVAL;
  }
  if (!error)
    go_on(w, header->has_map, off, size);
  return error;
}

/* One block. */
static int
step(struct walk *w, struct tar_place *place, bool *found)
{
  struct tar_header header;
  int error;
  const uint8_t *block = load_block(w, &error);

  if (!block)
    return error ? error : ENOENT;
  if (w->in_map) {
    go_on(w, tar_map_goes_on(block), w->off + TAR_BLOCK, w->rest);
    return 0;
  }
  if (!tar_header_parse(block, &header)) {
    nbdsrv_error("this is no tar file: there is no header at offset %llu",
                 (unsigned long long)w->off);
    return EINVAL;
  }
  if (header.kind == TAR_END)
    return ENOENT;
  return take_header(w, &header, block, w->off + TAR_BLOCK, place, found);
}

int
tar_find(const struct tar_source *source, const char *name, struct tar_place *place)
{
  struct walk *w = calloc(1, sizeof *w);
  bool found = false;
  int error = 0;

  if (!w)
    return ENOMEM;
  w->source = source;
  w->name = name;
  for (unsigned i = 1; !error && !found; i++) {
    error = step(w, place, &found);
    if (!error && !found && i % 1024 == 0)
      error = nbdsrv_sleep(0); /* is anybody still waiting for it? */
  }
  if (error == ENOENT)
    nbdsrv_error("there is no %s in the tar file", name);
  forget(&w->extended);
  free(w);
  return error;
}

bool
tar_is_there(const struct tar_source *source, const struct tar_place *place)
{
  uint8_t block[TAR_BLOCK];

  return place->offset >= TAR_BLOCK && place->offset <= source->size &&
         place->length <= source->size - place->offset &&
         source->read(source->opaque, block, TAR_BLOCK, place->offset - TAR_BLOCK) ==
             0 &&
         memcmp(block, place->header, TAR_BLOCK) == 0;
}
