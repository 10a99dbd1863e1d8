/* SPDX-License-Identifier: BSD-3-Clause */
/* Received records to plain bytes.
 * Gets records from the socket, for GnuTLS; hands plain bytes to transport.c.
 *
 * GnuTLS never waits here: waiting is done outside of the session's lock, so that one
 * thread may receive while another sends, new keys included.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "tls-session.h"
#include "transport.h"

static bool
make_ahead(struct tls_session *s)
{
  if (!s->ahead)
    s->ahead = malloc(TLS_AHEAD);
  return s->ahead != NULL;
}

/* What is there; a record straight into GnuTLS's memory, what follows into ours. */
ssize_t
tls_pull(gnutls_transport_ptr_t from, void *data, size_t room)
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

/* Waits until there are bytes ahead.  *until, 0 at first: when whoever waits wants to
 * be told that nothing has come for it; records without data are nothing. */
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
    else if (got > 0)
      break;
    else if (s->ahead_start == s->ahead_end && s->ended)
      return receiving_ends(s, GNUTLS_E_PREMATURE_TERMINATION);
    else if (s->ahead_start == s->ahead_end && nowait)
      return -EAGAIN;
    else { /* also after what was a message to TLS itself */
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
