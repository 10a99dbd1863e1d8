/* SPDX-License-Identifier: BSD-3-Clause */
/* Listening sockets. */
#ifndef NBDSRV_LISTEN_H
#define NBDSRV_LISTEN_H

#include <stddef.h>
#include <sys/types.h>

#define NBD_PORT "10809"

struct options;
struct server;

#define LISTEN_MAX 16

struct listeners {
  int fds[LISTEN_MAX];
  size_t count;
  char port[32];    /* the TCP or vsock port in use, "" if none */
  char *unixsocket; /* absolute, to be removed at the end, or NULL */
  dev_t device;     /* of the socket file: what else is there by then stays */
  ino_t inode;
  int activated; /* the sockets were handed over by a service manager */
};

/* Opens what options ask for, or takes over activated sockets.  0 or an errno value
 * after one line. */
int listen_open(const struct options *options, struct listeners *listeners);

/* accept.c: accepts clients until the server quits. */
void listen_accept(struct server *server, const struct listeners *listeners);

/* Closes and removes the sockets; a second time it does nothing. */
void listen_close(const struct options *options, struct listeners *listeners);

/* uri.c: the URI under which clients find the server; malloc'ed, NULL where there is
 * none. */
char *listen_uri(const struct options *options, const struct listeners *listeners);

#endif
