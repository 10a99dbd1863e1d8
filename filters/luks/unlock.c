/* SPDX-License-Identifier: BSD-3-Clause */
/* The key of a LUKS disk, found with a passphrase.
 * Gets slots from header.c; hands on the key that the header's digest confirms.
 *
 * In a slot the key is split: stripes of random bytes, and a last one such that all of
 * them, each mixed by a hash, add up to the key.  Losing any of them loses the key.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "unlock.h"

/* Derives bytes from others, with that many iterations. */
static int
derive(const struct luks_header *h, const void *from, size_t from_len,
       const uint8_t salt[LUKS_SALT], uint32_t iterations, uint8_t *to, size_t len)
{
  gnutls_datum_t secret = {(uint8_t *)from, (unsigned)from_len};
  gnutls_datum_t salt_datum = {(uint8_t *)salt, LUKS_SALT};
  int ret = gnutls_pbkdf2(h->mac, &secret, &salt_datum, iterations, to, len);

  if (ret < 0) {
    nbdsrv_error("deriving a key: %s", gnutls_strerror(ret));
    return EIO;
  }
  return 0;
}

/* Each piece of the hash's length becomes the hash of its number and itself. */
static int
mix(gnutls_digest_algorithm_t hash, uint8_t *block, unsigned len)
{
  unsigned size = gnutls_hash_get_len(hash);
  uint8_t in[4 + LUKS_KEY_MAX], out[LUKS_KEY_MAX];
  int ret = 0;

  for (unsigned at = 0, i = 0; at < len && ret == 0; at += size, i++) {
    unsigned n = len - at < size ? len - at : size;

    for (int j = 0; j < 4; j++)
      in[j] = (uint8_t)(i >> (24 - 8 * j));
    memcpy(in + 4, block + at, n);
    ret = gnutls_hash_fast(hash, in, 4 + n, out);
    memcpy(block + at, out, n);
  }
  gnutls_memset(in, 0, sizeof in);
  gnutls_memset(out, 0, sizeof out);
  return ret < 0 ? EIO : 0;
}

static int
merge(const struct luks_header *h, const uint8_t *stripes, uint32_t count, uint8_t *key)
{
  int error = 0;

  memset(key, 0, h->key_len);
  for (uint32_t i = 0; i < count && !error; i++) {
    for (unsigned j = 0; j < h->key_len; j++)
      key[j] ^= stripes[(size_t)i * h->key_len + j];
    if (i + 1 < count)
      error = mix(h->hash, key, h->key_len);
  }
  return error;
}

/* The stripes, decrypted with what the passphrase makes; of whole sectors. */
static int
load_stripes(const struct luks_header *h, const struct luks_slot *slot,
             struct nbdsrv_next *next, const char *passphrase, uint8_t *stripes,
             size_t len)
{
  uint8_t key[LUKS_KEY_MAX];
  struct crypt c;
  int error = nbdsrv_next_read(next, stripes, len, slot->offset, 0);

  if (!error)
    error = derive(h, passphrase, strlen(passphrase), slot->salt, slot->iterations, key,
                   h->key_len);
  if (!error)
    error = crypt_begin(&c, &h->method, key, h->key_len);
  if (!error) {
    error = crypt_sectors(&c, false, stripes, stripes, len / LUKS_SECTOR, 0);
    crypt_end(&c);
  }
  gnutls_memset(key, 0, sizeof key);
  return error;
}

/* *fits: the slot has the key, and is opened by this passphrase. */
static int
try_slot(const struct luks_header *h, const struct luks_slot *slot,
         struct nbdsrv_next *next, const char *passphrase, uint8_t *key, bool *fits)
{
  size_t len = ((size_t)slot->stripes * h->key_len + LUKS_SECTOR - 1) / LUKS_SECTOR *
               LUKS_SECTOR;
  uint8_t *stripes = malloc(len), digest[LUKS_DIGEST];
  int error = stripes ? load_stripes(h, slot, next, passphrase, stripes, len) : ENOMEM;

  if (!error)
    error = merge(h, stripes, slot->stripes, key);
  if (!error)
    error = derive(h, key, h->key_len, h->digest_salt, h->digest_iterations, digest,
                   LUKS_DIGEST);
  *fits = !error && gnutls_memcmp(digest, h->digest, LUKS_DIGEST) == 0;
  if (stripes)
    gnutls_memset(stripes, 0, len);
  free(stripes);
  return error;
}

int
luks_unlock(const struct luks_header *h, struct nbdsrv_next *next,
            const char *passphrase, uint8_t key[LUKS_KEY_MAX])
{
  for (unsigned i = 0; i < LUKS_SLOTS; i++) {
    bool fits;
    int error;

    if (!h->slots[i].active)
      continue;
    error = nbdsrv_sleep(0); /* is anybody still waiting for it? */
    if (!error)
      error = try_slot(h, &h->slots[i], next, passphrase, key, &fits);
    if (error || fits)
      return error;
  }
  nbdsrv_error("the passphrase opens none of the disk's key slots");
  return EACCES;
}
