/* SPDX-License-Identifier: BSD-3-Clause */
/* Partition tables that nobody sane would make.  What sfdisk makes is tested through
 * the server, in filter-partition.py.
 */
#include "config.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "filters/partition/table.h"
#include "unit.h"

#define SIZE (4u << 20)

static uint8_t disk[SIZE];
static unsigned reads;

static int
read_disk(void *opaque, void *buf, uint64_t len, uint64_t off)
{
  (void)opaque;
  ck_assert_uint_le(off, SIZE);
  ck_assert_uint_le(len, SIZE - off);
  reads++;
  memcpy(buf, disk + off, len);
  return 0;
}

static void
put32(uint8_t *p, uint32_t v)
{
  for (int i = 0; i < 4; i++)
    p[i] = (uint8_t)(v >> 8 * i);
}

static void
put64(uint8_t *p, uint64_t v)
{
  put32(p, (uint32_t)v);
  put32(p + 4, (uint32_t)(v >> 32));
}

static void
put_mbr(uint64_t sector, unsigned entry, uint8_t type, uint32_t start, uint32_t count)
{
  uint8_t *block = disk + sector * 512;

  block[510] = 0x55;
  block[511] = 0xaa;
  block[446 + 16 * entry + 4] = type;
  put32(block + 446 + 16 * entry + 8, start);
  put32(block + 446 + 16 * entry + 12, count);
}

static void
put_gpt(uint64_t table, uint32_t count, uint32_t entry_size)
{
  put_mbr(0, 0, 0xee, 1, UINT32_MAX);
  memcpy(disk + 512, "EFI PART", 8);
  put64(disk + 512 + 72, table);
  put32(disk + 512 + 80, count);
  put32(disk + 512 + 84, entry_size);
}

static void
put_gpt_entry(uint64_t at, uint64_t first, uint64_t last)
{
  memset(disk + at, 'T', 16);
  put64(disk + at + 32, first);
  put64(disk + at + 40, last);
}

static uint64_t offset, length;

static int
find(unsigned number)
{
  reads = 0;
  return table_find(read_disk, NULL, SIZE, 0, number, &offset, &length);
}

START_TEST(mbr_primary)
{
  put_mbr(0, 1, 0x83, 2048, 100);
  ck_assert_int_eq(find(2), 0);
  ck_assert_uint_eq(offset, 2048 * 512);
  ck_assert_uint_eq(length, 100 * 512);
  ck_assert_int_eq(find(1), EINVAL);
  ck_assert_int_eq(find(5), EINVAL);
}
END_TEST

START_TEST(mbr_beyond_the_disk)
{
  put_mbr(0, 0, 0x83, 2048, SIZE / 512);
  put_mbr(0, 1, 0x83, UINT32_MAX, UINT32_MAX);
  put_mbr(0, 2, 0x83, 0, UINT32_MAX);
  for (unsigned i = 1; i <= 3; i++)
    ck_assert_int_eq(find(i), EINVAL);
}
END_TEST

START_TEST(logical_chain_with_empty_record)
{
  put_mbr(0, 0, 0x05, 100, 1000);
  put_mbr(100, 0, 0, 0, 0);
  put_mbr(100, 1, 0x05, 50, 10);
  put_mbr(150, 0, 0x83, 1, 9);
  ck_assert_int_eq(find(5), 0);
  ck_assert_uint_eq(offset, 151 * 512);
  ck_assert_uint_eq(length, 9 * 512);
  ck_assert_int_eq(find(6), EINVAL);
}
END_TEST

START_TEST(logical_chain_in_a_circle)
{
  put_mbr(0, 0, 0x0f, 100, 1000);
  put_mbr(100, 0, 0, 0, 0);
  put_mbr(100, 1, 0x05, 0, 1000);
  ck_assert_int_eq(find(5), EINVAL);
  ck_assert_uint_lt(reads, 1000);
  ck_assert_int_eq(find(UINT32_MAX), EINVAL);
  ck_assert_uint_lt(reads, 1000);
}
END_TEST

START_TEST(logical_chain_off_the_disk)
{
  put_mbr(0, 0, 0x0f, 100, 1000);
  put_mbr(100, 0, 0x83, 1, 1);
  put_mbr(100, 1, 0x05, UINT32_MAX, 1000);
  ck_assert_int_eq(find(6), EINVAL);
  ck_assert_ptr_nonnull(strstr(unit_error, "beyond the end"));
}
END_TEST

START_TEST(gpt_entry)
{
  put_gpt(2, 128, 128);
  put_gpt_entry(1024 + 128, 2048, 2049);
  ck_assert_int_eq(find(2), 0);
  ck_assert_uint_eq(offset, 2048 * 512);
  ck_assert_uint_eq(length, 1024);
  ck_assert_int_eq(find(1), EINVAL);
  ck_assert_int_eq(find(129), EINVAL);
}
END_TEST

START_TEST(gpt_entry_of_nonsense)
{
  static const uint64_t ranges[][2] = {
      {2049, 2048},    {0, UINT64_MAX},
      {1, UINT64_MAX}, {UINT64_MAX, UINT64_MAX},
      {0, SIZE / 512}, {UINT64_MAX / 512, UINT64_MAX - 1},
      {UINT64_MAX, 0}};

  put_gpt(2, 128, 128);
  for (size_t i = 0; i < sizeof ranges / sizeof ranges[0]; i++) {
    put_gpt_entry(1024, ranges[i][0], ranges[i][1]);
    ck_assert_int_eq(find(1), EINVAL);
  }
}
END_TEST

START_TEST(gpt_header_of_nonsense)
{
  static const uint64_t tables[] = {UINT64_MAX, UINT64_MAX / 512, SIZE / 512};
  static const uint32_t sizes[] = {0, 1, 127, 4097, UINT32_MAX};

  for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
    put_gpt(tables[i], UINT32_MAX, 128);
    ck_assert_int_eq(find(1), EINVAL);
    ck_assert_int_eq(find(UINT32_MAX), EINVAL);
  }
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    put_gpt(2, 128, sizes[i]);
    ck_assert_int_eq(find(1), EINVAL);
  }
  put_gpt(2, UINT32_MAX, 4096);
  ck_assert_int_eq(find(UINT32_MAX), EINVAL);
}
END_TEST

START_TEST(random_tables)
{
  srand(1);
  for (int i = 0; i < 20000; i++) {
    unsigned number = 1 + (unsigned)rand() % 9;

    for (size_t b = 0; b < 2048; b++)
      disk[b] = (uint8_t)(rand() % 4 ? 0 : rand());
    if (i & 1)
      put_gpt((uint64_t)rand() % 4, (uint32_t)rand(), 128u + (uint32_t)rand() % 3);
    else
      put_mbr(0, (unsigned)rand() % 4, 5, (uint32_t)rand() % 3, (uint32_t)rand());
    if (find(number) == 0) {
      ck_assert_uint_le(offset, SIZE);
      ck_assert_uint_le(length, SIZE - offset);
    }
  }
}
END_TEST

int
main(void)
{
  const TTest *const tests[] = {mbr_primary,
                                mbr_beyond_the_disk,
                                logical_chain_with_empty_record,
                                logical_chain_in_a_circle,
                                logical_chain_off_the_disk,
                                gpt_entry,
                                gpt_entry_of_nonsense,
                                gpt_header_of_nonsense,
                                random_tables};

  return unit_main("partition-table", tests, sizeof tests / sizeof tests[0]);
}
