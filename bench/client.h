/* SPDX-License-Identifier: BSD-3-Clause */
/* One connection of the load generator. */
#ifndef NBDSRV_BENCH_CLIENT_H
#define NBDSRV_BENCH_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

enum form { FORM_SIMPLE, FORM_STRUCTURED, FORM_EXTENDED };

struct load {
  const char *unixsocket, *host, *port, *export_name;
  enum form form;
  unsigned command;      /* NBD_CMD_* */
  unsigned read_percent; /* of READ among READ and WRITE; 100 or 0 where unmixed */
  bool sequential;
  uint32_t block;
  unsigned depth, connections;
  uint64_t requests; /* of each connection, 0: until time is up */
  double seconds;
  uint64_t range; /* of the disk to touch, 0: all */
  bool verify;    /* each block holds its own offset */
};

struct client {
  const struct load *load;
  unsigned number;
  int fd;
  uint64_t size;
  uint32_t context;
  uint64_t random;
  uint64_t next; /* sequential: the next offset */

  /* Results. */
  uint64_t done, bytes;
  uint32_t *latency_ns; /* of every request, as far as room goes */
  uint64_t latencies;
  const char *error;
};

#define MOST_LATENCIES 4000000u

/* Connects and negotiates; false with client->error. */
bool client_open(struct client *client);
/* Sends and receives until *stop or the number of requests is reached. */
void client_run(struct client *client, const volatile bool *stop);

#endif
