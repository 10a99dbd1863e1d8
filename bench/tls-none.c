/* SPDX-License-Identifier: BSD-3-Clause */
/* Where GnuTLS is missing: no TLS. */
#include "config.h"

#include <errno.h>

#include "stream.h"

int
tls_start(struct stream *s, const struct load *load)
{
  (void)s;
  (void)load;
  return ENOTSUP;
}

int
tls_try_send(struct stream *s, struct outgoing *out)
{
  (void)s;
  (void)out;
  return ENOTSUP;
}

bool
tls_has_data(struct stream *s)
{
  (void)s;
  return false;
}

int
tls_recv(struct stream *s, void *data, size_t room, size_t *got)
{
  (void)s;
  (void)data;
  (void)room;
  (void)got;
  return ENOTSUP;
}

void
tls_end(struct stream *s)
{
  (void)s;
}
