/* SPDX-License-Identifier: BSD-3-Clause */
/* Sectors encrypted and decrypted with GnuTLS.
 * Gets names and keys from header.c, sectors from luks.c and unlock.c.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <nbdsrv-filter.h>

#include "crypt.h"

#define IV_LEN 16u

static int
failed(const char *what, int ret)
{
  nbdsrv_error("%s: %s", what, gnutls_strerror(ret));
  return EIO;
}

gnutls_digest_algorithm_t
crypt_hash(const char *name)
{
  static const struct {
    const char *name;
    gnutls_digest_algorithm_t hash;
  } hashes[] = {
      {"sha1", GNUTLS_DIG_SHA1},     {"sha224", GNUTLS_DIG_SHA224},
      {"sha256", GNUTLS_DIG_SHA256}, {"sha384", GNUTLS_DIG_SHA384},
      {"sha512", GNUTLS_DIG_SHA512},
  };

  for (size_t i = 0; i < sizeof hashes / sizeof *hashes; i++)
    if (strcmp(hashes[i].name, name) == 0)
      return hashes[i].hash;
  return GNUTLS_DIG_UNKNOWN;
}

static gnutls_cipher_algorithm_t
find_cipher(bool xts, unsigned key_len)
{
  if (xts)
    return key_len == 64   ? GNUTLS_CIPHER_AES_256_XTS
           : key_len == 32 ? GNUTLS_CIPHER_AES_128_XTS
                           : GNUTLS_CIPHER_UNKNOWN;
  return key_len == 32   ? GNUTLS_CIPHER_AES_256_CBC
         : key_len == 24 ? GNUTLS_CIPHER_AES_192_CBC
         : key_len == 16 ? GNUTLS_CIPHER_AES_128_CBC
                         : GNUTLS_CIPHER_UNKNOWN;
}

static bool
parse_iv(struct crypt_method *m, const char *iv)
{
  if (strcmp(iv, "plain") == 0)
    m->iv = IV_PLAIN;
  else if (strcmp(iv, "plain64") == 0)
    m->iv = IV_PLAIN64;
  else if (strncmp(iv, "essiv:", 6) == 0) {
    m->iv = IV_ESSIV;
    m->iv_hash = crypt_hash(iv + 6);
    if (m->iv_hash == GNUTLS_DIG_UNKNOWN)
      return false;
    m->iv_cipher = find_cipher(false, gnutls_hash_get_len(m->iv_hash));
    return m->iv_cipher != GNUTLS_CIPHER_UNKNOWN;
  } else
    return false;
  return true;
}

int
crypt_parse(struct crypt_method *m, const char *cipher, const char *mode,
            unsigned key_len)
{
  bool xts = strncmp(mode, "xts-", 4) == 0, cbc = strncmp(mode, "cbc-", 4) == 0;

  *m = (struct crypt_method){.cipher = find_cipher(xts, key_len)};
  if (strcmp(cipher, "aes") == 0 && (xts || cbc) && parse_iv(m, mode + 4) &&
      m->cipher != GNUTLS_CIPHER_UNKNOWN)
    return 0;
  nbdsrv_error("the disk is encrypted with %s-%s and a key of %u bits: not known here",
               cipher, mode, key_len * 8);
  return ENOTSUP;
}

/* The IVs' key is a hash of the key. */
static int
begin_essiv(struct crypt *c, const uint8_t *key, unsigned key_len)
{
  uint8_t hashed[LUKS_KEY_MAX], zeroes[IV_LEN] = {0};
  gnutls_datum_t datum = {hashed, gnutls_hash_get_len(c->method->iv_hash)};
  gnutls_datum_t iv = {zeroes, IV_LEN};
  int ret = gnutls_hash_fast(c->method->iv_hash, key, key_len, hashed);

  if (ret == 0)
    ret = gnutls_cipher_init(&c->iv, c->method->iv_cipher, &datum, &iv);
  gnutls_memset(hashed, 0, sizeof hashed);
  return ret;
}

int
crypt_begin(struct crypt *c, const struct crypt_method *method, const uint8_t *key,
            unsigned key_len)
{
  uint8_t zeroes[IV_LEN] = {0};
  gnutls_datum_t datum = {(uint8_t *)key, key_len}, iv = {zeroes, IV_LEN};
  int ret;

  *c = (struct crypt){.method = method};
  ret = gnutls_cipher_init(&c->data, method->cipher, &datum, &iv);
  if (ret < 0)
    return failed("encryption", ret);
  if (method->iv == IV_ESSIV)
    ret = begin_essiv(c, key, key_len);
  if (ret < 0) {
    gnutls_cipher_deinit(c->data);
    return failed("encryption", ret);
  }
  return 0;
}

void
crypt_end(struct crypt *c)
{
  gnutls_cipher_deinit(c->data);
  if (c->method->iv == IV_ESSIV)
    gnutls_cipher_deinit(c->iv);
}

/* One block of CBC from an IV of zeroes is a block of AES by itself. */
static int
make_iv(struct crypt *c, uint64_t sector, uint8_t iv[IV_LEN])
{
  uint8_t zeroes[IV_LEN] = {0};
  unsigned len = c->method->iv == IV_PLAIN ? 4 : 8;

  memset(iv, 0, IV_LEN);
  for (unsigned i = 0; i < len; i++)
    iv[i] = (uint8_t)(sector >> 8 * i);
  if (c->method->iv != IV_ESSIV)
    return 0;
  gnutls_cipher_set_iv(c->iv, zeroes, IV_LEN);
  return gnutls_cipher_encrypt(c->iv, iv, IV_LEN);
}

int
crypt_sectors(struct crypt *c, bool encrypt, uint8_t *to, const uint8_t *from,
              uint64_t count, uint64_t sector)
{
  for (; count > 0; count--, sector++) {
    uint8_t iv[IV_LEN];
    int ret = make_iv(c, sector, iv);

    if (ret == 0) {
      gnutls_cipher_set_iv(c->data, iv, IV_LEN);
      ret = encrypt
                ? gnutls_cipher_encrypt2(c->data, from, LUKS_SECTOR, to, LUKS_SECTOR)
                : gnutls_cipher_decrypt2(c->data, from, LUKS_SECTOR, to, LUKS_SECTOR);
    }
    if (ret < 0)
      return failed(encrypt ? "encrypting" : "decrypting", ret);
    to += LUKS_SECTOR;
    from += LUKS_SECTOR;
  }
  return 0;
}
