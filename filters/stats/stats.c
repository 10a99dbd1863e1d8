/* SPDX-License-Identifier: BSD-3-Clause */
/* The stats filter: counts operations and writes the sums to a file at the end.
 * Looks at operations on their way down and up.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <nbdsrv-filter.h>

#include "../common/clock.h"
#include "counter.h"

enum kind { READ, WRITE, TRIM, ZERO, EXTENTS, CACHE, FLUSH, KINDS };

struct stats {
  const char *file;
  int append;
  uint32_t threshold;
  FILE *out;
  uint64_t start_ns;
  struct counter *counters; /* KINDS */
};

static const struct nbdsrv_param params[] = {
    {"statsfile", NBDSRV_PATH, NBDSRV_REQUIRED, offsetof(struct stats, file), NULL,
     "file to write the sums to", NULL, "FILE"},
    {"statsappend", NBDSRV_BOOL, 0, offsetof(struct stats, append), "false",
     "keep what the file has", NULL, NULL},
    {"statsthreshold", NBDSRV_UINT32, 0, offsetof(struct stats, threshold), "95",
     "percent of the requests whose sizes are broken down", NULL, "PERCENT"},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

static int
stats_ready(void *inst)
{
  static const char *const names[KINDS] = {"read",    "write", "trim", "zero",
                                           "extents", "cache", "flush"};
  struct stats *s = inst;

  if (s->threshold > 100) {
    nbdsrv_error("statsthreshold: %u percent is more than all", s->threshold);
    return EINVAL;
  }
  s->out = fopen(s->file, s->append ? "ae" : "we");
  if (!s->out) {
    int error = errno;
    nbdsrv_error("statsfile: %s: %s", s->file, strerror(error));
    return error;
  }
  s->counters = calloc(KINDS, sizeof *s->counters);
  if (!s->counters) {
    fclose(s->out);
    return ENOMEM;
  }
  for (enum kind kind = 0; kind < KINDS; kind++)
    s->counters[kind].name = names[kind];
  s->start_ns = clock_ns();
  return 0;
}

static void
stats_stop(void *inst)
{
  struct stats *s = inst;
  uint64_t ns = clock_ns() - s->start_ns, ops = 0, bytes = 0;

  for (enum kind kind = 0; kind < KINDS; kind++) {
    ops += s->counters[kind].ops;
    if (kind != EXTENTS && kind != CACHE) /* nothing was moved */
      bytes += s->counters[kind].bytes;
  }
  counter_print_sum("total", ops, bytes, ns, s->out);
  putc('\n', s->out);
  for (enum kind kind = 0; kind < KINDS; kind++)
    counter_print(&s->counters[kind], ns, s->threshold, s->out);
  fclose(s->out);
  free(s->counters);
}

static enum kind
kind_of(uint32_t op)
{
  switch (op) {
  case NBDSRV_OP_READ:
    return READ;
  case NBDSRV_OP_WRITE:
    return WRITE;
  case NBDSRV_OP_TRIM:
    return TRIM;
  case NBDSRV_OP_ZERO:
    return ZERO;
  case NBDSRV_OP_EXTENTS:
    return EXTENTS;
  case NBDSRV_OP_CACHE:
    return CACHE;
  default:
    return FLUSH;
  }
}

static int
stats_before(void *handle, struct nbdsrv_op *op)
{
  (void)handle;
  op->opaque = clock_ns();
  return 0;
}

static void
stats_after(void *handle, struct nbdsrv_op *op, int *error)
{
  struct stats *s = handle;

  if (!*error)
    counter_add(&s->counters[kind_of(op->op)], op->length, op->offset,
                clock_ns() - op->opaque);
}

static struct nbdsrv_plugin filter = {
    .name = "stats",
    .summary = "counts operations, writes the sums to a file",
    .params = params,
    .instance_size = sizeof(struct stats),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .ready = stats_ready,
    .stop = stats_stop,
    .before = stats_before,
    .after = stats_after,
};

NBDSRV_FILTER(filter)
