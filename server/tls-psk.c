/* SPDX-License-Identifier: BSD-3-Clause */
/* A file of pre-shared keys: lines of user:key, the key in hexadecimal, as psktool
 * writes them.  Gets its path from tls-credentials.c; hands on the keys by user.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "tls-session.h"

#define SHORT_KEY 16 /* bytes: less can be guessed from what passes by */

static int
refuse_line(const char *path, unsigned number, const char *text)
{
  log_error("--tls-psk: %s, line %u: %s", path, number, text);
  return EINVAL;
}

/* Takes the key of one line; the user's name ends where the colon was. */
static int
add_key(struct tls_psk *psk, const char *path, unsigned number, char *line)
{
  char *colon = strchr(line, ':');
  gnutls_datum_t hex, key;
  struct tls_psk_key *keys;

  if (!colon || colon == line)
    return refuse_line(path, number, "it should look like USER:KEY");
  *colon = '\0';
  if (tls_psk_find(psk, line))
    return refuse_line(path, number, "this user has a key already");
  hex = (gnutls_datum_t){(unsigned char *)colon + 1, (unsigned)strlen(colon + 1)};
  if (hex.size == 0 || gnutls_hex_decode2(&hex, &key) < 0)
    return refuse_line(path, number, "the key is not hexadecimal");
  if (key.size < SHORT_KEY)
    log_warning("--tls-psk: %s, line %u: a key of %u bytes can be guessed", path,
                number, key.size);
  keys = realloc(psk->keys, (psk->count + 1) * sizeof *keys);
  if (keys) {
    psk->keys = keys;
    keys[psk->count] = (struct tls_psk_key){strdup(line), key};
    if (keys[psk->count].user) {
      psk->count++;
      return 0;
    }
  }
  gnutls_free(key.data);
  return ENOMEM;
}

static int
read_keys(struct tls_psk *psk, const char *path, FILE *fp)
{
  char *line = NULL;
  size_t room = 0;
  int error = 0;

  for (unsigned number = 1; !error && getline(&line, &room, fp) != -1; number++) {
    line[strcspn(line, "\r\n")] = '\0';
    if (line[0] && line[0] != '#')
      error = add_key(psk, path, number, line);
  }
  if (!error && ferror(fp)) {
    error = errno;
    log_error("--tls-psk: %s: %s", path, strerror(error));
  } else if (!error && psk->count == 0) {
    error = EINVAL;
    log_error("--tls-psk: %s has no keys: make one with psktool", path);
  }
  if (line)
    gnutls_memset(line, 0, room);
  free(line);
  return error;
}

int
tls_psk_load(const char *path, struct tls_psk *psk)
{
  FILE *fp = fopen(path, "re");
  int error;

  *psk = (struct tls_psk){0};
  if (!fp) {
    error = errno;
    log_error("--tls-psk: %s: %s", path, strerror(error));
    return error;
  }
  error = read_keys(psk, path, fp);
  fclose(fp);
  if (error)
    tls_psk_free(psk);
  return error;
}

void
tls_psk_free(struct tls_psk *psk)
{
  for (size_t i = 0; i < psk->count; i++) {
    free(psk->keys[i].user);
    gnutls_memset(psk->keys[i].key.data, 0, psk->keys[i].key.size);
    gnutls_free(psk->keys[i].key.data);
  }
  free(psk->keys);
  *psk = (struct tls_psk){0};
}

const gnutls_datum_t *
tls_psk_find(const struct tls_psk *psk, const char *user)
{
  for (size_t i = 0; i < psk->count; i++)
    if (strcmp(psk->keys[i].user, user) == 0)
      return &psk->keys[i].key;
  return NULL;
}
