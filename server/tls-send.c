/* SPDX-License-Identifier: BSD-3-Clause */
/* Plain bytes to records, and these to the socket.
 * Gets lists of buffers from transport.c.  Records are as full as they can be, gather
 * in memory and leave together; a socket that is full concerns nobody but tls_flush.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tls-session.h"
#include "transport.h"

#define RECORD_MOST     16384u
#define RECORD_OVERHEAD 256u
#define SEND_RECORDS    8u /* that leave together */
#define OUT_SIZE        ((SEND_RECORDS + 1) * (RECORD_MOST + RECORD_OVERHEAD))

static bool
make_room(struct tls_session *s, size_t len)
{
  size_t size = s->out_size ? s->out_size : OUT_SIZE;
  uint8_t *out;

  while (size - s->out_end < len)
    size *= 2;
  if (size == s->out_size)
    return true;
  out = realloc(s->out, size);
  if (!out)
    return false;
  s->out = out;
  s->out_size = size;
  return true;
}

ssize_t
tls_push(gnutls_transport_ptr_t to, const giovec_t *iov, int count)
{
  struct tls_session *s = to;
  size_t len = 0;

  for (int i = 0; i < count; i++)
    len += iov[i].iov_len;
  if (!s->may_push || !make_room(s, len)) {
    gnutls_transport_set_errno(s->gnutls, s->may_push ? ENOMEM : EPIPE);
    return -1;
  }
  for (int i = 0; i < count; i++) {
    memcpy(s->out + s->out_end, iov[i].iov_base, iov[i].iov_len);
    s->out_end += iov[i].iov_len;
  }
  return (ssize_t)len;
}

int
tls_flush(struct tls_session *s, bool nowait, bool more)
{
  while (s->out_start < s->out_end) {
    struct iovec iov = {s->out + s->out_start, s->out_end - s->out_start};
    ssize_t n = transport_plain_sendv(s->transport, &iov, 1, nowait, more);

    if (n < 0)
      return (int)-n;
    s->out_start += (size_t)n;
  }
  s->out_start = s->out_end = 0;
  return 0;
}

/* A place in a list of buffers. */
struct cursor {
  const struct iovec *iov;
  int count;
  size_t offset;
};

/* The bytes of the next record, together: where they lie, or copied to gather. */
static size_t
next_record(struct cursor *c, uint8_t *gather, size_t most, const uint8_t **data)
{
  size_t len = 0;

  while (c->count > 0 && len < most) {
    size_t left = c->iov->iov_len - c->offset;
    size_t n = left < most - len ? left : most - len;
    const uint8_t *from = (const uint8_t *)c->iov->iov_base;

    if (n > 0 && len == 0 && (n == most || c->count == 1))
      *data = from + c->offset;
    else if (n > 0) {
      memcpy(gather + len, from + c->offset, n);
      *data = gather;
    }
    len += n;
    c->offset += n;
    if (c->offset == c->iov->iov_len) {
      c->iov++;
      c->count--;
      c->offset = 0;
    }
  }
  return len;
}

static int
send_record(struct tls_session *s, const uint8_t *data, size_t len)
{
  ssize_t n;

  pthread_mutex_lock(&s->lock);
  s->may_push = true;
  while (len > 0) {
    n = gnutls_record_send(s->gnutls, data, len);
    if (n == GNUTLS_E_INTERRUPTED || n == GNUTLS_E_AGAIN)
      continue;
    if (n < 0)
      break;
    data += n;
    len -= (size_t)n;
  }
  s->may_push = false;
  pthread_mutex_unlock(&s->lock);
  return len == 0 ? 0 : n == GNUTLS_E_MEMORY_ERROR ? ENOMEM : EPIPE;
}

/* Some full records, and the rest with them where it is small. */
static int
encrypt(struct tls_session *s, struct cursor c)
{
  size_t most = SEND_RECORDS * s->record_size;

  if (!s->gather)
    s->gather = malloc(RECORD_MOST);
  if (!s->gather)
    return ENOMEM;
  while (c.count > 0) {
    const uint8_t *data = NULL;
    size_t len = next_record(&c, s->gather, s->record_size, &data);
    int error;

    if (s->unclaimed >= most && len == s->record_size)
      break;
    error = send_record(s, data, len);
    if (error)
      return error;
    s->unclaimed += len;
    if (s->unclaimed > most)
      break;
  }
  return 0;
}

ssize_t
tls_sendv(struct tls_session *s, const struct iovec *iov, int count, bool nowait,
          bool more)
{
  int error = 0;
  ssize_t sent;

  if (nowait && !s->transport->is_socket)
    return -EAGAIN;
  pthread_mutex_lock(&s->sending);
  if (s->unclaimed == 0)
    error = encrypt(s, (struct cursor){iov, count, 0});
  if (!error)
    error = tls_flush(s, nowait, more);
  sent = error ? -error : (ssize_t)s->unclaimed;
  if (!error)
    s->unclaimed = 0;
  pthread_mutex_unlock(&s->sending);
  return sent;
}

void
tls_idle(struct tls_session *s)
{
  if (s->ahead_start == s->ahead_end) {
    free(s->ahead);
    s->ahead = NULL;
  }
  if (pthread_mutex_trylock(&s->sending) != 0)
    return;
  if (s->out_start == s->out_end) {
    free(s->out);
    free(s->gather);
    s->out = s->gather = NULL;
    s->out_size = 0;
  }
  pthread_mutex_unlock(&s->sending);
}

void
tls_finish(struct tls_session *s)
{
  pthread_mutex_lock(&s->sending);
  pthread_mutex_lock(&s->lock);
  s->may_push = true;
  /* The rest of a record goes first: the client would not understand the end. */
  if (tls_flush(s, false, false) == 0 && s->unclaimed == 0 &&
      gnutls_bye(s->gnutls, GNUTLS_SHUT_WR) == 0)
    tls_flush(s, false, false);
  s->may_push = false;
  pthread_mutex_unlock(&s->lock);
  pthread_mutex_unlock(&s->sending);
}
