/* SPDX-License-Identifier: BSD-3-Clause */
/* The time that passes. */
#ifndef NBDSRV_FILTER_CLOCK_H
#define NBDSRV_FILTER_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t
clock_ns(void)
{
  struct timespec ts;

  clock_gettime(CLOCK_MONOTONIC, &ts);
  return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

#endif
