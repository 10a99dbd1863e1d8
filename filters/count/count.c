/* SPDX-License-Identifier: BSD-3-Clause */
/* The count filter: counts bytes, and says at the end how many there were.
 * Looks at operations on their way up.
 */
#include <stdatomic.h>

#include <nbdsrv-filter.h>

struct count {
  atomic_ullong read, written, zeroed, trimmed;
};

#define COUNTED (NBDSRV_OP_READ | NBDSRV_OP_WRITE | NBDSRV_OP_ZERO | NBDSRV_OP_TRIM)

static void
count_stop(void *inst)
{
  struct count *c = inst;

  nbdsrv_debug("bytes read: %llu, written: %llu, zeroed: %llu, trimmed: %llu",
               atomic_load(&c->read), atomic_load(&c->written), atomic_load(&c->zeroed),
               atomic_load(&c->trimmed));
}

/* Nobody will hear of it without -v. */
static int
count_describe(void *handle, struct nbdsrv_info *info)
{
  (void)handle;
  info->hook_ops = nbdsrv_verbose() ? COUNTED : 0;
  return 0;
}

static void
count_after(void *handle, struct nbdsrv_op *op, int *error)
{
  struct count *c = handle;
  atomic_ullong *sum = op->op == NBDSRV_OP_READ    ? &c->read
                       : op->op == NBDSRV_OP_WRITE ? &c->written
                       : op->op == NBDSRV_OP_ZERO  ? &c->zeroed
                                                   : &c->trimmed;

  if (!*error)
    atomic_fetch_add_explicit(sum, op->length, memory_order_relaxed);
}

static struct nbdsrv_plugin filter = {
    .name = "count",
    .summary = "counts bytes, and says at the end how many there were",
    .instance_size = sizeof(struct count),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .stop = count_stop,
    .describe = count_describe,
    .after = count_after,
};

NBDSRV_FILTER(filter)
