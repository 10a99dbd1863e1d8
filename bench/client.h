/* SPDX-License-Identifier: BSD-3-Clause */
/* One connection of the load generator: client_open, client_run, client_close, each in
 * a thread of its own.  What it counts it counts in here, nothing is shared.
 */
#ifndef NBDSRV_BENCH_CLIENT_H
#define NBDSRV_BENCH_CLIENT_H

#include <stdatomic.h>

#include "load.h"
#include "stats.h"
#include "stream.h"

/* What all clients do now; set by the main thread, read by the clients. */
enum phase { PHASE_WARMUP, PHASE_MEASURE, PHASE_STOP };

/* A request in flight. */
struct slot {
  uint64_t start_ns, offset;
  uint64_t got; /* bytes of data that came */
  uint32_t length;
  unsigned command;
};

struct client {
  const struct load *load;
  unsigned number;
  struct stream stream;
  uint64_t size; /* of the export, then of the part that is used */
  uint16_t flags;

  /* Of the requests made so far. */
  uint64_t random;
  uint64_t next; /* sequential: the next offset */
  uint64_t sent;

  /* Requests in flight, and the numbers of those that are not. */
  struct slot *slots;
  unsigned *idle, idle_count;

  /* What has been received and not been looked at. */
  uint8_t *in;
  size_t in_start, in_end;
  /* The data that come next; then this request is finished, if there is one. */
  uint64_t data_left, data_offset;
  bool data_wanted; /* else they are skipped */
  struct slot *finishing;

  /* Results, of what was finished while measuring. */
  uint64_t done, bytes, extents;
  struct histogram latency;
  bool filled;       /* all of the range holds the pattern */
  const char *error; /* what failed */
  int error_number;  /* and why, or 0 */
};

/* Connects and negotiates; false with client->error. */
bool client_open(struct client *c);
/* Writes all of the range that is used; false with client->error. */
bool client_fill(struct client *c);
/* Sends and receives until PHASE_STOP or the number of requests is reached, and takes
 * all answers.  May set client->error.
 */
void client_run(struct client *c, atomic_int *phase);
void client_close(struct client *c);

/* Notes the first error; returns false. */
bool client_fail(struct client *c, const char *what, int number);

/* handshake.c: everything up to the first request. */
bool handshake(struct client *c);

/* answers.c: takes what stands in client->in. */
bool answers_parse(struct client *c, bool measuring);

/* pattern.c: what is written with --verify at each offset of the disk. */
void pattern_put(uint8_t *data, size_t len, uint64_t offset);
bool pattern_holds(const uint8_t *data, size_t len, uint64_t offset, bool zeroes_too);

#endif
