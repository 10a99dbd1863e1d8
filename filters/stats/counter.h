/* SPDX-License-Identifier: BSD-3-Clause */
/* What is counted of one kind of operation, and how it is printed. */
#ifndef NBDSRV_STATS_COUNTER_H
#define NBDSRV_STATS_COUNTER_H

#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>

#define COUNTER_BITS 64

struct counter {
  const char *name;
  atomic_uint_fast64_t ops, bytes, ns;
  /* By how many bits a length has, less one, and how many zeroes an offset ends in. */
  atomic_uint_fast64_t sizes[COUNTER_BITS], size_bytes[COUNTER_BITS];
  atomic_uint_fast64_t aligned[COUNTER_BITS][COUNTER_BITS + 1];
};

void counter_add(struct counter *counter, uint64_t len, uint64_t off, uint64_t ns);

/* ns: since the start.  threshold: percent of the requests whose sizes are broken
 * down; 0: none. */
void counter_print(const struct counter *counter, uint64_t ns, unsigned threshold,
                   FILE *out);

/* "name: N ops, SECONDS s, BYTES, RATE" without an end of line. */
void counter_print_sum(const char *name, uint64_t ops, uint64_t bytes, uint64_t ns,
                       FILE *out);

/* "12.34 MiB"; size: at least 32. */
void counter_bytes(double bytes, char *text, size_t size);

#endif
