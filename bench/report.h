/* SPDX-License-Identifier: BSD-3-Clause */
/* What a run found, and how it is printed. */
#ifndef NBDSRV_BENCH_REPORT_H
#define NBDSRV_BENCH_REPORT_H

#include "stats.h"

struct result {
  double seconds, server_cpu, client_cpu;
  uint64_t done, bytes, extents;
  uint64_t least_done; /* of the slowest connection */
  unsigned connections;
  struct histogram latency;
};

void report_load(const struct result *r, int json);
void report_idle(double threads, double rss_kib, int json);

#endif
