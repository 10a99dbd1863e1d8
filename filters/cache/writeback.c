/* SPDX-License-Identifier: BSD-3-Clause */
/* Writes what is dirty to the layer below.
 * Gets flushes from cache.c and single blocks from reclaim.c.
 */
#include <errno.h>
#include <stdlib.h>

#include "../common/tempfile.h"
#include "cache.h"

/* Most that goes down in one write. */
#define PIECE ((uint64_t)1024 * 1024)

uint64_t
writeback_end(const struct handle *h)
{
  return h->below.size ? blocks_number(h->blocks, h->below.size - 1) + 1 : 0;
}

/* Bytes of some blocks, inside the disk. */
static uint64_t
bytes_of(const struct handle *h, uint64_t first, uint64_t count)
{
  uint64_t off = first << h->blocks->shift, len = count << h->blocks->shift;

  return len < h->below.size - off ? len : h->below.size - off;
}

static int
write_held(struct handle *h, uint64_t len, uint64_t off, uint32_t flags)
{
  uint64_t room = len < PIECE ? len : PIECE;
  void *buf = malloc(room);
  int error = buf ? 0 : ENOMEM;

  while (len > 0 && !error) {
    uint64_t n = len < room ? len : room;
    error = tempfile_load(h->blocks->fd, buf, n, off);
    if (!error)
      error = nbdsrv_next_write(h->below.next, buf, n, off, flags);
    len -= n;
    off += n;
  }
  free(buf);
  return error;
}

/* Blocks of one state, of which the range is held exclusively. */
static int
write_run(struct handle *h, uint64_t first, uint64_t count, enum block_state state,
          uint32_t flags)
{
  uint64_t off = first << h->blocks->shift, len = bytes_of(h, first, count);
  int error = 0;

  if (state == BLOCK_DIRTY)
    error = write_held(h, len, off, flags);
  else if (state == BLOCK_ZERO)
    error = nbdsrv_next_zero(h->below.next, len, off, flags);
  else
    return 0;
  if (error)
    return error;
  return blocks_set(h->blocks, first, count,
                    state == BLOCK_DIRTY ? BLOCK_HELD : BLOCK_BELOW);
}

int
writeback_block(struct handle *h, uint64_t block, uint32_t flags)
{
  enum block_state state;

  blocks_run(h->blocks, 1, block << h->blocks->shift, &state);
  return write_run(h, block, 1, state, flags);
}

int
writeback_range(struct handle *h, uint64_t first, uint64_t count, uint32_t flags)
{
  struct blocks *b = h->blocks;
  int error = 0;

  while (count > 0 && !error) {
    enum block_state state;
    uint64_t off = first << b->shift;
    uint64_t n = blocks_run(b, bytes_of(h, first, count), off, &state);
    uint64_t run = blocks_number(b, off + n - 1) - first + 1;

    error = write_run(h, first, run, state, flags);
    first += run;
    count -= run;
  }
  return error;
}

/* A run that seemed dirty, looked at again with the range held, in pieces so that
 * nobody waits long. */
static int
write_locked(struct handle *h, uint64_t first, uint64_t count)
{
  struct range range;
  int error;

  rangelock_enter(&h->blocks->ranges, &range, first, first + count - 1, true);
  error = writeback_range(h, first, count, 0);
  rangelock_leave(&h->blocks->ranges, &range);
  return error;
}

int
writeback_all(struct handle *h)
{
  uint64_t first = 0, end = writeback_end(h);
  uint64_t piece = PIECE >> h->blocks->shift ? PIECE >> h->blocks->shift : 1;
  int error = 0;

  while (first < end && !error) {
    enum block_state state;
    uint64_t off = first << h->blocks->shift;
    uint64_t n = blocks_run(h->blocks, h->below.size - off, off, &state);
    uint64_t run = blocks_number(h->blocks, off + n - 1) - first + 1;

    if (state == BLOCK_DIRTY && run > piece)
      run = piece;
    if (state == BLOCK_DIRTY || state == BLOCK_ZERO)
      error = write_locked(h, first, run);
    first += run;
  }
  return error;
}
