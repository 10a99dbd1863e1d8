/* SPDX-License-Identifier: BSD-3-Clause */
/* The protect filter: parts of the disk that cannot be changed.
 * Gets changes; those that meet a protected range have to leave it as it is.
 */
#include <string.h>

#include "../common/compare.h"
#include "../common/pass.h"

#define MOST_RANGES 1000

struct protect {
  unsigned count;
  struct protected
  {
    uint64_t first, last;
    bool outside; /* all but this is protected */
  }
  ranges[MOST_RANGES];
};

static const struct nbdsrv_param params[] = {
    {"protect", NBDSRV_FREE, NBDSRV_REPEAT, 0, NULL,
     "bytes that cannot be changed; ~ in front: all others cannot", NULL,
     "[~]FIRST-LAST"},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

/* A number, or fallback for none at all. */
static int
parse_end(const char *value, const char *start, size_t len, uint64_t fallback,
          uint64_t *number)
{
  char text[32];

  if (len == 0) {
    *number = fallback;
    return 0;
  }
  if (len >= sizeof text) {
    nbdsrv_error("protect: '%s' is not FIRST-LAST", value);
    return EINVAL;
  }
  memcpy(text, start, len);
  text[len] = '\0';
  return nbdsrv_parse_uint64("protect", text, INT64_MAX, number);
}

static int
protect_config(void *inst, const char *key, const char *value)
{
  struct protect *p = inst;
  struct protected *r = &p->ranges[p->count];
  const char *start = value + (value[0] == '~'), *dash = strchr(start, '-');
  int error;

  (void)key;
  if (p->count == MOST_RANGES) {
    nbdsrv_error("protect: at most %d ranges", MOST_RANGES);
    return EINVAL;
  }
  if (!dash) {
    nbdsrv_error("protect: '%s' is not FIRST-LAST", value);
    return EINVAL;
  }
  error = parse_end(value, start, (size_t)(dash - start), 0, &r->first);
  if (!error)
    error = parse_end(value, dash + 1, strlen(dash + 1), INT64_MAX, &r->last);
  if (!error && r->first > r->last) {
    nbdsrv_error("protect: '%s' ends before it begins", value);
    error = EINVAL;
  }
  r->outside = value[0] == '~';
  p->count++;
  return error;
}

/* A part of a change that meets a protected range must not change it. */
static int
check_part(struct nbdsrv_next *next, const char *buf, uint64_t len, uint64_t off,
           uint64_t first, uint64_t last)
{
  uint64_t end = off + len - 1;
  bool same;
  int error;

  if (off > last || end < first)
    return 0;
  if (first < off)
    first = off;
  if (last > end)
    last = end;
  error = compare_below(next, buf ? buf + (first - off) : NULL, last - first + 1, first,
                        &same);
  if (!error && !same) {
    nbdsrv_error("bytes %llu to %llu are protected", (unsigned long long)first,
                 (unsigned long long)last);
    error = EPERM;
  }
  return error;
}

/* buf NULL: zeroes. */
static int
check(const struct pass *pass, const char *buf, uint64_t len, uint64_t off)
{
  const struct protect *p = pass->settings;
  int error = 0;

  for (unsigned i = 0; i < p->count && !error; i++) {
    const struct protected *r = &p->ranges[i];

    if (!r->outside)
      error = check_part(pass->next, buf, len, off, r->first, r->last);
    if (!error && r->outside && r->first > 0)
      error = check_part(pass->next, buf, len, off, 0, r->first - 1);
    if (!error && r->outside)
      error = check_part(pass->next, buf, len, off, r->last + 1, UINT64_MAX);
  }
  return error;
}

static int
protect_describe(void *handle, struct nbdsrv_info *info)
{
  const struct protect *p = ((struct pass *)handle)->settings;

  if (p->count == 0)
    info->own_ops = 0;
  return 0;
}

static int
protect_write(void *handle, const void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  const struct pass *pass = handle;
  int error = check(pass, buf, len, off);

  return error ? error : nbdsrv_next_write(pass->next, buf, len, off, flags);
}

static int
protect_zero(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  const struct pass *pass = handle;
  int error = check(pass, NULL, len, off);

  return error ? error : nbdsrv_next_zero(pass->next, len, off, flags);
}

/* It may leave zeroes: no more than that is allowed to it. */
static int
protect_trim(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  const struct pass *pass = handle;
  int error = check(pass, NULL, len, off);

  return error ? error : nbdsrv_next_trim(pass->next, len, off, flags);
}

static struct nbdsrv_plugin filter = {
    .name = "protect",
    .summary = "keeps parts of the disk from being changed",
    .params = params,
    .instance_size = sizeof(struct protect),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .config = protect_config,
    .open = pass_open,
    .describe = protect_describe,
    .close = free,
    .write = protect_write,
    .zero = protect_zero,
    .trim = protect_trim,
};

NBDSRV_FILTER(filter)
