/* SPDX-License-Identifier: BSD-3-Clause */
/* The rate filter: limits the bandwidth of a client and of all of them together.
 * Gets reads and writes; hands them on when their bytes are due.
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include <nbdsrv-filter.h>

#include "../common/clock.h"
#include "../common/pass.h"
#include "bucket.h"

/* The least time between two looks at a file with a rate. */
#define LOOK_NS 100000000u

enum direction { READ, WRITE, DIRECTIONS };

/* A limit: both directions have the same, each for itself. */
struct limit {
  const char *file; /* or NULL */
  struct bucket buckets[DIRECTIONS];
  atomic_uint_fast64_t looked_ns;
};

struct rate {
  uint64_t rate, connection_rate; /* bits a second; 0: none */
  const char *rate_file, *connection_rate_file;
  uint64_t burstiness; /* nanoseconds */
  struct limit all;
};

struct handle {
  struct pass pass; /* first */
  struct limit own;
};

static const struct nbdsrv_param params[] = {
    {"rate", NBDSRV_SIZE, 0, offsetof(struct rate, rate), NULL,
     "bits a second of all clients together", NULL, "BITS"},
    {"connection-rate", NBDSRV_SIZE, 0, offsetof(struct rate, connection_rate), NULL,
     "bits a second of each client", NULL, "BITS"},
    {"rate-file", NBDSRV_PATH, 0, offsetof(struct rate, rate_file), NULL,
     "file with the rate, looked at while serving", NULL, "FILE"},
    {"connection-rate-file", NBDSRV_PATH, 0,
     offsetof(struct rate, connection_rate_file), NULL,
     "file with the connection-rate, looked at while serving", NULL, "FILE"},
    {"burstiness", NBDSRV_DURATION, 0, offsetof(struct rate, burstiness), "2",
     "as much may be saved up while nothing is asked for", NULL, NULL},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

static void
limit_init(struct limit *limit, uint64_t rate, const char *file, uint64_t burst_ns)
{
  limit->file = file;
  atomic_init(&limit->looked_ns, 0);
  for (int i = 0; i < DIRECTIONS; i++)
    bucket_init(&limit->buckets[i], rate, (double)burst_ns / 1e9, clock_ns());
}

static void
limit_destroy(struct limit *limit)
{
  for (int i = 0; i < DIRECTIONS; i++)
    bucket_destroy(&limit->buckets[i]);
}

/* A file that is not there or makes no sense changes nothing. */
static void
look_at_file(struct limit *limit, uint64_t now)
{
  char text[64];
  uint64_t rate;
  int fd = open(limit->file, O_RDONLY | O_CLOEXEC);
  ssize_t n;

  if (fd == -1)
    return;
  n = read(fd, text, sizeof text - 1);
  close(fd);
  if (n <= 0)
    return;
  text[n] = '\0';
  text[strcspn(text, "\r\n")] = '\0';
  if (nbdsrv_parse_size(limit->file, text, &rate) == 0)
    for (int i = 0; i < DIRECTIONS; i++)
      bucket_set_rate(&limit->buckets[i], rate, now);
}

static uint64_t
limit_take(struct limit *limit, enum direction direction, uint64_t bits)
{
  uint64_t now = clock_ns();

  if (limit->file) {
    uint_fast64_t looked = atomic_load(&limit->looked_ns);
    if (now - looked >= LOOK_NS &&
        atomic_compare_exchange_strong(&limit->looked_ns, &looked, now))
      look_at_file(limit, now);
  }
  return bucket_take(&limit->buckets[direction], bits, now);
}

/* ----------------------------------------------------------------------------- */

static int
rate_ready(void *inst)
{
  struct rate *r = inst;

  limit_init(&r->all, r->rate, r->rate_file, r->burstiness);
  return 0;
}

static void
rate_stop(void *inst)
{
  struct rate *r = inst;

  limit_destroy(&r->all);
}

static int
rate_open(void *inst, const struct nbdsrv_client *client, void **handle)
{
  const struct rate *r = inst;
  int error = pass_open_size(inst, client, sizeof(struct handle), handle);

  if (!error)
    limit_init(&((struct handle *)*handle)->own, r->connection_rate,
               r->connection_rate_file, r->burstiness);
  return error;
}

static void
rate_close(void *handle)
{
  struct handle *h = handle;

  limit_destroy(&h->own);
  free(h);
}

static int
rate_describe(void *handle, struct nbdsrv_info *info)
{
  const struct rate *r = ((struct pass *)handle)->settings;

  if (!r->rate && !r->connection_rate && !r->rate_file && !r->connection_rate_file)
    info->own_ops = 0;
  return 0;
}

/* Both limits have to be kept; the waits overlap. */
static int
wait_for(struct handle *h, enum direction direction, uint64_t len)
{
  struct rate *r = h->pass.settings;
  uint64_t one = limit_take(&h->own, direction, len * 8);
  uint64_t all = limit_take(&r->all, direction, len * 8);
  uint64_t longer = one > all ? one : all;

  return longer ? nbdsrv_sleep(longer) : 0;
}

static int
rate_read(void *handle, void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  struct handle *h = handle;
  int error = wait_for(h, READ, len);

  return error ? error : nbdsrv_next_read(h->pass.next, buf, len, off, flags);
}

static int
rate_write(void *handle, const void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  struct handle *h = handle;
  int error = wait_for(h, WRITE, len);

  return error ? error : nbdsrv_next_write(h->pass.next, buf, len, off, flags);
}

static struct nbdsrv_plugin filter = {
    .name = "rate",
    .summary = "limits the bandwidth of clients",
    .params = params,
    .instance_size = sizeof(struct rate),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .ready = rate_ready,
    .stop = rate_stop,
    .open = rate_open,
    .describe = rate_describe,
    .close = rate_close,
    .read = rate_read,
    .write = rate_write,
};

NBDSRV_FILTER(filter)
