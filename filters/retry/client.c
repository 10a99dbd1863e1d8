/* SPDX-License-Identifier: BSD-3-Clause */
/* Copies of a client: the server's own is gone after open ().
 * Gets the server's; hands retry.c one that it can open with again.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"

static bool
copy_text(const char **text)
{
  if (*text)
    *text = strdup(*text);
  return *text != NULL;
}

struct nbdsrv_client *
client_copy(const struct nbdsrv_client *client)
{
  struct nbdsrv_client *copy = calloc(1, sizeof *copy);
  size_t size = client->size < sizeof *copy ? client->size : sizeof *copy;
  struct sockaddr *peer = NULL;
  bool whole;

  if (!copy)
    return NULL;
  memcpy(copy, client, size);
  if (client->peer) {
    peer = malloc(client->peer_len);
    if (peer)
      memcpy(peer, client->peer, client->peer_len);
  }
  copy->peer = peer;
  whole = copy_text(&copy->export_name) && (!client->peer || peer);
  whole = (copy_text(&copy->tls_user) || !client->tls_user) && whole;
  whole = (copy_text(&copy->tls_dn) || !client->tls_dn) && whole;
  whole = (copy_text(&copy->tls_issuer) || !client->tls_issuer) && whole;
  if (whole)
    return copy;
  client_free(copy);
  return NULL;
}

void
client_free(struct nbdsrv_client *client)
{
  if (!client)
    return;
  free((void *)client->export_name);
  free((void *)client->peer);
  free((void *)client->tls_user);
  free((void *)client->tls_dn);
  free((void *)client->tls_issuer);
  free(client);
}
