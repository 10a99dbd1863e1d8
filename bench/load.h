/* SPDX-License-Identifier: BSD-3-Clause */
/* What the load generator is asked to do: filled by options.c, read by all the others.
 */
#ifndef NBDSRV_BENCH_LOAD_H
#define NBDSRV_BENCH_LOAD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum form { FORM_SIMPLE, FORM_STRUCTURED, FORM_EXTENDED };

struct load {
  /* Where the server is. */
  const char *unixsocket, *host, *port, *export_name;
  bool tls;
  const char *psk_file, *psk_user; /* else X.509, not verified */
  pid_t pid;

  /* What is asked of it. */
  enum form form;
  unsigned command;      /* NBD_CMD_* */
  unsigned read_percent; /* of READ among READ and WRITE */
  bool sequential;
  uint32_t block;
  unsigned depth, connections;
  uint64_t requests; /* of each connection; 0: until time is up */
  double warmup, seconds;
  uint64_t range; /* of the disk to touch, 0: all */
  bool fill;      /* write all of the range first */
  bool verify;
  unsigned idle; /* open so many connections and look at the server, nothing else */

  bool json;
};

#endif
