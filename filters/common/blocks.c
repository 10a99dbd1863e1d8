/* SPDX-License-Identifier: BSD-3-Clause */
/* Blocks in a temporary file.
 * Gets reads and writes of cow and cache; keeps which blocks are where, and reads
 * from below what is nowhere else.
 */
#include "blocks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "extents.h"
#include "clock.h"
#include "tempfile.h"

/* Most that is copied in one go. */
#define PIECE ((uint64_t)1024 * 1024)

int
blocks_shift(const char *what, uint64_t size, unsigned *shift)
{
  if (size < 4096 || size > (1u << 30) || (size & (size - 1))) {
    nbdsrv_error("%s must be a power of two from 4096 to 1G", what);
    return EINVAL;
  }
  *shift = (unsigned)__builtin_ctzll(size);
  return 0;
}

int
blocks_new(const char *name, unsigned shift, struct blocks **result)
{
  struct blocks *b = calloc(1, sizeof *b);
  int error = ENOMEM;

  if (!b)
    return ENOMEM;
  b->shift = shift;
  b->fd = -1;
  b->name = strdup(name);
  b->map = statemap_new();
  b->used = statemap_new();
  rangelock_init(&b->ranges);
  pthread_mutex_init(&b->lock, NULL);
  if (b->name && b->map && b->used)
    error = tempfile_open(&b->fd);
  if (error)
    blocks_free(b);
  else
    *result = b;
  return error;
}

void
blocks_free(struct blocks *b)
{
  while (b) {
    struct blocks *next = b->next;

    if (b->fd != -1)
      close(b->fd);
    statemap_free(b->map);
    statemap_free(b->used);
    rangelock_destroy(&b->ranges);
    pthread_mutex_destroy(&b->lock);
    free(b->name);
    free(b);
    b = next;
  }
}

void
blocks_enter(struct blocks *b, struct range *range, uint64_t len, uint64_t off,
             bool exclusive)
{
  rangelock_enter(&b->ranges, range, blocks_number(b, off),
                  blocks_number(b, off + len - 1), exclusive);
}

void
blocks_leave(struct blocks *b, struct range *range)
{
  rangelock_leave(&b->ranges, range);
}

bool
blocks_inside(const struct blocks *b, uint64_t size, uint64_t len, uint64_t off,
              uint64_t *first, uint64_t *count)
{
  uint64_t mask = ((uint64_t)1 << b->shift) - 1, end = off + len, last;

  *first = (off + mask) >> b->shift;
  last = end >> b->shift; /* the first one behind */
  if (end == size && (end & mask))
    last++;
  *count = last > *first ? last - *first : 0;
  return *count > 0;
}

/* ------------------------------------------------------------------------ states */

/* Bytes of a run of blocks that begins in the middle of one, up to len. */
static uint64_t
run_bytes(const struct blocks *b, uint64_t run, uint64_t len, uint64_t off)
{
  uint64_t inside = off & (((uint64_t)1 << b->shift) - 1);
  uint64_t bytes = (run << b->shift) - inside;

  return bytes < len ? bytes : len;
}

uint64_t
blocks_run(struct blocks *b, uint64_t len, uint64_t off, enum block_state *state)
{
  uint64_t first = blocks_number(b, off);
  uint64_t most = blocks_number(b, off + len - 1) - first + 1, run;
  unsigned s;

  pthread_mutex_lock(&b->lock);
  run = statemap_run(b->map, first, most, &s);
  pthread_mutex_unlock(&b->lock);
  *state = (enum block_state)s;
  return run_bytes(b, run, len, off);
}

/* With the lock held: how many of the blocks are in the file. */
static uint64_t
count_held(const struct blocks *b, uint64_t first, uint64_t count)
{
  uint64_t held = 0;

  while (count > 0) {
    unsigned state;
    uint64_t run = statemap_run(b->map, first, count, &state);
    if (state == BLOCK_HELD || state == BLOCK_DIRTY)
      held += run;
    first += run;
    count -= run;
  }
  return held;
}

int
blocks_set(struct blocks *b, uint64_t first, uint64_t count, enum block_state state)
{
  int error;

  pthread_mutex_lock(&b->lock);
  b->held -= count_held(b, first, count);
  error = statemap_set(b->map, first, count, state);
  b->held += count_held(b, first, count);
  pthread_mutex_unlock(&b->lock);
  return error;
}

int
blocks_drop(struct blocks *b, uint64_t first, uint64_t count, enum block_state state)
{
  int error = blocks_set(b, first, count, state);

  if (!error)
    tempfile_punch(b->fd, count << b->shift, first << b->shift);
  return error;
}

/* -------------------------------------------------------------------------- data */

int
blocks_read(struct blocks *b, const struct below *below, void *buf, uint64_t len,
            uint64_t off)
{
  uint8_t *p = buf;
  int error = 0;

  while (len > 0 && !error) {
    enum block_state state;
    uint64_t n = blocks_run(b, len, off, &state);

    if (state == BLOCK_BELOW)
      error = nbdsrv_next_read(below->next, p, n, off, 0);
    else if (state == BLOCK_ZERO)
      memset(p, 0, n);
    else
      error = tempfile_load(b->fd, p, n, off);
    p += n;
    len -= n;
    off += n;
  }
  return error;
}

#define COMPLAIN_NS 60000000000u

