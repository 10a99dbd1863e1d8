/* SPDX-License-Identifier: BSD-3-Clause */
/* Token buckets: how long to wait so that a rate is kept. */
#ifndef NBDSRV_RATE_BUCKET_H
#define NBDSRV_RATE_BUCKET_H

#include <pthread.h>
#include <stdint.h>

struct bucket {
  pthread_mutex_t lock; /* guards what follows */
  uint64_t rate;        /* bits a second; 0: no limit */
  double burst;         /* seconds: as much may be saved up */
  double level;         /* bits; below 0: owed by those that wait */
  uint64_t filled_ns;   /* when level was right */
};

void bucket_init(struct bucket *bucket, uint64_t rate, double burst, uint64_t now_ns);
void bucket_destroy(struct bucket *bucket);

/* The rate from now on; saved bits above the new burst are lost. */
void bucket_set_rate(struct bucket *bucket, uint64_t rate, uint64_t now_ns);

/* Takes bits and returns the nanoseconds to wait before using them. */
uint64_t bucket_take(struct bucket *bucket, uint64_t bits, uint64_t now_ns);

#endif
