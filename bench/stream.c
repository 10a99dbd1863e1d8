/* SPDX-License-Identifier: BSD-3-Clause */
/* Connects to a server, sends and receives. */
#include "config.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "stream.h"

/* A server that says nothing for so long has failed. */
#define SILENCE_SECONDS 30
/* What one call may take (IOV_MAX). */
#define MOST_IOVS 1024u

static int
connect_to(struct stream *s, int family, const struct sockaddr *address, socklen_t len)
{
  s->fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (s->fd == -1)
    return errno;
  return connect(s->fd, address, len) == 0 ? 0 : errno;
}

static int
connect_tcp(struct stream *s, const struct load *load)
{
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list, *a;
  int err = ENOENT;

  if (getaddrinfo(load->host, load->port, &hints, &list) != 0)
    return EADDRNOTAVAIL;
  for (a = list; a; a = a->ai_next) {
    err = connect_to(s, a->ai_family, a->ai_addr, a->ai_addrlen);
    if (err == 0)
      break;
    stream_close(s);
  }
  freeaddrinfo(list);
  if (err == 0)
    setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
  return err;
}

int
stream_connect(struct stream *s, const struct load *load)
{
  struct sockaddr_un path = {.sun_family = AF_UNIX};
  struct timeval silence = {.tv_sec = SILENCE_SECONDS};
  int err;

  *s = (struct stream){.fd = -1};
  if (!load->unixsocket)
    err = connect_tcp(s, load);
  else if (strlen(load->unixsocket) >= sizeof path.sun_path)
    err = ENAMETOOLONG;
  else {
    memcpy(path.sun_path, load->unixsocket, strlen(load->unixsocket));
    err = connect_to(s, AF_UNIX, (struct sockaddr *)&path, sizeof path);
  }
  if (err == 0)
    setsockopt(s->fd, SOL_SOCKET, SO_RCVTIMEO, &silence, sizeof silence);
  return err;
}

int
stream_send(struct stream *s, const void *data, size_t len)
{
  struct iovec iov = {(void *)data, len};
  struct outgoing out = {&iov, 1};
  bool readable;
  int err;

  for (;;) {
    err = stream_try_send(s, &out);
    if (err == EAGAIN)
      err = stream_wait(s, &readable);
    else
      break;
    if (err != 0)
      break;
  }
  return err;
}

int
stream_try_send(struct stream *s, struct outgoing *out)
{
  if (s->tls)
    return tls_try_send(s, out);
  while (out->count > 0) {
    struct msghdr msg = {.msg_iov = out->iov,
                         .msg_iovlen = out->count < MOST_IOVS ? out->count : MOST_IOVS};
    ssize_t n = sendmsg(s->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);

    if (n == -1 && errno == EINTR)
      continue;
    if (n == -1)
      return errno;
    for (; out->count > 0 && (size_t)n >= out->iov->iov_len; out->iov++, out->count--)
      n -= (ssize_t)out->iov->iov_len;
    if (out->count > 0) {
      out->iov->iov_base = (char *)out->iov->iov_base + n;
      out->iov->iov_len -= (size_t)n;
    }
  }
  return 0;
}

int
stream_wait(struct stream *s, bool *readable)
{
  struct pollfd fd = {.fd = s->fd, .events = POLLIN | POLLOUT};
  int n;

  *readable = tls_has_data(s);
  if (*readable)
    return 0;
  do
    n = poll(&fd, 1, SILENCE_SECONDS * 1000);
  while (n == -1 && errno == EINTR);
  *readable = fd.revents & (POLLIN | POLLHUP | POLLERR);
  return n == -1 ? errno : n == 0 ? ETIMEDOUT : 0;
}

int
stream_recv(struct stream *s, void *data, size_t room, size_t *got)
{
  ssize_t n;

  if (s->tls)
    return tls_recv(s, data, room, got);
  do
    n = recv(s->fd, data, room, 0);
  while (n == -1 && errno == EINTR);
  if (n == -1)
    return errno == EAGAIN ? ETIMEDOUT : errno;
  *got = (size_t)n;
  return n > 0 ? 0 : ENODATA;
}

int
stream_recv_all(struct stream *s, void *data, size_t len)
{
  char *p = data;
  size_t got;
  int err = 0;

  for (; err == 0 && len > 0; p += got, len -= got) {
    got = 0;
    err = stream_recv(s, p, len, &got);
  }
  return err;
}

void
stream_close(struct stream *s)
{
  tls_end(s);
  if (s->fd != -1)
    close(s->fd);
  s->fd = -1;
}
