/* SPDX-License-Identifier: BSD-3-Clause */
/* A disk with an MBR, and logical partitions if there are more than four.
 * Gets partitions from partitioning.c; puts tables and files into the list of pieces.
 */
#include "config.h"

#include "partitioning.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#include "../../filters/partition/format.h"

/* Cylinders, heads and sectors that mean "see the sector numbers". */
static const uint8_t no_chs[3] = {0xfe, 0xff, 0xff};

static uint32_t
le32_at_most(uint64_t v)
{
  return htole32(v > UINT32_MAX ? UINT32_MAX : (uint32_t)v);
}

void
mbr_entry(uint8_t *entry, uint8_t status, uint8_t id, uint64_t first, uint64_t count)
{
  uint32_t first32 = le32_at_most(first), count32 = le32_at_most(count);

  entry[0] = status;
  memcpy(entry + 1, no_chs, sizeof no_chs);
  entry[4] = id;
  memcpy(entry + 5, no_chs, sizeof no_chs);
  memcpy(entry + 8, &first32, sizeof first32);
  memcpy(entry + 12, &count32, sizeof count32);
}

static uint8_t *
entry_of(uint8_t *sector, size_t i)
{
  sector[510] = 0x55;
  sector[511] = 0xaa;
  return sector + MBR_ENTRIES + i * MBR_ENTRY_SIZE;
}

/* One record before each logical partition, linked to the next one. */
struct record {
  uint8_t *sector;
  uint64_t at; /* sectors */
};

/* The record of the partition before is linked to this one, which ends with the
 * partition that it is about. */
static void
link_records(const struct record *before, const struct record *this, uint64_t extended,
             const struct partition *partition)
{
  mbr_entry(entry_of(this->sector, 0), 0, partition->mbr_id,
            partition->first - this->at, partition->count);
  if (before)
    mbr_entry(entry_of(before->sector, 1), 0, MBR_EXTENDED, this->at - extended,
              partition->first + partition->count - this->at);
}

static int
place_logical(struct partitioning *p, size_t primary, uint8_t *sector,
              uint64_t *extended)
{
  struct record before = {0}, this;
  int error = 0;

  *extended = p->pieces.size / SECTOR;
  for (size_t i = primary; i < p->count && !error; i++, sector += SECTOR) {
    this = (struct record){sector, p->pieces.size / SECTOR};
    error = pieces_append_bytes(&p->pieces, sector, SECTOR);
    if (!error)
      error = partitioning_place(p, &p->list[i]);
    if (!error)
      link_records(i > primary ? &before : NULL, &this, *extended, &p->list[i]);
    before = this;
  }
  return error;
}

int
mbr_build(struct partitioning *p)
{
  size_t primary = p->count > 4 ? 3 : p->count;
  uint64_t extended = 0;
  int error;

  p->tables = calloc(1 + p->count - primary, SECTOR);
  if (!p->tables)
    return ENOMEM;
  error = pieces_append_bytes(&p->pieces, p->tables, SECTOR);
  for (size_t i = 0; i < primary && !error; i++) {
    error = partitioning_place(p, &p->list[i]);
    mbr_entry(entry_of(p->tables, i), i == 0 ? MBR_ACTIVE : 0, p->list[i].mbr_id,
              p->list[i].first, p->list[i].count);
  }
  if (!error && primary < p->count)
    error = place_logical(p, primary, p->tables + SECTOR, &extended);
  if (error)
    return error;
  if (p->pieces.size / SECTOR > UINT32_MAX) {
    nbdsrv_error("an MBR has room for 2 TB, not for %llu bytes: use partition-type=gpt",
                 (unsigned long long)p->pieces.size);
    return EFBIG;
  }
  if (extended)
    mbr_entry(entry_of(p->tables, 3), 0, MBR_EXTENDED, extended,
              p->pieces.size / SECTOR - extended);
  return 0;
}
