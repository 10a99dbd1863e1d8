/* SPDX-License-Identifier: BSD-3-Clause */
/* A disk with a GPT: a table in front, its copy at the end.
 * Gets partitions from partitioning.c; puts tables and files into the list of pieces.
 */
#include "config.h"

#include "partitioning.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "../../filters/partition/format.h"

#define ENTRY_SIZE GPT_ENTRY_LEAST
/* Tables come in steps of this many entries; some readers know no others. */
#define ENTRIES_STEP 128u

#define NAME_UNITS    36u
#define BOOT_BY_BIOS  ((uint64_t)1 << 2) /* attribute: what "active" was in an MBR */
#define BEFORE_HEADER SECTOR             /* the protective MBR */

static void
put32(uint8_t *p, uint32_t v)
{
  v = htole32(v);
  memcpy(p, &v, sizeof v);
}

static void
put64(uint8_t *p, uint64_t v)
{
  v = htole64(v);
  memcpy(p, &v, sizeof v);
}

/* As zip files have it. */
static uint32_t
crc32(const uint8_t *p, size_t len)
{
  uint32_t crc = ~0u;

  for (size_t i = 0; i < len; i++) {
    crc ^= p[i];
    for (int bit = 0; bit < 8; bit++)
      crc = (crc >> 1) ^ (crc & 1 ? 0xedb88320u : 0);
  }
  return ~crc;
}

/* The file's, if it is plain ASCII. */
static void
put_name(uint8_t *to, const char *path)
{
  const char *name = strrchr(path, '/') + 1;

  for (const char *c = name; *c; c++)
    if ((unsigned char)*c >= 0x80)
      return;
  for (unsigned i = 0; i < NAME_UNITS && name[i]; i++)
    to[2 * i] = (uint8_t)name[i];
}

static void
put_entry(uint8_t *entry, const struct partition *partition, size_t i)
{
  memcpy(entry, partition->type_guid, GUID_SIZE);
  guid_derive(partition->file->path, i + 1, entry + 16);
  put64(entry + 32, partition->first);
  put64(entry + 40, partition->first + partition->count - 1);
  put64(entry + 48, i == 0 ? BOOT_BY_BIOS : 0);
  put_name(entry + 56, partition->file->path);
}

/* Sectors of a disk with a table of that size. */
struct places {
  uint64_t first_usable, last_usable, last;
};

static void
put_header(uint8_t *header, const struct partitioning *p, const uint8_t *entries,
           uint32_t entry_count, const struct places *places, bool copy)
{
  memcpy(header, GPT_SIGNATURE, 8);
  put32(header + 8, GPT_REVISION);
  put32(header + 12, GPT_HEADER_SIZE);
  put64(header + 24, copy ? places->last : 1);
  put64(header + 32, copy ? 1 : places->last);
  put64(header + 40, places->first_usable);
  put64(header + 48, places->last_usable);
  guid_derive(p->list[0].file->path, 0, header + 56);
  put64(header + 72, copy ? places->last_usable + 1 : 2);
  put32(header + 80, entry_count);
  put32(header + 84, ENTRY_SIZE);
  put32(header + 88, crc32(entries, (size_t)entry_count * ENTRY_SIZE));
  put32(header + 16, crc32(header, GPT_HEADER_SIZE));
}

/* All tables in memory: MBR, header, entries, and for the end entries and header. */
int
gpt_build(struct partitioning *p)
{
  size_t entry_count = (p->count + ENTRIES_STEP - 1) / ENTRIES_STEP * ENTRIES_STEP;
  size_t table_size = entry_count * ENTRY_SIZE;
  size_t front = BEFORE_HEADER + SECTOR + table_size, back = table_size + SECTOR;
  uint8_t *header, *entries, *entries_copy;
  struct places places = {.first_usable = front / SECTOR};
  int error;

  if (entry_count > UINT32_MAX / ENTRY_SIZE)
    return E2BIG;
  p->tables = calloc(1, front + back);
  if (!p->tables)
    return ENOMEM;
  header = p->tables + BEFORE_HEADER;
  entries = header + SECTOR;
  entries_copy = p->tables + front;
  error = pieces_append_bytes(&p->pieces, p->tables, front);
  for (size_t i = 0; i < p->count && !error; i++) {
    error = partitioning_place(p, &p->list[i]);
    put_entry(entries + i * ENTRY_SIZE, &p->list[i], i);
  }
  places.last_usable = p->pieces.size / SECTOR - 1;
  if (!error)
    error = pieces_append_bytes(&p->pieces, entries_copy, back);
  if (error)
    return error;
  places.last = p->pieces.size / SECTOR - 1;
  memcpy(entries_copy, entries, table_size);
  put_header(header, p, entries, (uint32_t)entry_count, &places, false);
  put_header(entries_copy + table_size, p, entries, (uint32_t)entry_count, &places,
             true);
  mbr_entry(p->tables + MBR_ENTRIES, 0, MBR_GPT, 1, places.last);
  p->tables[510] = 0x55;
  p->tables[511] = 0xaa;
  return 0;
}
