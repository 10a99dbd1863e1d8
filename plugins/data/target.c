/* SPDX-License-Identifier: BSD-3-Clause */
/* Where the bytes of an expression go.
 * Gets bytes and zeroes in any order; sees to it that a page of the disk is allocated
 * only if there is something in it.
 */
#include "target.h"

#include <errno.h>
#include <string.h>

#include "../memory/chunk.h"
#include "expr.h"

int
target_check(const struct target *t, uint64_t len)
{
  if (t->memory || !t->disk->store || len <= t->left)
    return 0;
  nbdsrv_error("the data does not fit into the memory of this machine");
  return EFBIG;
}

/* Counts the pages of a range that is written, but once what is written in pieces. */
static int
charge(struct target *t, uint64_t len, uint64_t at)
{
  uint64_t first = at / PAGE + 1, last = (at + len - 1) / PAGE + 1;
  uint64_t taken = (last - first + (first != t->page)) * PAGE;
  int error = target_check(t, taken);

  if (!error) {
    t->left -= t->left < taken ? t->left : taken;
    t->page = last;
  }
  return error;
}

static uint64_t
to_page_end(uint64_t len, uint64_t at)
{
  uint64_t left = PAGE - at % PAGE;
  return len < left ? len : left;
}

/* Frees the page that holds at, if it holds nothing any more. */
static void
tidy(struct target *t, uint64_t at)
{
  struct store *store = t->disk->store;
  uint8_t page[PAGE];

  at -= at % PAGE;
  store_read(store, page, PAGE, at);
  if (expr_is_zeroes(page, PAGE))
    store_trim(store, PAGE, at);
}

int
target_clear(struct target *t, uint64_t len, uint64_t at)
{
  if (t->memory)
    memset(t->memory + at, 0, len);
  else if (len > 0)
    disk_trim(t->disk, len, at, 0);
  if (t->memory || len == 0 || !t->disk->store)
    return 0;
  if (at % PAGE)
    tidy(t, at);
  if ((at + len) % PAGE)
    tidy(t, at + len);
  return 0;
}

int
target_put(struct target *t, const uint8_t *bytes, uint64_t len, uint64_t at)
{
  int error = 0;

  if (t->memory) {
    memcpy(t->memory + at, bytes, len);
    return 0;
  }
  while (len > 0 && !error) {
    uint64_t n = to_page_end(len, at), run = 0;

    while (run < len && !expr_is_zeroes(bytes + run, n)) {
      run += n;
      n = to_page_end(len - run, at + run);
    }
    if (run > 0) {
      error = charge(t, run, at);
      n = run;
      if (!error)
        error = disk_write(t->disk, bytes, n, at, 0);
    } else
      error = target_clear(t, n, at);
    bytes += n;
    at += n;
    len -= n;
  }
  return error;
}
