/* SPDX-License-Identifier: BSD-3-Clause */
/* Bytes through a TLS session.
 * Gets plain bytes from transport.c, hands records to the socket, and back.
 *
 * GnuTLS never waits and never touches a full socket here: records gather in memory
 * and leave together, and waiting is done outside of the session's lock, so that one
 * thread may receive while another sends, key updates included.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "tls-session.h"
#include "transport.h"

#define RECORD_MOST     16384u
#define RECORD_OVERHEAD 256u
#define SEND_RECORDS    8u /* that leave together */
#define OUT_SIZE        ((SEND_RECORDS + 1) * (RECORD_MOST + RECORD_OVERHEAD))

/* ------------------------------------------------------------------ GnuTLS's calls */

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

static ssize_t
push(gnutls_transport_ptr_t to, const giovec_t *iov, int count)
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

static bool
make_ahead(struct tls_session *s)
{
  if (!s->ahead)
    s->ahead = malloc(TLS_AHEAD);
  return s->ahead != NULL;
}

/* What is there; a record straight into GnuTLS's memory, what follows into ours. */
static ssize_t
pull(gnutls_transport_ptr_t from, void *data, size_t room)
{
  struct tls_session *s = from;
  struct iovec iov[2] = {{data, room}, {NULL, 0}};
  size_t have = s->ahead_end - s->ahead_start;
  ssize_t n;

  if (have > 0) {
    n = (ssize_t)(have < room ? have : room);
    memcpy(data, s->ahead + s->ahead_start, (size_t)n);
    s->ahead_start += (size_t)n;
    return n;
  }
  if (!make_ahead(s)) {
    gnutls_transport_set_errno(s->gnutls, ENOMEM);
    return -1;
  }
  iov[1] = (struct iovec){s->ahead, TLS_AHEAD_SMALL};
  /* At the end GnuTLS is told nothing: it would not send any more either. */
  n = s->ended || s->drained ? -EAGAIN
                             : transport_plain_recvv(s->transport, iov, 2, true);
  s->drained = n < (ssize_t)(room + TLS_AHEAD_SMALL);
  if (n == 0) {
    s->ended = true;
    n = -EAGAIN;
  }
  if (n < 0) {
    s->pull_error = (int)-n;
    gnutls_transport_set_errno(s->gnutls, n == -EAGAIN ? EAGAIN : EIO);
    return -1;
  }
  if ((size_t)n <= room)
    return n;
  s->ahead_start = 0;
  s->ahead_end = (size_t)n - room;
  return (ssize_t)room;
}

void
tls_io_begin(struct tls_session *s)
{
  s->may_push = true;
  s->record_size = RECORD_MOST;
  pthread_mutex_init(&s->lock, NULL);
  pthread_mutex_init(&s->sending, NULL);
  gnutls_transport_set_ptr(s->gnutls, s);
  gnutls_transport_set_vec_push_function(s->gnutls, push);
  gnutls_transport_set_pull_function(s->gnutls, pull);
}

void
tls_io_end(struct tls_session *s)
{
  pthread_mutex_destroy(&s->lock);
  pthread_mutex_destroy(&s->sending);
  free(s->ahead);
  free(s->out);
  free(s->gather);
}

/* ---------------------------------------------------------------------- receiving */

ssize_t
tls_fill(struct tls_session *s)
{
  struct iovec iov = {NULL, TLS_AHEAD};
  ssize_t n;

  if (s->ahead_start < s->ahead_end)
    return (ssize_t)(s->ahead_end - s->ahead_start);
  if (!make_ahead(s))
    return -ENOMEM;
  iov.iov_base = s->ahead;
  n = transport_plain_recvv(s->transport, &iov, 1, false);
  if (n >= 0) {
    s->ended = n == 0;
    s->drained = n < (ssize_t)TLS_AHEAD;
    s->ahead_start = 0;
    s->ahead_end = (size_t)n;
  }
  return n;
}

static ssize_t
receive_record(struct tls_session *s, void *buf, size_t len)
{
  ssize_t n;

  pthread_mutex_lock(&s->lock);
  n = gnutls_record_recv(s->gnutls, buf, len);
  pthread_mutex_unlock(&s->lock);
  return n == GNUTLS_E_INTERRUPTED || n == GNUTLS_E_WARNING_ALERT_RECEIVED
             ? GNUTLS_E_AGAIN
             : n;
}

/* Waits for more.  *until, 0 at first: when whoever waits wants to be told that nothing
 * has come for it; records without data are nothing. */
static ssize_t
wait_for_more(struct tls_session *s, uint64_t *until)
{
  unsigned timeout_ms = (unsigned)s->transport->timeout_ms;

  if (*until == 0)
    *until = timeout_ms ? clock_now() + timeout_ms * UINT64_C(1000000) : UINT64_MAX;
  else if (clock_now() >= *until)
    return -ETIMEDOUT;
  return tls_fill(s);
}

/* Why receiving is over; it stays so. */
static ssize_t
receiving_ends(struct tls_session *s, int code)
{
  s->receive_error = code;
  if (code == GNUTLS_E_PULL_ERROR)
    return -s->pull_error;
  if (code == GNUTLS_E_MEMORY_ERROR)
    return -ENOMEM;
  return -EBADMSG;
}

ssize_t
tls_recv(struct tls_session *s, void *buf, size_t len, bool nowait)
{
  size_t got = 0;
  uint64_t until = 0;

  if (s->receive_error)
    return receiving_ends(s, s->receive_error);
  if (nowait)
    s->drained = false;
  /* As many records as have come already. */
  while (got < len && (got == 0 || s->ahead_start < s->ahead_end)) {
    ssize_t n = receive_record(s, (uint8_t *)buf + got, len - got);

    if (n > 0)
      got += (size_t)n;
    else if (n == 0)
      break;
    else if (n != GNUTLS_E_AGAIN && got > 0) {
      s->receive_error = (int)n; /* told the next time */
      break;
    } else if (n != GNUTLS_E_AGAIN)
      return receiving_ends(s, (int)n);
    else if (s->ahead_start < s->ahead_end)
      continue; /* it was a message to TLS itself */
    else if (got > 0)
      break;
    else if (s->ended)
      return receiving_ends(s, GNUTLS_E_PREMATURE_TERMINATION);
    else if (nowait)
      return -EAGAIN;
    else {
      n = wait_for_more(s, &until);
      if (n < 0)
        return n;
    }
  }
  return (ssize_t)got;
}

bool
tls_pending(struct tls_session *s)
{
  bool pending = s->ahead_start < s->ahead_end;

  if (!pending) {
    pthread_mutex_lock(&s->lock);
    pending = gnutls_record_check_pending(s->gnutls) > 0;
    pthread_mutex_unlock(&s->lock);
  }
  return pending;
}

const char *
tls_strerror(struct tls_session *s, int error)
{
  if (!s || error != EBADMSG)
    return strerror(error);
  switch (s->receive_error) {
  case GNUTLS_E_PREMATURE_TERMINATION:
    return "the connection was cut: TLS did not end first";
  case GNUTLS_E_FATAL_ALERT_RECEIVED:
    return gnutls_alert_get_name(gnutls_alert_get(s->gnutls));
  case GNUTLS_E_REHANDSHAKE:
    return "the client wants to negotiate TLS again";
  default:
    return gnutls_strerror(s->receive_error);
  }
}

/* ------------------------------------------------------------------------ sending */

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