/* buf NULL: zeroes.  A full file is one fault, said again only after a while. */
static int
store(struct blocks *b, const void *buf, uint64_t len, uint64_t off)
{
  int error =
      buf ? tempfile_store(b->fd, buf, len, off) : tempfile_zero(b->fd, len, off);
  uint64_t last, now;

  if (!error || error == ESHUTDOWN)
    return error;
  last = atomic_load(&b->complained);
  now = clock_ns();
  if ((!last || now - last >= COMPLAIN_NS) &&
      atomic_compare_exchange_strong(&b->complained, &last, now))
    nbdsrv_error("the temporary file: %s", strerror(error));
  return error;
}

/* Copies bytes from below to the file; their blocks have no new state yet. */
static int
copy_up(struct blocks *b, const struct below *below, uint64_t len, uint64_t off)
{
  uint64_t room = len < PIECE ? len : PIECE;
  void *buf = malloc(room);
  int error = buf ? 0 : ENOMEM;

  while (len > 0 && !error) {
    uint64_t n = len < room ? len : room;
    error = nbdsrv_next_read(below->next, buf, n, off, 0);
    if (!error)
      error = store(b, buf, n, off);
    len -= n;
    off += n;
    if (len > 0 && !error) /* is it still wanted? */
      error = nbdsrv_sleep(0);
  }
  free(buf);
  return error;
}

/* A range of bytes widened to whole blocks, inside the disk. */
static void
widen(const struct blocks *b, const struct below *below, uint64_t *len, uint64_t *off)
{
  uint64_t mask = ((uint64_t)1 << b->shift) - 1;
  uint64_t end = (*off + *len + mask) & ~mask;

  if (end > below->size)
    end = below->size;
  *off &= ~mask;
  *len = end - *off;
}

static int
fetch(struct blocks *b, const struct below *below, uint64_t len, uint64_t off)
{
  int error = 0;

  widen(b, below, &len, &off);
  while (len > 0 && !error) {
    enum block_state state;
    uint64_t n = blocks_run(b, len, off, &state);

    if (state == BLOCK_BELOW)
      error = copy_up(b, below, n, off);
    if (!error && state == BLOCK_BELOW)
      error = blocks_set(b, blocks_number(b, off),
                         blocks_number(b, off + n - 1) - blocks_number(b, off) + 1,
                         BLOCK_HELD);
    len -= n;
    off += n;
  }
  return error;
}

int
blocks_fetch(struct blocks *b, const struct below *below, uint64_t len, uint64_t off)
{
  struct range range;
  int error;

  blocks_enter(b, &range, len, off, true);
  error = fetch(b, below, len, off);
  blocks_leave(b, &range);
  return error;
}

/* A block that is only written in part: the file gets all of it first. */
static int
complete_block(struct blocks *b, const struct below *below, uint64_t off)
{
  enum block_state state;
  uint64_t len = 1;

  blocks_run(b, 1, off, &state);
  if (state == BLOCK_HELD || state == BLOCK_DIRTY)
    return 0;
  widen(b, below, &len, &off);
  return state == BLOCK_ZERO ? store(b, NULL, len, off) : copy_up(b, below, len, off);
}

int
blocks_write(struct blocks *b, const struct below *below, const void *buf, uint64_t len,
             uint64_t off, enum block_state state)
{
  uint64_t mask = ((uint64_t)1 << b->shift) - 1, end = off + len;
  uint64_t first = blocks_number(b, off), last = blocks_number(b, end - 1);
  bool cut_head = (off & mask) != 0;
  bool cut_tail = (end & mask) != 0 && end != below->size;
  int error = 0;

  if (cut_head || (cut_tail && first == last))
    error = complete_block(b, below, off);
  if (!error && cut_tail && first != last)
    error = complete_block(b, below, end - 1);
  if (!error)
    error = store(b, buf, len, off);
  return error ? error : blocks_set(b, first, last - first + 1, state);
}

int
blocks_zero(struct blocks *b, const struct below *below, uint64_t len, uint64_t off,
            enum block_state state)
{
  uint64_t first, count, start, end;
  int error = 0;

  if (!blocks_inside(b, below->size, len, off, &first, &count))
    return blocks_write(b, below, NULL, len, off, state);
  start = first << b->shift;
  end = (first + count) << b->shift;
  if (off < start)
    error = blocks_write(b, below, NULL, start - off, off, state);
  if (!error)
    error = blocks_drop(b, first, count, BLOCK_ZERO);
  if (!error && end < off + len)
    error = blocks_write(b, below, NULL, off + len - end, end, state);
  return error;
}

/* ----------------------------------------------------------------------- extents */

int
blocks_extents(struct blocks *b, const struct below *below, bool held_below,
               uint64_t len, uint64_t off, uint32_t flags,
               struct nbdsrv_extents *extents)
{
  int error = 0;

  while (len > 0 && !error) {
    enum block_state state;
    uint64_t n = blocks_run(b, len, off, &state), reached = off + n;

    if (state == BLOCK_BELOW || (state == BLOCK_HELD && held_below))
      error = extents_pass(below->next, n, off, flags, off + n, 0, extents, &reached);
    else
      error = nbdsrv_extents_add(
          extents, off, n,
          state == BLOCK_ZERO ? NBDSRV_EXTENT_HOLE | NBDSRV_EXTENT_ZERO : 0);
    if (reached == off) /* nothing came from below, or enough is there */
      break;
    len -= reached - off;
    off = reached;
  }
  return error == ERANGE ? 0 : error; /* enough was asked for */
}
