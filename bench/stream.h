/* SPDX-License-Identifier: BSD-3-Clause */
/* Bytes to and from a server: a socket, or TLS on top of it.  All functions return 0 or
 * an errno value: ENODATA is the end of the stream, ETIMEDOUT a silent server.  Only
 * stream_try_send does not block.
 */
#ifndef NBDSRV_BENCH_STREAM_H
#define NBDSRV_BENCH_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/uio.h>

#include "load.h"

struct stream {
  int fd;
  void *tls; /* NULL: plain */
};

int stream_connect(struct stream *s, const struct load *load);
int stream_send(struct stream *s, const void *data, size_t len);
/* What waits to be sent; changes as it goes. */
struct outgoing {
  struct iovec *iov;
  size_t count;
};
/* EAGAIN: the rest of it has to wait for stream_wait. */
int stream_try_send(struct stream *s, struct outgoing *out);
/* Until more can be sent, or received: then readable is set. */
int stream_wait(struct stream *s, bool *readable);
/* As much as there is, at least one byte. */
int stream_recv(struct stream *s, void *data, size_t room, size_t *got);
int stream_recv_all(struct stream *s, void *data, size_t len);
void stream_close(struct stream *s);

/* Only for stream.c and the handshake: tls.c, or tls-none.c where that is missing. */
int tls_start(struct stream *s, const struct load *load);
int tls_try_send(struct stream *s, struct outgoing *out);
bool tls_has_data(struct stream *s);
int tls_recv(struct stream *s, void *data, size_t room, size_t *got);
void tls_end(struct stream *s);

#endif
