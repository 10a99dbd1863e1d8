/* SPDX-License-Identifier: BSD-3-Clause */
/* Bytes to and from a client: a plain socket or pipe pair here, TLS in tls.c.
 *
 * Receiving is done by the connection's thread alone, sending by one thread at a
 * time (the handshake, later whoever holds conn->sending).
 */
#ifndef NBDSRV_TRANSPORT_H
#define NBDSRV_TRANSPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct tls_session;

struct transport {
  int fd_in, fd_out; /* the same but for stdin and stdout */
  bool is_socket;
  int wake_fd;    /* readable when the server ends; for pipes, which know no shutdown */
  int timeout_ms; /* 0: none; for pipes */
  struct tls_session *tls; /* NULL: plain */
};

void transport_init(struct transport *t, int fd_in, int fd_out, int wake_fd);
void transport_close(struct transport *t);

/* Results: bytes > 0; 0 at the end of the stream; -errno: -EAGAIN under nowait,
 * -ETIMEDOUT after the time set by transport_set_timeout, else the connection is
 * lost. */
ssize_t transport_recv(struct transport *t, void *buf, size_t len, bool nowait);
ssize_t transport_recvv(struct transport *t, const struct iovec *iov, int count);
/* Past TLS, for TLS itself. */
ssize_t transport_plain_recvv(struct transport *t, const struct iovec *iov, int count,
                              bool nowait);
ssize_t transport_plain_sendv(struct transport *t, const struct iovec *iov, int count,
                              bool nowait, bool more);
/* more: what follows comes at once (MSG_MORE).  -EAGAIN: no room, under nowait at once,
 * else after TRANSPORT_SEND_MS (sockets only; pipes block). */
#define TRANSPORT_SEND_MS 50
ssize_t transport_sendv(struct transport *t, const struct iovec *iov, int count,
                        bool nowait, bool more);
/* Whether transport_send_file may be used. */
bool transport_sends_files(const struct transport *t);
/* From a file without passing through user space.  Blocks; plain sockets only. */
ssize_t transport_send_file(struct transport *t, int fd, uint64_t offset, size_t len);

/* A receive that brings nothing for that long ends with -ETIMEDOUT. 0: never. */
void transport_set_timeout(struct transport *t, uint64_t ns);
/* Blocks until there is something to receive, without a limit of time.
 * 0 or an errno value. */
int transport_wait(struct transport *t);

/* Blocks until there is something to receive or room to send: TRANSPORT_READABLE and
 * TRANSPORT_WRITABLE, or -errno. */
#define TRANSPORT_READABLE 1
#define TRANSPORT_WRITABLE 2
int transport_wait_both(struct transport *t);

/* Wakes whoever blocks in a receive: what the client sent already is still read,
 * then comes the end of the stream. Any thread. */
void transport_stop_receiving(struct transport *t);
/* Wakes whoever blocks in anything; both ways are dead after it.  Any thread. */
void transport_cut(struct transport *t);
/* No more bytes will be sent (TLS: close_notify). */
void transport_finish(struct transport *t);

#endif
