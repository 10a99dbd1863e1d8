/* SPDX-License-Identifier: BSD-3-Clause */
/* The extentlist filter: extents from a file instead of the plugin.
 * Gets block status requests; list.c has the answers.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <nbdsrv-filter.h>

#include "list.h"

struct extentlist {
  const char *file;
  struct listed *list;
  size_t count;
};

static const struct nbdsrv_param params[] = {
    {"extentlist", NBDSRV_PATH, NBDSRV_REQUIRED, offsetof(struct extentlist, file),
     NULL, "file with lines: offset length [hole,zero]", NULL, "FILE"},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

static int
extentlist_ready(void *inst)
{
  struct extentlist *e = inst;
  FILE *in = fopen(e->file, "re");
  int error;

  if (!in) {
    error = errno;
    nbdsrv_error("extentlist: %s: %s", e->file, strerror(error));
    return error;
  }
  error = list_read(in, e->file, &e->list, &e->count);
  fclose(in);
  return error;
}

static void
extentlist_stop(void *inst)
{
  free(((struct extentlist *)inst)->list);
}

/* What the file says may be wrong by now: reads do not rely on it. */
static int
extentlist_describe(void *handle, struct nbdsrv_info *info)
{
  (void)handle;
  info->can |= NBDSRV_CAN_EXTENTS;
  info->can &= ~NBDSRV_CAN_SPARSE;
  info->contexts = NULL;
  return 0;
}

/* What lies between the extents of the list is a hole. */
static int
extentlist_extents(void *handle, uint64_t len, uint64_t off, uint32_t flags,
                   struct nbdsrv_extents *extents)
{
  const struct extentlist *e = handle;
  const uint32_t hole = NBDSRV_EXTENT_HOLE | NBDSRV_EXTENT_ZERO;
  uint64_t end = off + len;
  int error = 0;

  (void)flags;
  for (size_t i = list_find(e->list, e->count, off); off < end && !error; i++) {
    uint64_t begins = i < e->count ? e->list[i].offset : end, stop;

    if (begins > off) {
      stop = begins < end ? begins : end;
      error = nbdsrv_extents_add(extents, off, stop - off, hole);
      off = stop;
    }
    if (off < end && !error) {
      stop = e->list[i].offset + e->list[i].length;
      if (stop > end)
        stop = end;
      error = nbdsrv_extents_add(extents, off, stop - off, e->list[i].type);
      off = stop;
    }
  }
  return error == ERANGE ? 0 : error;
}

static struct nbdsrv_plugin filter = {
    .name = "extentlist",
    .summary = "takes extents from a file",
    .params = params,
    .instance_size = sizeof(struct extentlist),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .ready = extentlist_ready,
    .stop = extentlist_stop,
    .describe = extentlist_describe,
    .extents = extentlist_extents,
};

NBDSRV_FILTER(filter)
