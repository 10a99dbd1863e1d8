/* SPDX-License-Identifier: BSD-3-Clause */
/* Sectors encrypted as dm-crypt does it: each by itself, with an IV from its number. */
#ifndef NBDSRV_LUKS_CRYPT_H
#define NBDSRV_LUKS_CRYPT_H

#include <gnutls/crypto.h>
#include <stdbool.h>
#include <stdint.h>

#define LUKS_SECTOR  512u
#define LUKS_KEY_MAX 64u

/* How: from a name like aes and xts-plain64 or cbc-essiv:sha256. */
struct crypt_method {
  gnutls_cipher_algorithm_t cipher;
  enum { IV_PLAIN, IV_PLAIN64, IV_ESSIV } iv;
  gnutls_digest_algorithm_t iv_hash; /* ESSIV */
  gnutls_cipher_algorithm_t iv_cipher;
};

/* 0, or ENOTSUP with nbdsrv_error (). */
int crypt_parse(struct crypt_method *method, const char *cipher, const char *mode,
                unsigned key_len);

/* A hash by its name, or GNUTLS_DIG_UNKNOWN. */
gnutls_digest_algorithm_t crypt_hash(const char *name);

/* A method with a key, for one thread. */
struct crypt {
  const struct crypt_method *method;
  gnutls_cipher_hd_t data, iv;
};

/* 0 or an errno value with nbdsrv_error (). */
int crypt_begin(struct crypt *c, const struct crypt_method *method, const uint8_t *key,
                unsigned key_len);
void crypt_end(struct crypt *c);

/* count sectors, the first of which has that number; from may be to. */
int crypt_sectors(struct crypt *c, bool encrypt, uint8_t *to, const uint8_t *from,
                  uint64_t count, uint64_t sector);

#endif
