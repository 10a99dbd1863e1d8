/* SPDX-License-Identifier: BSD-3-Clause */
/* The partitioning plugin: files as the partitions of one disk.
 * Gets files and what is said about them; mbr.c and gpt.c put the disk together, which
 * plugins/common/pieces.c serves.
 */
#include "config.h"

#include "partitioning.h"

#include <stdlib.h>
#include <string.h>

#define MIB ((uint64_t)1 << 20)

#define DEFAULT_ALIGNMENT MIB
#define MOST_ALIGNMENT    MIB
#define DEFAULT_MBR_ID    0x83 /* Linux */
#define DEFAULT_TYPE_GUID "0FC63DAF-8483-4772-8E79-3D69D8477DE4"

/* Sectors have 32 bits in an MBR.  Four partitions and the table itself may each cost
 * an alignment. */
#define MOST_BYTES_OF_MBR (((uint64_t)SECTOR << 32) - 5 * MOST_ALIGNMENT)

static const struct nbdsrv_param params[] = {
    {"file", NBDSRV_FREE, NBDSRV_MAGIC | NBDSRV_REPEAT | NBDSRV_REQUIRED, 0, NULL,
     "a file or block device that is the next partition", NULL, "FILE"},
    {"partition-type", NBDSRV_ENUM, 0, offsetof(struct partitioning, type), "auto",
     "the kind of table; auto: gpt for many or large partitions", "auto|mbr|gpt", NULL},
    {"alignment", NBDSRV_FREE, NBDSRV_REPEAT, 0, NULL,
     "where the partitions of files after it begin (1M)", NULL, "SIZE"},
    {"mbr-id", NBDSRV_FREE, NBDSRV_REPEAT, 0, NULL,
     "type of the files after it in an MBR: default or a number (0x83)", NULL, "ID"},
    {"type-guid", NBDSRV_FREE, NBDSRV_REPEAT, 0, NULL,
     "type of the files after it in a GPT: default or a GUID (Linux)", NULL, "GUID"},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

/* ------------------------------------------------------------------- parameters */

static int
set_alignment(struct partition *next, const char *value)
{
  uint64_t alignment;
  int error = nbdsrv_parse_size("alignment", value, &alignment);

  if (!error &&
      (alignment < SECTOR || alignment > MOST_ALIGNMENT || alignment % SECTOR != 0)) {
    nbdsrv_error("alignment: %s is not a multiple of %u from %u to 1M", value, SECTOR,
                 SECTOR);
    error = EINVAL;
  }
  if (!error)
    next->alignment = alignment;
  return error;
}

static int
set_mbr_id(struct partition *next, const char *value)
{
  uint64_t id = DEFAULT_MBR_ID;
  int error = 0;

  if (strcmp(value, "default") != 0)
    error = nbdsrv_parse_uint64("mbr-id", value, UINT8_MAX, &id);
  if (!error)
    next->mbr_id = (uint8_t)id;
  return error;
}

static int
set_type_guid(struct partition *next, const char *value)
{
  if (guid_parse(strcmp(value, "default") == 0 ? DEFAULT_TYPE_GUID : value,
                 next->type_guid))
    return 0;
  nbdsrv_error("type-guid: '%s' is no GUID", value);
  return EINVAL;
}

static int
add_file(struct partitioning *p, const char *name)
{
  struct partition *list = realloc(p->list, (p->count + 1) * sizeof *list);
  int error = list ? pieces_name_file(&p->pieces, name) : ENOMEM;

  if (list)
    p->list = list;
  if (error)
    return error;
  list[p->count] = p->next;
  list[p->count].file = p->pieces.files[p->count];
  p->count++;
  return 0;
}

static int
partitioning_config(void *inst, const char *key, const char *value)
{
  struct partitioning *p = inst;

  if (!p->said_anything) {
    p->said_anything = true;
    p->next.alignment = DEFAULT_ALIGNMENT;
    p->next.mbr_id = DEFAULT_MBR_ID;
    guid_parse(DEFAULT_TYPE_GUID, p->next.type_guid);
  }
  if (strcmp(key, "file") == 0)
    return add_file(p, value);
  if (strcmp(key, "alignment") == 0)
    return set_alignment(&p->next, value);
  return strcmp(key, "mbr-id") == 0 ? set_mbr_id(&p->next, value)
                                    : set_type_guid(&p->next, value);
}

/* ---------------------------------------------------------------------- the disk */

int
partitioning_place(struct partitioning *p, struct partition *partition)
{
  struct pieces *pieces = &p->pieces;
  uint64_t size = partition->file->size;
  uint64_t before = -pieces->size % partition->alignment, after = -size % SECTOR;
  int error = pieces_append_zeroes(pieces, before);

  partition->first = pieces->size / SECTOR;
  partition->count = (size + after) / SECTOR;
  if (!error)
    error = pieces_append_file(pieces, partition->file);
  return error ? error : pieces_append_zeroes(pieces, after);
}

/* Adds up what the files need. */
static int
check_files(const struct partitioning *p, uint64_t *total)
{
  *total = 0;
  for (size_t i = 0; i < p->count; i++) {
    const struct pieces_file *file = p->list[i].file;
    if (file->size == 0) {
      nbdsrv_error("%s is empty: it cannot be a partition", file->path);
      return EINVAL;
    }
    if (file->size > (uint64_t)INT64_MAX - *total)
      return EFBIG;
    *total += file->size;
  }
  return 0;
}

static int
partitioning_ready(void *inst)
{
  struct partitioning *p = inst;
  uint64_t total;
  int error = pieces_measure(&p->pieces);

  if (!error)
    error = check_files(p, &total);
  if (error)
    return error;
  if (p->type == PARTITIONING_AUTO)
    p->type =
        p->count > 4 || total > MOST_BYTES_OF_MBR ? PARTITIONING_GPT : PARTITIONING_MBR;
  return p->type == PARTITIONING_GPT ? gpt_build(p) : mbr_build(p);
}

static void
partitioning_unload(void *inst)
{
  struct partitioning *p = inst;

  pieces_free(&p->pieces);
  free(p->list);
  free(p->tables);
}

static struct nbdsrv_plugin plugin = {
    .name = "partitioning",
    .summary = "serves files as the partitions of one disk",
    .params = params,
    .instance_size = sizeof(struct partitioning),
    .config = partitioning_config,
    .ready = partitioning_ready,
    .unload = partitioning_unload,
    PIECES_MEMBERS,
};

NBDSRV_PLUGIN(plugin)
