/* SPDX-License-Identifier: BSD-3-Clause */
/* Fuzz target: the language of the data plugin.
 * Gets text; what it stands for is compared with what is on the disk, and pages that
 * hold nothing may not be allocated.  The world outside is that of data-outside.c.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugins/data/emit.h"
#include "plugins/data/parser.h"
#include "server/extents.h"

#define MOST_DISK   (256u * 1024)
#define MOST_PIECES 20000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

NBDSRV_PUBLIC void
nbdsrv_error(const char *fmt, ...)
{
  va_list args;
  char said[1024];

  va_start(args, fmt);
  if (vsnprintf(said, sizeof said, fmt, args) < 0)
    abort();
  va_end(args);
}

static const char *
lookup(void *opaque, const char *name)
{
  (void)opaque;
  switch (name[0]) {
  case 'a':
    return "1 (2 @5)*3";
  case 'b':
    return "$b $a";
  case 'c':
    return "\\n -> \\m \\m*2 $a";
  default:
    return NULL;
  }
}

/* Pieces over pieces make work without end, which is nobody's fault but the writer's.
 */
static unsigned
count_pieces(const struct expr *e, unsigned most)
{
  unsigned n = 1;

  if (e->kind == EXPR_REPEAT || e->kind == EXPR_SLICE)
    n += count_pieces(e->body, most);
  for (size_t i = 0; e->kind == EXPR_LIST && i < e->count && n < most; i++)
    n += count_pieces(e->parts[i].expr, most - n);
  return n;
}

static uint8_t
byte_at(const struct expr *e, uint64_t at)
{
  switch (e->kind) {
  case EXPR_HOLE:
    return 0;
  case EXPR_REPEAT:
    return byte_at(e->body, at % e->body->size);
  case EXPR_SLICE:
    return byte_at(e->body, e->start + at);
  case EXPR_LIST:
    for (size_t i = e->count; i-- > 0;)
      if (at >= e->parts[i].at && at - e->parts[i].at < e->parts[i].expr->size)
        return byte_at(e->parts[i].expr, at - e->parts[i].at);
    return 0;
  default:
    return e->bytes[at];
  }
}

static bool
is_allocated(struct disk *disk, uint64_t at)
{
  struct nbdsrv_extents *extents = nbdsrv_extents_new(NULL, 1, at);
  uint64_t offset, length;
  uint32_t type;

  if (!extents || store_extents(disk->store, 1, at, extents) != 0)
    abort();
  nbdsrv_extents_get(extents, 0, &offset, &length, &type);
  nbdsrv_extents_free(extents);
  return type == 0;
}

static void
check(const struct expr *e, struct disk *disk)
{
  static uint8_t found[MOST_DISK];
  const uint64_t page = 4096;

  disk_read(disk, found, disk->size, 0, 0);
  for (uint64_t i = 0; i < disk->size; i += i < 3000 ? 1 : 97)
    if (found[i] != byte_at(e, i))
      abort();
  for (uint64_t i = 0; i < disk->size; i += page) {
    uint64_t n = disk->size - i < page ? disk->size - i : page;
    if (is_allocated(disk, i) == expr_is_zeroes(found + i, n))
      abort();
  }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  char *text = calloc(1, size + 1);
  struct pool pool = {NULL};
  struct disk disk;
  struct expr *e;

  memcpy(text, data, size);
  if (parser_parse(&pool, text, lookup, NULL, &e) == 0 &&
      count_pieces(e, MOST_PIECES) < MOST_PIECES) {
    if (disk_init(&disk, e->size < MOST_DISK ? e->size : MOST_DISK, "sparse") != 0)
      abort();
    if (emit(e, &disk) == 0 && disk.size > 0)
      check(e, &disk);
    disk_destroy(&disk);
  }
  pool_free(&pool);
  free(text);
  return 0;
}
