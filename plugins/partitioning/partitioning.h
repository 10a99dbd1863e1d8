/* SPDX-License-Identifier: BSD-3-Clause */
/* The partitioning plugin: its parameters, and who makes which table. */
#ifndef NBDSRV_PARTITIONING_H
#define NBDSRV_PARTITIONING_H

#include "../common/pieces.h"

#define SECTOR 512u

#define GUID_SIZE 16

struct partition {
  const struct pieces_file *file;
  uint64_t alignment;
  uint8_t mbr_id;
  uint8_t type_guid[GUID_SIZE];
  uint64_t first, count; /* sectors, once it has its place */
};

/* Values of type, in the order of the words in partitioning.c. */
enum { PARTITIONING_AUTO, PARTITIONING_MBR, PARTITIONING_GPT };

/* The instance. */
struct partitioning {
  struct pieces pieces; /* first */
  int type;
  struct partition next; /* what was said for the files to come */
  bool said_anything;
  struct partition *list;
  size_t count;
  uint8_t *tables; /* all of them, one after the other */
};

/* Puts a partition at the end of the disk, aligned. */
int partitioning_place(struct partitioning *p, struct partition *partition);

/* mbr.c, gpt.c: put together the disk. */
int mbr_build(struct partitioning *p);
int gpt_build(struct partitioning *p);
/* An entry of an MBR; what does not fit is cut off. */
void mbr_entry(uint8_t *entry, uint8_t status, uint8_t id, uint64_t first,
               uint64_t count);

/* guid.c.  Text with or without braces; false: it is none. */
bool guid_parse(const char *text, uint8_t guid[GUID_SIZE]);
/* The same for the same words, always. */
void guid_derive(const char *text, uint64_t number, uint8_t guid[GUID_SIZE]);

#endif
