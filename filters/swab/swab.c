/* SPDX-License-Identifier: BSD-3-Clause */
/* The swab filter: swaps bytes in each word of 16, 32 or 64 bits.
 * Gets reads and writes of whole words.
 */
#include <string.h>

#include "../common/pass.h"

struct swab {
  uint32_t bits;
};

static const struct nbdsrv_param params[] = {
    {"swab-bits", NBDSRV_UINT32, 0, offsetof(struct swab, bits), "16",
     "the size of a word: 16, 32, 64, or 8 to leave all as it is", NULL, NULL},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

static int
swab_ready(void *inst)
{
  uint32_t bits = ((struct swab *)inst)->bits;

  if (bits == 8 || bits == 16 || bits == 32 || bits == 64)
    return 0;
  nbdsrv_error("swab-bits: %u is not 8, 16, 32 or 64", bits);
  return EINVAL;
}

static uint32_t
word_size(const struct pass *pass)
{
  return ((struct swab *)pass->settings)->bits / 8;
}

static int
swab_describe(void *handle, struct nbdsrv_info *info)
{
  uint32_t word = word_size(handle);

  info->export_size -= info->export_size % word;
  if (info->block_minimum < word)
    info->block_minimum = word;
  if (info->block_preferred == 0)
    info->block_preferred = 4096;
  if (word == 1)
    info->own_ops = 0;
  return 0;
}

/* In words: to may be from. */
static void
swap(void *to, const void *from, uint64_t len, uint32_t word)
{
  const char *p = from;
  char *q = to;

  for (uint64_t i = 0; i < len; i += word) {
    uint16_t v16;
    uint32_t v32;
    uint64_t v64;

    if (word == 2) {
      memcpy(&v16, p + i, word);
      v16 = __builtin_bswap16(v16);
      memcpy(q + i, &v16, word);
    } else if (word == 4) {
      memcpy(&v32, p + i, word);
      v32 = __builtin_bswap32(v32);
      memcpy(q + i, &v32, word);
    } else {
      memcpy(&v64, p + i, word);
      v64 = __builtin_bswap64(v64);
      memcpy(q + i, &v64, word);
    }
  }
}

static int
check_words(uint64_t len, uint64_t off, uint32_t word)
{
  if (((len | off) & (word - 1)) == 0)
    return 0;
  nbdsrv_error("offset %llu and length %llu are not whole words of %u bytes",
               (unsigned long long)off, (unsigned long long)len, word);
  return EINVAL;
}

static int
swab_read(void *handle, void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  const struct pass *pass = handle;
  int error = check_words(len, off, word_size(pass));

  if (!error)
    error = nbdsrv_next_read(pass->next, buf, len, off, flags);
  if (!error)
    swap(buf, buf, len, word_size(pass));
  return error;
}

static int
swab_write(void *handle, const void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  const struct pass *pass = handle;
  int error = check_words(len, off, word_size(pass));
  void *swapped;

  if (error)
    return error;
  swapped = malloc(len);
  if (!swapped)
    return ENOMEM;
  swap(swapped, buf, len, word_size(pass));
  error = nbdsrv_next_write(pass->next, swapped, len, off, flags);
  free(swapped);
  return error;
}

static struct nbdsrv_plugin filter = {
    .name = "swab",
    .summary = "swaps the bytes of each word",
    .params = params,
    .instance_size = sizeof(struct swab),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .ready = swab_ready,
    .open = pass_open,
    .describe = swab_describe,
    .close = free,
    .read = swab_read,
    .write = swab_write,
};

NBDSRV_FILTER(filter)
