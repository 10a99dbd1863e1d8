/* SPDX-License-Identifier: BSD-3-Clause */
/* Stands in for server/transport.c in fuzz targets: one client, all of it in memory.
 * Gets what the client sends; keeps what the server answers.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "memory-transport.h"
#include "server/transport.h"

static const uint8_t *in;
static size_t in_left, in_piece;
static uint8_t *out;
static size_t out_len, out_room;

void
memory_transport_begin(const uint8_t *data, size_t size, size_t piece)
{
  in = data;
  in_left = size;
  in_piece = piece;
  out_len = 0;
}

size_t
memory_transport_sent(const uint8_t **data)
{
  *data = out;
  return out_len;
}

static size_t
take(void *buf, size_t len)
{
  if (len > in_left)
    len = in_left;
  memcpy(buf, in, len);
  in += len;
  in_left -= len;
  return len;
}

static uint8_t *
make_room(size_t len)
{
  if (out_len + len > out_room) {
    out_room = 2 * (out_len + len);
    out = realloc(out, out_room);
    if (!out)
      abort();
  }
  return out + out_len;
}

void
transport_init(struct transport *t, int fd_in, int fd_out, int wake_fd)
{
  *t = (struct transport){.fd_in = fd_in, .fd_out = fd_out, .wake_fd = wake_fd};
}

void
transport_close(struct transport *t)
{
  (void)t;
}

ssize_t
transport_recv(struct transport *t, void *buf, size_t len, bool nowait)
{
  (void)t;
  (void)nowait;
  return (ssize_t)take(buf, len < in_piece ? len : in_piece);
}

ssize_t
transport_recvv(struct transport *t, const struct iovec *iov, int count)
{
  size_t left = in_piece, sum = 0;

  (void)t;
  for (int i = 0; i < count && left > 0; i++) {
    size_t n = take(iov[i].iov_base, iov[i].iov_len < left ? iov[i].iov_len : left);
    sum += n;
    left -= n;
    if (n < iov[i].iov_len)
      break;
  }
  return (ssize_t)sum;
}

ssize_t
transport_sendv(struct transport *t, const struct iovec *iov, int count, bool nowait,
                bool more)
{
  size_t sum = 0;

  (void)t;
  (void)nowait;
  (void)more;
  for (int i = 0; i < count; i++) {
    if (iov[i].iov_len == 0)
      continue;
    memcpy(make_room(iov[i].iov_len), iov[i].iov_base, iov[i].iov_len);
    out_len += iov[i].iov_len;
    sum += iov[i].iov_len;
  }
  return (ssize_t)sum;
}

bool
transport_sends_files(const struct transport *t)
{
  (void)t;
  return false;
}

ssize_t
transport_send_file(struct transport *t, int fd, uint64_t offset, size_t len)
{
  ssize_t n = pread(fd, make_room(len), len, (off_t)offset);

  (void)t;
  if (n < 0)
    return -errno;
  out_len += (size_t)n;
  return n;
}

void
transport_set_timeout(struct transport *t, uint64_t ns)
{
  (void)t;
  (void)ns;
}

int
transport_wait(struct transport *t)
{
  (void)t;
  return 0;
}

int
transport_wait_both(struct transport *t)
{
  (void)t;
  return TRANSPORT_READABLE | TRANSPORT_WRITABLE;
}

void
transport_stop_receiving(struct transport *t)
{
  (void)t;
  in_left = 0;
}

void
transport_cut(struct transport *t)
{
  (void)t;
  in_left = 0;
}

void
transport_finish(struct transport *t)
{
  (void)t;
}
