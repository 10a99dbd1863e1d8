/* SPDX-License-Identifier: BSD-3-Clause */
/* Latencies in a histogram of constant size, and what a process has used up. */
#ifndef NBDSRV_BENCH_STATS_H
#define NBDSRV_BENCH_STATS_H

#include <stdint.h>
#include <sys/types.h>

/* Each power of two is cut into HISTOGRAM_PARTS: an error below one percent. */
#define HISTOGRAM_BITS  7u
#define HISTOGRAM_PARTS (1u << HISTOGRAM_BITS)
#define HISTOGRAM_ROWS  36u

struct histogram {
  uint64_t total;
  uint64_t counts[HISTOGRAM_ROWS * HISTOGRAM_PARTS];
};

static inline void
histogram_add(struct histogram *h, uint64_t ns)
{
  unsigned row = 0;

  if (ns >= HISTOGRAM_PARTS) {
    row = 64 - HISTOGRAM_BITS - (unsigned)__builtin_clzll(ns);
    if (row >= HISTOGRAM_ROWS)
      row = HISTOGRAM_ROWS - 1;
    ns >>= row - 1;
  }
  h->counts[row * HISTOGRAM_PARTS + ns % HISTOGRAM_PARTS]++;
  h->total++;
}

void histogram_merge(struct histogram *to, const struct histogram *from);
/* In nanoseconds; part 0.5 is the median. */
double histogram_at(const struct histogram *h, double part);

uint64_t stats_now_ns(void);
/* CPU time of a process and its children, threads that have ended included. */
double stats_cpu_seconds(pid_t pid);
/* Resident KiB and threads of a process and its children. */
void stats_footprint(pid_t pid, long *rss_kib, long *threads);

#endif
