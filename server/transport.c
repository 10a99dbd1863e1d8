/* SPDX-License-Identifier: BSD-3-Clause */
/* Bytes to and from a client over a socket, or over a pair of pipes (-s).
 * Gets descriptors from server.c; hands bytes to the handshake, request.c and
 * reply.c.  TLS, where it was negotiated, takes over inside the same calls.
 */
#include "config.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tls.h"
#include "transport.h"

void
transport_init(struct transport *t, int fd_in, int fd_out, int wake_fd)
{
  int type;
  socklen_t len = sizeof type;

  *t = (struct transport){.fd_in = fd_in, .fd_out = fd_out, .wake_fd = wake_fd};
  t->is_socket =
      fd_in == fd_out && getsockopt(fd_in, SOL_SOCKET, SO_TYPE, &type, &len) == 0;
  if (t->is_socket) {
    struct timeval tv = {.tv_usec = TRANSPORT_SEND_MS * 1000};
    setsockopt(fd_in, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv);
    /* Refused on anything but TCP, where it does not matter. */
    setsockopt(fd_in, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
  }
}

void
transport_close(struct transport *t)
{
  tls_session_free(t->tls);
  t->tls = NULL;
  close(t->fd_in);
  if (t->fd_out != t->fd_in)
    close(t->fd_out);
}

/* Pipes know no timeout and no shutdown: wait beforehand.  1: bytes or the end
 * are there; 0: the server ends; else -errno. */
static int
wait_readable(struct transport *t, int timeout_ms)
{
  struct pollfd fds[2] = {{.fd = t->fd_in, .events = POLLIN},
                          {.fd = t->is_socket ? -1 : t->wake_fd, .events = POLLIN}};
  int r;

  do
    r = poll(fds, 2, timeout_ms);
  while (r == -1 && errno == EINTR);
  if (r == -1)
    return -errno;
  if (r == 0)
    return -ETIMEDOUT;
  return fds[0].revents ? 1 : 0;
}

static ssize_t
pipe_readv(struct transport *t, const struct iovec *iov, int count, bool nowait)
{
  ssize_t r = wait_readable(t, nowait ? 0 : t->timeout_ms ? t->timeout_ms : -1);

  if (r == -ETIMEDOUT && nowait)
    return -EAGAIN;
  if (r <= 0)
    return r;
  r = readv(t->fd_in, iov, count);
  return r == -1 ? -errno : r;
}

ssize_t
transport_plain_recvv(struct transport *t, const struct iovec *iov, int count,
                      bool nowait)
{
  ssize_t r;

  do {
    if (!t->is_socket)
      r = pipe_readv(t, iov, count, nowait);
    else {
      struct msghdr msg = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)count};
      r = count == 1
              ? recv(t->fd_in, iov->iov_base, iov->iov_len, nowait ? MSG_DONTWAIT : 0)
              : recvmsg(t->fd_in, &msg, nowait ? MSG_DONTWAIT : 0);
      if (r == -1)
        r = -errno;
    }
  } while (r == -EINTR);
  return r == -EAGAIN && !nowait ? -ETIMEDOUT : r;
}

ssize_t
transport_recv(struct transport *t, void *buf, size_t len, bool nowait)
{
  if (t->tls)
    return tls_recv(t->tls, buf, len < TLS_GULP ? len : TLS_GULP, nowait);
  return transport_plain_recvv(t, &(struct iovec){buf, len}, 1, nowait);
}

ssize_t
transport_recvv(struct transport *t, const struct iovec *iov, int count)
{
  if (t->tls)
    return tls_recv(t->tls, iov->iov_base, iov->iov_len, false);
  return transport_plain_recvv(t, iov, count, false);
}

ssize_t
transport_plain_sendv(struct transport *t, const struct iovec *iov, int count,
                      bool nowait, bool more)
{
  struct msghdr msg = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)count};
  int flags = MSG_NOSIGNAL | (nowait ? MSG_DONTWAIT : 0) | (more ? MSG_MORE : 0);
  ssize_t r;

  if (!t->is_socket && nowait)
    return -EAGAIN;
  do
    r = t->is_socket ? sendmsg(t->fd_out, &msg, flags) : writev(t->fd_out, iov, count);
  while (r == -1 && errno == EINTR);
  return r == -1 ? -errno : r;
}

ssize_t
transport_sendv(struct transport *t, const struct iovec *iov, int count, bool nowait,
                bool more)
{
  if (t->tls)
    return tls_sendv(t->tls, iov, count, nowait, more);
  return transport_plain_sendv(t, iov, count, nowait, more);
}

bool
transport_sends_files(const struct transport *t)
{
  return t->is_socket && !t->tls;
}

ssize_t
transport_send_file(struct transport *t, int fd, uint64_t offset, size_t len)
{
  off_t position = (off_t)offset;
  ssize_t r;

  do
    r = sendfile(t->fd_out, fd, &position, len);
  while (r == -1 && errno == EINTR);
  return r == -1 ? -errno : r;
}

void
transport_set_timeout(struct transport *t, uint64_t ns)
{
  /* Rounded up: 0 would mean for ever. */
  uint64_t us = (ns + 999) / 1000;
  struct timeval tv = {.tv_sec = (time_t)(us / 1000000),
                       .tv_usec = (suseconds_t)(us % 1000000)};

  t->timeout_ms = (int)((us + 999) / 1000);
  if (t->is_socket)
    setsockopt(t->fd_in, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
}

int
transport_wait(struct transport *t)
{
  int r;

  if (t->tls && tls_pending(t->tls))
    return 0;
  if (t->tls)
    tls_idle(t->tls);
  r = wait_readable(t, -1);
  return r < 0 ? -r : 0;
}

int
transport_wait_both(struct transport *t)
{
  struct pollfd fds[2] = {{.fd = t->fd_in, .events = POLLIN},
                          {.fd = t->fd_out, .events = POLLOUT}};

  if (t->tls && tls_pending(t->tls))
    return TRANSPORT_READABLE;
  while (poll(fds, 2, -1) == -1)
    if (errno != EINTR)
      return -errno;
  return (fds[0].revents ? TRANSPORT_READABLE : 0) |
         (fds[1].revents ? TRANSPORT_WRITABLE : 0);
}

void
transport_stop_receiving(struct transport *t)
{
  if (t->is_socket)
    shutdown(t->fd_in, SHUT_RD);
}

void
transport_cut(struct transport *t)
{
  if (t->is_socket)
    shutdown(t->fd_in, SHUT_RDWR);
}

void
transport_finish(struct transport *t)
{
  if (t->tls)
    tls_finish(t->tls);
  if (t->is_socket)
    shutdown(t->fd_out, SHUT_WR);
}
