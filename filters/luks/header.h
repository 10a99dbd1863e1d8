/* SPDX-License-Identifier: BSD-3-Clause */
/* The header of a LUKS disk, version 1. */
#ifndef NBDSRV_LUKS_HEADER_H
#define NBDSRV_LUKS_HEADER_H

#include "crypt.h"

#define LUKS_HEADER 592u
#define LUKS_SLOTS  8u
#define LUKS_DIGEST 20u
#define LUKS_SALT   32u

struct luks_slot {
  bool active;
  uint32_t iterations, stripes;
  uint8_t salt[LUKS_SALT];
  uint64_t offset; /* of the key's stripes, in bytes */
};

struct luks_header {
  struct crypt_method method;
  gnutls_mac_algorithm_t mac;
  gnutls_digest_algorithm_t hash;
  uint64_t payload; /* where the encrypted disk begins, in bytes */
  unsigned key_len;
  uint8_t digest[LUKS_DIGEST], digest_salt[LUKS_SALT];
  uint32_t digest_iterations;
  struct luks_slot slots[LUKS_SLOTS];
};

/* All in it lies within the size.  0 or an errno value with nbdsrv_error (). */
int luks_parse(struct luks_header *header, const uint8_t bytes[LUKS_HEADER],
               uint64_t size);

#endif
