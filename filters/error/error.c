/* SPDX-License-Identifier: BSD-3-Clause */
/* The error filter: lets operations fail at random, to see what clients make of it.
 * Looks at each operation before the layers below do, and ends some of them there.
 */
#include <sys/random.h>
#include <unistd.h>

#include <nbdsrv-filter.h>

#include "../common/errname.h"
#include "../common/path.h"

/* In what way one kind of operation fails. */
struct fault {
  int error;
  double rate;
  char file[PATH_MAX]; /* only while it exists; empty: always */
};

enum kind { PREAD, PWRITE, TRIM, ZERO, EXTENTS, CACHE, KINDS };

static const struct {
  const char *name;
  uint32_t op;
} kinds[KINDS] = {
    [PREAD] = {"pread", NBDSRV_OP_READ},        [PWRITE] = {"pwrite", NBDSRV_OP_WRITE},
    [TRIM] = {"trim", NBDSRV_OP_TRIM},          [ZERO] = {"zero", NBDSRV_OP_ZERO},
    [EXTENTS] = {"extents", NBDSRV_OP_EXTENTS}, [CACHE] = {"cache", NBDSRV_OP_CACHE},
};

struct error {
  struct fault faults[KINDS];
};

#define FREE_PARAM(name, help, value)                                                  \
  {                                                                                    \
    name, NBDSRV_FREE, 0, 0, NULL, help, NULL, value                                   \
  }
#define KIND_PARAMS(kind, what)                                                        \
  FREE_PARAM("error-" kind, "error= for " what " only", "ERROR"),                      \
      FREE_PARAM("error-" kind "-rate", "error-rate= for " what " only", "RATE"),      \
      FREE_PARAM("error-" kind "-file", "error-file= for " what " only", "FILE")

/* Free, since a later one overrides an earlier one of another name. */
static const struct nbdsrv_param params[] = {
    FREE_PARAM("error", "EPERM, EIO (default), ENOMEM, EINVAL, ENOSPC, ESHUTDOWN ...",
               "ERROR"),
    FREE_PARAM("error-rate", "how many fail: 10%, 0.1 or 1:10; default 0", "RATE"),
    FREE_PARAM("error-file", "only while this file exists", "FILE"),
    KIND_PARAMS("pread", "reads"),
    KIND_PARAMS("pwrite", "writes"),
    KIND_PARAMS("trim", "trimming"),
    KIND_PARAMS("zero", "zeroing"),
    KIND_PARAMS("extents", "block status"),
    KIND_PARAMS("cache", "caching"),
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

/* "error", "error-rate", "error-KIND-file" ... to the kind (KINDS: all of them) and
 * to what of it is set: "", "-rate", "-file". */
static const char *
split_key(const char *key, enum kind *kind)
{
  const char *rest = key + strlen("error");

  for (*kind = 0; *kind < KINDS; ++*kind) {
    size_t len = strlen(kinds[*kind].name);
    if (rest[0] == '-' && strncmp(rest + 1, kinds[*kind].name, len) == 0)
      return rest + 1 + len;
  }
  return rest;
}

static int
parse_errno(const char *key, const char *value, int *error)
{
  *error = errname_parse(value);
  if (*error)
    return 0;
  nbdsrv_error("%s: '%s' is not one of EPERM, EIO, ENOMEM, EINVAL, ENOSPC, EOVERFLOW, "
               "ENOTSUP, ESHUTDOWN",
               key, value);
  return EINVAL;
}

static int
error_config(void *inst, const char *key, const char *value)
{
  struct error *e = inst;
  enum kind kind;
  const char *what = split_key(key, &kind);
  struct fault *first = &e->faults[kind == KINDS ? 0 : kind];
  struct fault *end = kind == KINDS ? e->faults + KINDS : first + 1;
  int error = 0;

  for (struct fault *fault = first; fault < end && !error; fault++)
    if (what[0] == '\0')
      error = parse_errno(key, value, &fault->error);
    else if (strcmp(what, "-rate") == 0)
      error = nbdsrv_parse_fraction(key, value, &fault->rate);
    else
      error = path_absolute(value, fault->file);
  return error;
}

static int
error_describe(void *handle, struct nbdsrv_info *info)
{
  const struct error *e = handle;

  info->hook_ops = 0;
  for (enum kind kind = 0; kind < KINDS; kind++)
    if (e->faults[kind].rate > 0)
      info->hook_ops |= kinds[kind].op;
  return 0;
}

/* xorshift: who is hit needs no better chance, but each thread its own. */
static double
chance(void)
{
  static _Thread_local uint64_t state;

  if (state == 0 && getrandom(&state, sizeof state, GRND_NONBLOCK) != sizeof state)
    state = (uintptr_t)&state;
  state |= state == 0;
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (double)(state >> 11) / (double)((uint64_t)1 << 53);
}

static int
error_before(void *handle, struct nbdsrv_op *op)
{
  const struct error *e = handle;
  const struct fault *fault;
  enum kind kind = 0;
  int error;

  while (kinds[kind].op != op->op)
    kind++;
  fault = &e->faults[kind];
  if ((fault->rate < 1 && chance() >= fault->rate) ||
      (fault->file[0] && access(fault->file, F_OK) != 0))
    return 0;
  error = fault->error ? fault->error : EIO;
  nbdsrv_error("injecting %s error into %s", errname_of(error), kinds[kind].name);
  return error;
}

static struct nbdsrv_plugin filter = {
    .name = "error",
    .summary = "lets operations fail at random",
    .params = params,
    .instance_size = sizeof(struct error),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .config = error_config,
    .describe = error_describe,
    .before = error_before,
};

NBDSRV_FILTER(filter)
