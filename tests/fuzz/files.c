/* SPDX-License-Identifier: BSD-3-Clause */
/* Fuzz target: files that filters read, and that may be anybody's.
 * Gets an input whose first byte says which: a tar file, ddrescue's mapfile, the header
 * of a LUKS disk.  What is made of it has to lie within the file.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hold.h"
#include "filters/ddrescue/map.h"
#include "filters/luks/header.h"
#include "filters/tar/find.h"

#include <nbdsrv-filter.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

NBDSRV_PUBLIC void
nbdsrv_error(const char *fmt, ...)
{
  va_list args;
  char said[1024];

  va_start(args, fmt);
  HOLD(vsnprintf(said, sizeof said, fmt, args) >= 0);
  va_end(args);
}

NBDSRV_PUBLIC int
nbdsrv_sleep(uint64_t ns)
{
  (void)ns;
  return 0;
}

/* ---------------------------------------------------------------------------- tar */

/* Nobody guesses a checksum: each block gets the right one. */
static void
mend_sums(uint8_t *data, size_t size)
{
  for (uint8_t *block = data; (size_t)(data + size - block) >= TAR_BLOCK;
       block += TAR_BLOCK) {
    unsigned sum = 0;
    char text[8];

    if (block[0] == 0)
      continue;
    memset(block + 148, ' ', 8);
    for (unsigned i = 0; i < TAR_BLOCK; i++)
      sum += block[i];
    snprintf(text, sizeof text, "%06o", sum);
    memcpy(block + 148, text, 7);
  }
}

static void
find_entries(const uint8_t *data, size_t size)
{
  static const char *const names[] = {"disk.img", "a", "", "dir/a"};
  uint8_t *copy = malloc(size + 1);
  struct disk disk = {copy, size};
  struct tar_source source = {read_disk, &disk, size, 0};
  struct tar_place place;

  HOLD(copy);
  memcpy(copy, data, size);
  mend_sums(copy, size);
  for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
    if (tar_find(&source, names[i], &place) == 0) {
      HOLD(place.offset <= size && place.length <= size - place.offset);
      HOLD(tar_is_there(&source, &place));
      source.limit = place.offset;
      HOLD(tar_find(&source, names[i], &place) == 0);
      source.limit = place.offset - 1;
      HOLD(tar_find(&source, names[i], &place) != 0);
      source.limit = 0;
    }
  free(copy);
}

/* ----------------------------------------------------------------------- mapfiles */

static void
read_map(const uint8_t *data, size_t size)
{
  FILE *file = size ? fmemopen((void *)data, size, "r") : NULL;
  struct map map;
  uint64_t reached = 0, end;

  if (!file)
    return;
  if (map_read(&map, file, "map") == 0)
    for (size_t i = 0; i < map.count; i++) {
      const struct map_range *range = &map.ranges[i];

      HOLD(range->start < range->end && (i == 0 || range->start > reached));
      HOLD(map_look(&map, range->start, &end) && end == range->end);
      HOLD(map_look(&map, range->end - 1, &end) && end == range->end);
      HOLD(!map_look(&map, range->end, &end) && end > range->end);
      reached = range->end;
    }
  map_free(&map);
  fclose(file);
}

/* --------------------------------------------------------------------------- LUKS */

static void
parse_luks(const uint8_t *data, size_t size)
{
  uint8_t bytes[LUKS_HEADER] = "LUKS\xba\xbe\0\1aes";
  struct luks_header header;
  uint64_t disk = 2 << 20;

  strcpy((char *)bytes + 40, "xts-plain64");
  strcpy((char *)bytes + 72, "sha256");
  bytes[111] = 64;
  for (size_t i = 0; i < size && i < LUKS_HEADER; i++)
    bytes[i] ^= data[i];
  if (luks_parse(&header, bytes, disk) != 0)
    return;
  HOLD(header.payload <= disk && header.key_len > 0 && header.key_len <= LUKS_KEY_MAX);
  for (unsigned i = 0; i < LUKS_SLOTS; i++) {
    const struct luks_slot *slot = &header.slots[i];

    if (slot->active)
      HOLD(slot->stripes > 0 && slot->offset <= disk &&
           (uint64_t)slot->stripes * header.key_len <= disk - slot->offset);
  }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  enum { TAR, MAP, LUKS, KINDS };

  if (size == 0)
    return 0;
  switch (data[0] % KINDS) {
  case MAP:
    read_map(data + 1, size - 1);
    break;
  case LUKS:
    parse_luks(data + 1, size - 1);
    break;
  default:
    find_entries(data + 1, size - 1);
  }
  return 0;
}
