/* SPDX-License-Identifier: BSD-3-Clause */
/* TLS of the load generator over GnuTLS: X.509 without verification, or a pre-shared
 * key.  What is sent together is gathered into full records.
 */
#include "config.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "stream.h"

struct tls {
  int fd;
  gnutls_session_t session;
  gnutls_certificate_credentials_t certificates;
  gnutls_psk_client_credentials_t psk;
};

/* The key of the wanted user, or of the first one. */
static int
load_psk(struct tls *t, const struct load *load)
{
  FILE *fp = fopen(load->psk_file, "r");
  char line[1024], *colon;
  int err = ENOKEY;

  if (!fp)
    return errno;
  while (err != 0 && fgets(line, sizeof line, fp)) {
    line[strcspn(line, "\r\n")] = '\0';
    colon = strchr(line, ':');
    if (!colon)
      continue;
    *colon = '\0';
    if (!load->psk_user || strcmp(load->psk_user, line) == 0) {
      gnutls_datum_t key = {(unsigned char *)colon + 1, (unsigned)strlen(colon + 1)};
      if (gnutls_psk_set_client_credentials(t->psk, line, &key, GNUTLS_PSK_KEY_HEX) ==
          0)
        err = 0;
    }
  }
  fclose(fp);
  return err;
}

static int
set_credentials(struct tls *t, const struct load *load)
{
  static const char priority[] = "NORMAL:-KX-ALL:+ECDHE-PSK:+DHE-PSK:+PSK:-VERS-ALL:"
                                 "+VERS-TLS1.3:+VERS-TLS1.2";
  int err;

  if (!load->psk_file) {
    if (gnutls_certificate_allocate_credentials(&t->certificates) != 0)
      return ENOMEM;
    gnutls_set_default_priority(t->session);
    gnutls_credentials_set(t->session, GNUTLS_CRD_CERTIFICATE, t->certificates);
    return 0;
  }
  if (gnutls_psk_allocate_client_credentials(&t->psk) != 0)
    return ENOMEM;
  err = load_psk(t, load);
  if (err == 0) {
    gnutls_priority_set_direct(t->session, priority, NULL);
    gnutls_credentials_set(t->session, GNUTLS_CRD_PSK, t->psk);
  }
  return err;
}

/* Never waits: a client that waits to send while the server does the same hangs. */
static ssize_t
push(gnutls_transport_ptr_t to, const giovec_t *iov, int count)
{
  struct tls *t = to;
  struct msghdr msg = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)count};
  ssize_t n = sendmsg(t->fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);

  if (n == -1)
    gnutls_transport_set_errno(t->session, errno);
  return n;
}

static ssize_t
pull(gnutls_transport_ptr_t from, void *data, size_t room)
{
  struct tls *t = from;
  ssize_t n = recv(t->fd, data, room, 0);

  if (n == -1)
    gnutls_transport_set_errno(t->session, errno);
  return n;
}

int
tls_start(struct stream *s, const struct load *load)
{
  struct tls *t = calloc(1, sizeof *t);
  int err, result;

  if (!t)
    return ENOMEM;
  if (gnutls_init(&t->session, GNUTLS_CLIENT) != 0) {
    free(t);
    return ENOMEM;
  }
  s->tls = t;
  err = set_credentials(t, load);
  if (err != 0)
    return err;
  t->fd = s->fd;
  gnutls_transport_set_ptr(t->session, t);
  gnutls_transport_set_vec_push_function(t->session, push);
  gnutls_transport_set_pull_function(t->session, pull);
  do
    result = gnutls_handshake(t->session);
  while (result < 0 && !gnutls_error_is_fatal(result));
  return result < 0 ? EPROTO : 0;
}

/* All goes into the session's buffer at once, and from there as far as it goes. */
int
tls_try_send(struct stream *s, struct outgoing *out)
{
  struct tls *t = s->tls;
  int result;

  if (out->count > 0)
    gnutls_record_cork(t->session);
  for (; out->count > 0; out->iov++, out->count--)
    if (out->iov->iov_len > 0 &&
        gnutls_record_send(t->session, out->iov->iov_base, out->iov->iov_len) < 0)
      return EPIPE;
  do
    result = gnutls_record_uncork(t->session, 0);
  while (result == GNUTLS_E_INTERRUPTED);
  return result == GNUTLS_E_AGAIN ? EAGAIN : result < 0 ? EPIPE : 0;
}

bool
tls_has_data(struct stream *s)
{
  struct tls *t = s->tls;
  return t && gnutls_record_check_pending(t->session) > 0;
}

int
tls_recv(struct stream *s, void *data, size_t room, size_t *got)
{
  struct tls *t = s->tls;
  ssize_t n;

  do
    n = gnutls_record_recv(t->session, data, room);
  while (n == GNUTLS_E_INTERRUPTED ||
         (n < 0 && n != GNUTLS_E_AGAIN && !gnutls_error_is_fatal((int)n)));
  if (n == GNUTLS_E_AGAIN)
    return ETIMEDOUT;
  if (n <= 0)
    return n == 0 ? ENODATA : EPROTO;
  *got = (size_t)n;
  return 0;
}

void
tls_end(struct stream *s)
{
  struct tls *t = s->tls;

  if (!t)
    return;
  gnutls_deinit(t->session);
  if (t->certificates)
    gnutls_certificate_free_credentials(t->certificates);
  if (t->psk)
    gnutls_psk_free_client_credentials(t->psk);
  free(t);
  s->tls = NULL;
}
