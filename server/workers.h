/* SPDX-License-Identifier: BSD-3-Clause */
/* The pool of threads for what would block, shared by all connections: grown on
 * demand, gone again when idle.  How many jobs of one connection run at once is
 * bounded by the one who submits (dispatch.c), not here.
 */
#ifndef NBDSRV_WORKERS_H
#define NBDSRV_WORKERS_H

struct workers;

/* A thing to do; embedded in what it is about. */
struct job {
  void (*run)(struct job *job);
  struct job *next;
};

int workers_new(struct workers **workers);
/* Waits for the running jobs; none may be queued any more. */
void workers_free(struct workers *workers);

/* Queues a list of jobs linked by next and wakes or makes threads for them. */
void workers_submit(struct workers *workers, struct job *first);

#endif
