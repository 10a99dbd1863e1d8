/* SPDX-License-Identifier: BSD-3-Clause */
/* Fuzz target: the pieces that understand text, partition tables and extents.
 * Gets an input whose first byte says which; the rest is what a user typed, a disk, or
 * what a plugin says of one.  Each result is held against a slower truth.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "hold.h"
#include "filters/partition/table.h"
#include "server/extents.h"
#include "server/log.h"
#include "server/parse.h"
#include "server/run.h"
#include "server/utf8.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

NBDSRV_PUBLIC int
nbdsrv_stdio_safe(void)
{
  return 1;
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
  (void)argc;
  (void)argv;
  log_set_target(LOG_TO_NULL);
  return 0;
}

/* ------------------------------------------------------------------------- text */

static void
parse_text(const char *text)
{
  static const char *const words[] = {"size", "allocator", "rdelay", "wdelay"};
  uint64_t u;
  int64_t i;
  double d;
  int word;

  if (nbdsrv_parse_size("x", text, &u) == 0) {
    HOLD(u <= INT64_MAX);
    if (text[strspn(text, "0123456789")] == '\0')
      HOLD(u == strtoull(text, NULL, 10));
  }
  if (nbdsrv_parse_duration("x", text, &u) == 0)
    HOLD(u <= INT64_MAX);
  if (nbdsrv_parse_uint64("x", text, 1000, &u) == 0)
    HOLD(u <= 1000);
  if (nbdsrv_parse_int64("x", text, -5, 5, &i) == 0)
    HOLD(i >= -5 && i <= 5);
  if (nbdsrv_parse_fraction("x", text, &d) == 0)
    HOLD(d >= 0 && d <= 1);
  if (nbdsrv_parse_bool("x", text, &word) == 0)
    HOLD(word == 0 || word == 1);
  if (parse_enum("x", text, "one|two|three", &word) == 0)
    HOLD(word >= 0 && word < 3);
  parse_nearest(text, words, sizeof words / sizeof words[0]);
}

/* What the shell makes of it. */
static void
quote_text(const char *text)
{
  char *quoted = run_quote(text), *p = quoted;
  bool inside = false;

  HOLD(quoted);
  for (; *p; p++)
    if (*p == '\'')
      inside = !inside;
    else {
      if (*p == '\\' && !inside)
        p++;
      HOLD(*p == *text++);
    }
  HOLD(*text == '\0' && !inside);
  free(quoted);
}

static void
mend_text(const char *text)
{
  char mended[64];
  size_t len = utf8_mend(mended, sizeof mended, text);

  HOLD(len <= sizeof mended && utf8_is_valid(mended, len));
  if (utf8_is_valid(text, strlen(text)) && strlen(text) <= sizeof mended)
    HOLD(len == strlen(text) && memcmp(text, mended, len) == 0);
}

/* ------------------------------------------------------------- partition tables */

static void
find_partitions(const uint8_t *data, size_t size)
{
  static const unsigned sectors[] = {0, 512, 4096};
  uint8_t *copy = malloc(size + 512);
  struct disk disk = {copy, size + 512};
  uint64_t offset, length;

  HOLD(copy);
  memset(copy, 0, 512);
  memcpy(copy + 446, data, size < 64 ? size : 64);
  copy[510] = 0x55; /* what is no table at all is soon found */
  copy[511] = 0xaa;
  memcpy(copy + 512, data, size);
  for (unsigned i = 0; i < 3; i++)
    for (unsigned number = 1; number < 12; number++)
      if (table_find(read_disk, &disk, disk.size, sectors[i], number, &offset,
                     &length) == 0)
        HOLD(offset <= disk.size && length <= disk.size - offset);
  free(copy);
}

/* ------------------------------------------------------------------------ extents */

#define DISK_SIZE 1000u

/* The types of a block, joined as extents_align does; -1: the layer did not say all. */
static int64_t
block_type(const int64_t types[DISK_SIZE], uint32_t context, uint64_t from, uint64_t to)
{
  int64_t type = types[from];

  for (uint64_t at = from; at < to && type >= 0; at++)
    if (types[at] < 0)
      type = -1;
    else
      type = context == 0 ? type & types[at] : type | types[at];
  return type;
}

static void
check_aligned(const struct nbdsrv_extents *e, const int64_t types[DISK_SIZE],
              uint32_t block)
{
  uint64_t at = e->start;

  HOLD(e->count > 0);
  for (size_t i = 0; i < e->count; i++) {
    const struct extent *extent = &e->list[i];
    uint64_t end = extent->offset + extent->length;

    HOLD(extent->length > 0 && extent->offset == at && at < e->end);
    HOLD(end % block == 0 || end == DISK_SIZE);
    while (at < end) {
      uint64_t next = (at / block + 1) * block;
      int64_t type;

      if (next > DISK_SIZE)
        next = DISK_SIZE;
      type = block_type(types, e->context, at, next);
      HOLD(type < 0 ? e->context != 0 || extent->type == 0 : extent->type == type);
      at = next;
    }
  }
}

/* A question, and what a plugin says: an extent every two bytes. */
static void
align_extents(const uint8_t *data, size_t size)
{
  struct nbdsrv_extents e = {0};
  int64_t types[DISK_SIZE];
  uint64_t at, from;
  uint32_t block;

  if (size < 6)
    return;
  block = 1u << (1 + data[0] % 7);
  at = from = data[1] * 3u;
  extents_begin(&e, 1 + data[2] % (DISK_SIZE - from), from, data[3] % 2,
                data[4] % 8 == 0);
  memset(types, -1, sizeof types);
  for (size_t i = 5; i + 1 < size && at < DISK_SIZE; i += 2) {
    uint64_t len = 1 + data[i];
    uint32_t type = data[i + 1] % 4;

    if (len > DISK_SIZE - at)
      len = DISK_SIZE - at;
    if (nbdsrv_extents_add(&e, at, len, type) != 0)
      break;
    for (uint64_t end = at + len; at < end; at++)
      types[at] = type;
  }
  if (e.count > 0) {
    HOLD(extents_align(&e, block, DISK_SIZE) == 0);
    check_aligned(&e, types, block);
  }
  extents_release(&e);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  enum { TEXT, PARTITIONS, EXTENTS, PIECES };
  char *text;

  if (size == 0)
    return 0;
  switch (data[0] % PIECES) {
  case PARTITIONS:
    find_partitions(data + 1, size - 1);
    break;
  case EXTENTS:
    align_extents(data + 1, size - 1);
    break;
  default:
    text = strndup((const char *)data + 1, size - 1);
    HOLD(text);
    parse_text(text);
    quote_text(text);
    mend_text(text);
    free(text);
  }
  return 0;
}
