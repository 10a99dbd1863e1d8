/* SPDX-License-Identifier: BSD-3-Clause */
/* The blocksize filter: lets clients ask for any range, and the layer below see whole
 * blocks and requests of a bearable size only.
 * Gets every operation but flush; hands down as many as it takes.
 */
#include <stdbool.h>
#include <string.h>

#include "../common/extents.h"
#include "../common/pass.h"
#include "../common/rangelock.h"
#include "pieces.h"

#define MOST_BLOCK 65536u

struct blocksize {
  uint64_t minblock, maxdata, maxlen; /* 0: as below */
  struct rangelock ranges;            /* blocks that are changed in part: exclusively */
};

struct handle {
  struct pass pass; /* first */
  uint64_t block, maxdata, maxlen;
  bool flush_for_fua; /* below, each FUA would be a flush */
};

static const struct nbdsrv_param params[] = {
    {"minblock", NBDSRV_SIZE, 0, offsetof(struct blocksize, minblock), NULL,
     "smallest block below: a power of two up to 64k", NULL, NULL},
    {"maxdata", NBDSRV_SIZE, 0, offsetof(struct blocksize, maxdata), NULL,
     "largest read or write below", NULL, NULL},
    {"maxlen", NBDSRV_SIZE, 0, offsetof(struct blocksize, maxlen), NULL,
     "largest trim, zero, cache or block status below", NULL, NULL},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

static int
blocksize_ready(void *inst)
{
  struct blocksize *b = inst;
  uint64_t block = b->minblock ? b->minblock : 1;

  if (block > MOST_BLOCK || (block & (block - 1))) {
    nbdsrv_error("minblock must be a power of two from 1 to 64k");
    return EINVAL;
  }
  if (b->maxdata % block || b->maxlen % block) {
    nbdsrv_error("maxdata and maxlen must be multiples of minblock");
    return EINVAL;
  }
  rangelock_init(&b->ranges);
  return 0;
}

static void
blocksize_stop(void *inst)
{
  rangelock_destroy(&((struct blocksize *)inst)->ranges);
}

static int
blocksize_open(void *inst, const struct nbdsrv_client *client, void **handle)
{
  return pass_open_size(inst, client, sizeof(struct handle), handle);
}

/* A limit from the parameter, else from below, in whole blocks. */
static uint64_t
limit(uint64_t given, uint64_t below, uint64_t block)
{
  uint64_t most = given ? given : below;

  return most < block ? block : most - most % block;
}

static int
blocksize_describe(void *handle, struct nbdsrv_info *info)
{
  struct handle *h = handle;
  const struct blocksize *b = h->pass.settings;

  h->block = b->minblock ? b->minblock : info->block_minimum ? info->block_minimum : 1;
  h->maxdata = limit(b->maxdata, info->block_maximum ? info->block_maximum : 64u << 20,
                     h->block);
  h->maxlen = limit(b->maxlen, UINT32_MAX, h->block);
  h->flush_for_fua = !(info->can & NBDSRV_CAN_FUA);
  if (!h->flush_for_fua || (info->can & NBDSRV_CAN_FLUSH))
    info->can |= NBDSRV_CAN_FUA;
  if (h->block == 1 && !b->maxdata && !b->maxlen && !info->block_maximum)
    info->own_ops = 0; /* everything is bearable */
  info->export_size -= info->export_size % h->block;
  if (info->block_preferred < h->block && h->block >= 512)
    info->block_preferred = (uint32_t)h->block;
  info->block_minimum = 1;
  info->block_maximum = 0;
  return 0;
}

/* -------------------------------------------------------------- parts of a block */

static uint64_t
start_of(const struct handle *h, uint64_t off)
{
  return off & ~(h->block - 1);
}

static int
read_part(const struct handle *h, void *buf, uint64_t len, uint64_t off)
{
  uint64_t start = start_of(h, off);
  uint8_t *block = malloc(h->block);
  int error =
      block ? nbdsrv_next_read(h->pass.next, block, h->block, start, 0) : ENOMEM;

  if (!error)
    memcpy(buf, block + (off - start), len);
  free(block);
  return error;
}

/* Reads, changes and writes a block.  buf NULL: zeroes. */
static int
write_part(const struct handle *h, const void *buf, uint64_t len, uint64_t off,
           uint32_t flags)
{
  struct blocksize *b = h->pass.settings;
  uint64_t start = start_of(h, off);
  uint8_t *block = malloc(h->block);
  struct range range;
  int error;

  if (!block)
    return ENOMEM;
  rangelock_enter(&b->ranges, &range, start, start + h->block - 1, true);
  error = nbdsrv_next_read(h->pass.next, block, h->block, start, 0);
  if (!error) {
    if (buf)
      memcpy(block + (off - start), buf, len);
    else
      memset(block + (off - start), 0, len);
    error = nbdsrv_next_write(h->pass.next, block, h->block, start, flags);
  }
  rangelock_leave(&b->ranges, &range);
  free(block);
  return error;
}

/* ------------------------------------------------------------------------ data */

static int
blocksize_read(void *handle, void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  const struct handle *h = handle;
  struct pieces p = pieces_of(len, off, h->block);
  uint8_t *to = buf;
  int error = p.head ? read_part(h, to, p.head, off) : 0;

  to += p.head;
  off += p.head;
  while (p.middle > 0 && !error) {
    uint64_t n = p.middle < h->maxdata ? p.middle : h->maxdata;
    error = nbdsrv_next_read(h->pass.next, to, n, off, flags);
    to += n;
    off += n;
    p.middle -= n;
  }
  return p.tail && !error ? read_part(h, to, p.tail, off) : error;
}

/* FUA for each piece, or one flush for all of them.  Returns the flags for a piece. */
static uint32_t
piece_flags(const struct handle *h, uint32_t flags)
{
  return h->flush_for_fua ? flags & ~NBDSRV_FLAG_FUA : flags;
}

static int
flush_after(const struct handle *h, uint32_t flags, int error)
{
  return !error && h->flush_for_fua && (flags & NBDSRV_FLAG_FUA)
             ? nbdsrv_next_flush(h->pass.next, 0)
             : error;
}

typedef int (*middle_call)(const struct handle *h, const uint8_t *buf, uint64_t len,
                           uint64_t off, uint32_t flags);

static int
write_middle(const struct handle *h, const uint8_t *buf, uint64_t len, uint64_t off,
             uint32_t flags)
{
  int error = 0;

  while (len > 0 && !error) {
    uint64_t n = len < h->maxdata ? len : h->maxdata;
    error = nbdsrv_next_write(h->pass.next, buf, n, off, flags);
    buf += n;
    len -= n;
    off += n;
  }
  return error;
}

/* That it is not fast is only said before anything was changed. */
static int
zero_middle(const struct handle *h, const uint8_t *buf, uint64_t len, uint64_t off,
            uint32_t flags)
{
  int error = 0;

  (void)buf;
  while (len > 0 && !error) {
    uint64_t n = len < h->maxlen ? len : h->maxlen;
    error = nbdsrv_next_zero(h->pass.next, n, off, flags);
    flags &= ~NBDSRV_FLAG_FAST_ZERO;
    len -= n;
    off += n;
    if (len > 0 && !error) /* is it still wanted? */
      error = nbdsrv_sleep(0);
  }
  return error;
}

/* buf NULL: zeroes.  Whole blocks do not meet a part of them being changed. */
static int
change(const struct handle *h, middle_call middle, const uint8_t *buf, uint64_t len,
       uint64_t off, uint32_t flags)
{
  struct blocksize *b = h->pass.settings;
  struct pieces p = pieces_of(len, off, h->block);
  uint32_t each = piece_flags(h, flags), part = each & NBDSRV_FLAG_FUA;
  struct range range;
  int error = p.head ? write_part(h, buf, p.head, off, part) : 0;

  if (buf)
    buf += p.head;
  off += p.head;
  if (p.middle > 0 && !error) {
    if (h->block > 1)
      rangelock_enter(&b->ranges, &range, off, off + p.middle - 1, false);
    error = middle(h, buf, p.middle, off, each);
    if (h->block > 1)
      rangelock_leave(&b->ranges, &range);
  }
  if (p.tail && !error)
    error = write_part(h, buf ? buf + p.middle : NULL, p.tail, off + p.middle, part);
  return flush_after(h, flags, error);
}

static int
blocksize_write(void *handle, const void *buf, uint64_t len, uint64_t off,
                uint32_t flags)
{
  return change(handle, write_middle, buf, len, off, flags);
}

/* Parts of blocks are written, which is not fast. */
static int
blocksize_zero(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  const struct handle *h = handle;
  struct pieces p = pieces_of(len, off, h->block);

  if ((flags & NBDSRV_FLAG_FAST_ZERO) && (p.head || p.tail))
    return ENOTSUP;
  return change(h, zero_middle, NULL, len, off, flags);
}

/* Parts of blocks are left alone: it is advice. */
static int
blocksize_trim(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  const struct handle *h = handle;
  struct pieces p = pieces_of(len, off, h->block);
  int error = 0;

  off += p.head;
  while (p.middle > 0 && !error) {
    uint64_t n = p.middle < h->maxlen ? p.middle : h->maxlen;
    error = nbdsrv_next_trim(h->pass.next, n, off, piece_flags(h, flags));
    off += n;
    p.middle -= n;
    if (p.middle > 0 && !error)
      error = nbdsrv_sleep(0);
  }
  return flush_after(h, flags, error);
}

static int
blocksize_cache(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  const struct handle *h = handle;
  uint64_t end = (off + len + h->block - 1) & ~(h->block - 1);
  int error = 0;

  off = start_of(h, off);
  while (off < end && !error) {
    uint64_t n = end - off < h->maxlen ? end - off : h->maxlen;
    error = nbdsrv_next_cache(h->pass.next, n, off, flags);
    off += n;
    if (off < end && !error)
      error = nbdsrv_sleep(0);
  }
  return error;
}

/* As far as one request below goes: the client asks for the rest.  More than one if
 * the answer ends before what was asked for begins. */
static int
blocksize_extents(void *handle, uint64_t len, uint64_t off, uint32_t flags,
                  struct nbdsrv_extents *extents)
{
  const struct handle *h = handle;
  uint64_t start = start_of(h, off);
  uint64_t most = (off - start + len + h->block - 1) & ~(h->block - 1);
  uint64_t from, reached = start;
  int error;

  if (most > h->maxlen)
    most = h->maxlen;
  do {
    from = reached;
    error = extents_pass(h->pass.next, most - (from - start), from, flags, UINT64_MAX,
                         0, extents, &reached);
  } while (!error && reached > from && reached <= off && reached - start < most);
  return error;
}

static struct nbdsrv_plugin filter = {
    .name = "blocksize",
    .summary = "hands down whole blocks and bearable sizes only",
    .params = params,
    .instance_size = sizeof(struct blocksize),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .ready = blocksize_ready,
    .stop = blocksize_stop,
    .open = blocksize_open,
    .describe = blocksize_describe,
    .close = free,
    .read = blocksize_read,
    .write = blocksize_write,
    .zero = blocksize_zero,
    .trim = blocksize_trim,
    .cache = blocksize_cache,
    .extents = blocksize_extents,
};

NBDSRV_FILTER(filter)
