/* SPDX-License-Identifier: BSD-3-Clause */
/* The header of a LUKS disk, taken apart.
 * Gets the disk's first bytes, in whatever state; hands on what can be worked with.
 */
#include <errno.h>
#include <string.h>

#include <nbdsrv-filter.h>

#include "header.h"

/* Where things are. */
#define VERSION         6
#define CIPHER          8
#define MODE            40
#define HASH            72
#define PAYLOAD         104
#define KEY_LEN         108
#define DIGEST          112
#define DIGEST_SALT     132
#define DIGEST_ITER     164
#define SLOTS           208
#define SLOT_SIZE       48
#define SLOT_ITERATIONS 4
#define SLOT_SALT       8
#define SLOT_OFFSET     40
#define SLOT_STRIPES    44

#define NAME_LEN    32
#define SLOT_ACTIVE 0x00ac71f3u

/* What cryptsetup makes is far below; work without end is not done for anybody. */
#define MOST_ITERATIONS 200000000u
#define MOST_STRIPES    16384u

static uint32_t
get32(const uint8_t *p)
{
  return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void
get_name(char name[NAME_LEN + 1], const uint8_t *p)
{
  memcpy(name, p, NAME_LEN);
  name[NAME_LEN] = '\0';
  for (char *c = name; *c; c++)
    if (*c < ' ' || *c == 0x7f)
      *c = '?';
}

static bool
iterations_are_sane(uint32_t n)
{
  return n > 0 && n <= MOST_ITERATIONS;
}

static bool
parse_slot(struct luks_slot *slot, const uint8_t *p, unsigned key_len, uint64_t size)
{
  uint64_t len;

  slot->active = get32(p) == SLOT_ACTIVE;
  if (!slot->active)
    return true;
  slot->iterations = get32(p + SLOT_ITERATIONS);
  memcpy(slot->salt, p + SLOT_SALT, LUKS_SALT);
  slot->offset = (uint64_t)get32(p + SLOT_OFFSET) * LUKS_SECTOR;
  slot->stripes = get32(p + SLOT_STRIPES);
  len =
      ((uint64_t)slot->stripes * key_len + LUKS_SECTOR - 1) / LUKS_SECTOR * LUKS_SECTOR;
  return iterations_are_sane(slot->iterations) && slot->stripes > 0 &&
         slot->stripes <= MOST_STRIPES && slot->offset >= LUKS_HEADER &&
         slot->offset <= size && len <= size - slot->offset;
}

static int
broken(const char *what)
{
  nbdsrv_error("the LUKS header is broken: %s makes no sense", what);
  return EINVAL;
}

static int
parse_names(struct luks_header *h, const uint8_t *bytes)
{
  char cipher[NAME_LEN + 1], mode[NAME_LEN + 1], hash[NAME_LEN + 1];

  get_name(cipher, bytes + CIPHER);
  get_name(mode, bytes + MODE);
  get_name(hash, bytes + HASH);
  h->hash = crypt_hash(hash);
  h->mac = (gnutls_mac_algorithm_t)h->hash; /* HMACs have their hash's number */
  if (h->hash == GNUTLS_DIG_UNKNOWN) {
    nbdsrv_error("the LUKS header has the hash %s: not known here", hash);
    return ENOTSUP;
  }
  return crypt_parse(&h->method, cipher, mode, h->key_len);
}

int
luks_parse(struct luks_header *h, const uint8_t bytes[LUKS_HEADER], uint64_t size)
{
  unsigned version = (unsigned)bytes[VERSION] << 8 | bytes[VERSION + 1];
  int error;

  if (memcmp(bytes, "LUKS\xba\xbe", 6) != 0) {
    nbdsrv_error("this is no LUKS disk");
    return EINVAL;
  }
  if (version != 1) {
    nbdsrv_error("this is a LUKS disk of version %u: only version 1 is known here",
                 version);
    return ENOTSUP;
  }
  h->key_len = get32(bytes + KEY_LEN);
  if (h->key_len == 0 || h->key_len > LUKS_KEY_MAX)
    return broken("the length of the key");
  error = parse_names(h, bytes);
  if (error)
    return error;
  h->payload = (uint64_t)get32(bytes + PAYLOAD) * LUKS_SECTOR;
  if (h->payload < LUKS_HEADER || h->payload > size)
    return broken("the payload's offset");
  memcpy(h->digest, bytes + DIGEST, LUKS_DIGEST);
  memcpy(h->digest_salt, bytes + DIGEST_SALT, LUKS_SALT);
  h->digest_iterations = get32(bytes + DIGEST_ITER);
  if (!iterations_are_sane(h->digest_iterations))
    return broken("the digest");
  for (unsigned i = 0; i < LUKS_SLOTS; i++)
    if (!parse_slot(&h->slots[i], bytes + SLOTS + i * SLOT_SIZE, h->key_len, size))
      return broken("a key slot");
  return 0;
}
