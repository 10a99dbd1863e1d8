/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs a program to its end: bytes to its stdin, its stdout and stderr collected. */
#ifndef NBDSRV_PLUGIN_PROCESS_H
#define NBDSRV_PLUGIN_PROCESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct process_output {
  char *data;    /* given: goes there.  NULL: malloc'ed, ends with a NUL, to be freed */
  size_t room;   /* of data given; else the most that is kept */
  size_t size;   /* what came */
  bool too_much; /* it did not fit, and the rest was not read */
};

#define PROCESS_MESSAGE 4096

struct process {
  const char *const *argv; /* argv[0] is a path; ends with NULL */
  char *const *env;
  const void *input; /* for stdin; NULL: stdin is at its end */
  size_t input_size;
  /* Not NULL: it runs for a client.  Then it gets a process group of its own, and is
   * ended rather than waited for when the server has to go.  Shared by all of a plugin:
   * 0, or when the server was first seen to end. */
  atomic_long *ending;
  struct process_output out;
  bool joined;                   /* stdout goes where stderr goes, out is not used */
  char message[PROCESS_MESSAGE]; /* the beginning of stderr, ends with a NUL */
  int status;                    /* exit status; negative: the signal that ended it */
};

/* 0, or an errno value if it cannot be run at all.  Blocks. */
int process_run(struct process *p);

#endif
