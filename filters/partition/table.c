/* SPDX-License-Identifier: BSD-3-Clause */
/* Partition tables: finds where one partition lies.
 * Gets a way to read the disk from partition.c; believes nothing that it reads.
 */
#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <nbdsrv-plugin.h>

#include "format.h"
#include "table.h"

#define MOST_LOGICAL 256u /* a chain of logical partitions ends somewhere */

struct disk {
  table_read read;
  void *opaque;
  uint64_t size;
  unsigned sector; /* 0: not known yet */
};

struct mbr_entry {
  uint8_t type;
  uint32_t start, count; /* sectors */
};

static uint32_t
le32(const uint8_t *p)
{
  uint32_t v;

  memcpy(&v, p, sizeof v);
  return le32toh(v);
}

static uint64_t
le64(const uint8_t *p)
{
  uint64_t v;

  memcpy(&v, p, sizeof v);
  return le64toh(v);
}

static int
not_found(unsigned number)
{
  nbdsrv_error("there is no partition %u", number);
  return EINVAL;
}

/* A range of sectors to bytes, inside the disk. */
static int
to_bytes(const struct disk *disk, uint64_t start, uint64_t count, uint64_t *offset,
         uint64_t *length)
{
  uint64_t sectors = disk->size / disk->sector;

  if (start >= sectors || count > sectors - start) {
    nbdsrv_error("the partition lies beyond the end of the disk");
    return EINVAL;
  }
  *offset = start * disk->sector;
  *length = count * disk->sector;
  return 0;
}

static int
read_at(const struct disk *disk, void *buf, uint64_t len, uint64_t off)
{
  if (off > disk->size || len > disk->size - off) {
    nbdsrv_error("the partition table points beyond the end of the disk");
    return EINVAL;
  }
  return disk->read(disk->opaque, buf, len, off);
}

/* ---------------------------------------------------------------------- MBR */

static int
read_mbr(const struct disk *disk, uint64_t off, struct mbr_entry entries[4])
{
  uint8_t block[MBR_SIZE];
  int error = read_at(disk, block, sizeof block, off);

  if (error)
    return error;
  if (block[510] != 0x55 || block[511] != 0xaa) {
    nbdsrv_error("there is no partition table at byte %llu", (unsigned long long)off);
    return EINVAL;
  }
  for (unsigned i = 0; i < 4; i++) {
    const uint8_t *e = block + MBR_ENTRIES + i * MBR_ENTRY_SIZE;
    entries[i] = (struct mbr_entry){e[4], le32(e + 8), le32(e + 12)};
  }
  return 0;
}

static bool
is_extended(const struct mbr_entry *e)
{
  return e->type == 0x05 || e->type == MBR_EXTENDED || e->type == 0x85;
}

/* The chain of extended boot records, partitions 5 and up.  A record may be empty; a
 * chain that runs in a circle ends after so many steps. */
static int
find_logical(const struct disk *disk, const struct mbr_entry *extended, unsigned number,
             uint64_t *offset, uint64_t *length)
{
  uint64_t at = extended->start;
  unsigned found = 4;

  for (unsigned i = 0; i < MOST_LOGICAL; i++) {
    struct mbr_entry entries[4];
    int error = read_mbr(disk, at * disk->sector, entries);

    if (error)
      return error;
    if (entries[0].count > 0 && entries[0].type != 0 && ++found == number)
      return to_bytes(disk, at + entries[0].start, entries[0].count, offset, length);
    if (!is_extended(&entries[1]))
      break;
    at = (uint64_t)extended->start + entries[1].start;
  }
  return not_found(number);
}

static int
find_mbr(const struct disk *disk, const struct mbr_entry entries[4], unsigned number,
         uint64_t *offset, uint64_t *length)
{
  if (number <= 4) {
    const struct mbr_entry *e = &entries[number - 1];
    if (e->count == 0 || e->type == 0 || is_extended(e))
      return not_found(number);
    return to_bytes(disk, e->start, e->count, offset, length);
  }
  for (unsigned i = 0; i < 4; i++)
    if (is_extended(&entries[i]))
      return find_logical(disk, &entries[i], number, offset, length);
  return not_found(number);
}

/* ---------------------------------------------------------------------- GPT */

#define GPT_ENTRY_MOST 4096u

/* The header lies in the second sector, which says how large a sector is. */
static int
read_gpt_header(struct disk *disk, uint8_t header[GPT_HEADER_SIZE])
{
  static const unsigned sectors[] = {512, 4096};

  for (unsigned i = 0; i < 2; i++) {
    int error;

    if (disk->sector != 0 && disk->sector != sectors[i])
      continue;
    error = read_at(disk, header, GPT_HEADER_SIZE, sectors[i]);
    if (error)
      return error;
    if (memcmp(header, GPT_SIGNATURE, 8) == 0) {
      disk->sector = sectors[i];
      return 0;
    }
  }
  if (disk->sector)
    nbdsrv_error("the GPT has no header: is partition-sectorsize=%u right?",
                 disk->sector);
  else
    nbdsrv_error("the GPT has no header");
  return EINVAL;
}

static int
find_gpt(struct disk *disk, unsigned number, uint64_t *offset, uint64_t *length)
{
  static const uint8_t no_type[16];
  uint8_t header[GPT_HEADER_SIZE], entry[48];
  uint32_t count, entry_size;
  uint64_t table, first, last;
  int error = read_gpt_header(disk, header);

  if (error)
    return error;
  table = le64(header + 72);
  count = le32(header + 80);
  entry_size = le32(header + 84);
  if (entry_size < GPT_ENTRY_LEAST || entry_size > GPT_ENTRY_MOST ||
      table > disk->size / disk->sector) {
    nbdsrv_error("the GPT's header makes no sense");
    return EINVAL;
  }
  if (number > count)
    return not_found(number);
  error = read_at(disk, entry, sizeof entry,
                  table * disk->sector + (uint64_t)(number - 1) * entry_size);
  if (error)
    return error;
  first = le64(entry + 32);
  last = le64(entry + 40);
  if (memcmp(entry, no_type, sizeof no_type) == 0)
    return not_found(number);
  if (last < first || last == UINT64_MAX) {
    nbdsrv_error("partition %u ends before it begins", number);
    return EINVAL;
  }
  return to_bytes(disk, first, last - first + 1, offset, length);
}

int
table_find(table_read read, void *opaque, uint64_t size, unsigned sector,
           unsigned number, uint64_t *offset, uint64_t *length)
{
  struct disk disk = {read, opaque, size, sector};
  struct mbr_entry entries[4];
  int error = read_mbr(&disk, 0, entries);

  if (error)
    return error;
  for (unsigned i = 0; i < 4; i++)
    if (entries[i].type == MBR_GPT)
      return find_gpt(&disk, number, offset, length);
  if (disk.sector == 0)
    disk.sector = MBR_SIZE;
  return find_mbr(&disk, entries, number, offset, length);
}
