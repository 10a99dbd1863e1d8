/* SPDX-License-Identifier: BSD-3-Clause */
/* Puts the bytes that an expression stands for on a disk.
 * Gets an expression from parser.c; the time it takes is that of writing what is not
 * zeroes, however long the zeroes between.
 */
#include "config.h"

#include "emit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../memory/chunk.h"
#include "room.h"
#include "target.h"

/* What is shorter is made in memory once and then copied. */
#define SHORT ((uint64_t)64 * 1024)
#define BLOCK ((uint64_t)256 * 1024)

/* Puts len bytes of an expression, from an offset in it on. */
static int put(struct target *t, const struct expr *e, uint64_t from, uint64_t len,
               uint64_t at);

static uint64_t
least(uint64_t a, uint64_t b)
{
  return a < b ? a : b;
}

static int
put_list(struct target *t, const struct expr *e, uint64_t from, uint64_t len,
         uint64_t at)
{
  int error = e->dense ? 0 : target_clear(t, len, at);

  for (size_t i = 0; i < e->count && !error; i++) {
    uint64_t begin = e->parts[i].at, end = begin + e->parts[i].expr->size;

    if (begin < from)
      begin = from;
    end = least(end, from + len);
    if (begin < end)
      error = put(t, e->parts[i].expr, begin - e->parts[i].at, end - begin,
                  at + (begin - from));
  }
  return error;
}

/* ----------------------------------------------------------------- repetitions */

/* As many copies as are good to write at once, or as are needed. */
static uint8_t *
make_block(const struct expr *body, uint64_t len, uint64_t *size)
{
  uint64_t copies = least(BLOCK / body->size, len / body->size + 2);
  struct target t = {0};
  uint64_t made = body->size;

  *size = copies * body->size;
  t.memory = malloc(*size);
  if (t.memory && put(&t, body, 0, body->size, 0) != 0) {
    free(t.memory);
    return NULL;
  }
  for (; t.memory && made < *size; made += least(made, *size - made))
    memcpy(t.memory + made, t.memory, least(made, *size - made));
  return t.memory;
}

/* Copies with something in them: at least a page for each, or all pages, are taken.
 * Said at once if that is too much, not when memory is full. */
static int
check_copies(const struct target *t, uint64_t size, uint64_t len)
{
  return target_check(t, size < PAGE ? len : len / size * PAGE);
}

/* Of a short body. */
static int
put_copies(struct target *t, const struct expr *body, uint64_t from, uint64_t len,
           uint64_t at)
{
  uint64_t size;
  uint8_t *block = make_block(body, len, &size);
  int error;

  if (!block)
    return ENOMEM;
  if (expr_is_zeroes(block, body->size)) {
    free(block);
    return target_clear(t, len, at);
  }
  error = check_copies(t, body->size, len);
  while (len > 0 && !error) {
    uint64_t n = least(len, size - from);
    error = target_put(t, block + from, n, at);
    from = 0;
    at += n;
    len -= n;
  }
  free(block);
  return error;
}

/* Whether there is surely something in it but zeroes. */
static bool
has_data(const struct expr *e)
{
  switch (e->kind) {
  case EXPR_BYTES:
    return true;
  case EXPR_REPEAT:
    return has_data(e->body);
  case EXPR_LIST:
    for (size_t i = 0; e->dense && i < e->count; i++)
      if (has_data(e->parts[i].expr))
        return true;
    return false;
  default:
    return false;
  }
}

static int
put_repeat(struct target *t, const struct expr *body, uint64_t from, uint64_t len,
           uint64_t at)
{
  int error = 0;

  from %= body->size;
  if (body->size <= SHORT && len > body->size - from)
    return put_copies(t, body, from, len, at);
  if (has_data(body))
    error = check_copies(t, body->size, len);
  while (len > 0 && !error) {
    uint64_t n = least(len, body->size - from);
    error = put(t, body, from, n, at);
    from = 0;
    at += n;
    len -= n;
  }
  return error;
}

/* ------------------------------------------------------------------------- files */

static int
complain(const char *path, const char *what)
{
  nbdsrv_error("%s: %s", path, what);
  return EIO;
}

/* Part of a file up to its next hole, or a hole: *n. */
static int
put_part_of_file(struct target *t, const struct expr *e, int fd, uint8_t *buf,
                 uint64_t from, uint64_t len, uint64_t at, uint64_t *n)
{
  off_t data = lseek(fd, (off_t)from, SEEK_DATA);
  ssize_t got;

  *n = len;
  if (data == -1 && errno != ENXIO)
    data = (off_t)from; /* it has no holes */
  if (data == -1)
    return target_clear(t, len, at);
  if ((uint64_t)data > from) {
    *n = least(len, (uint64_t)data - from);
    return target_clear(t, *n, at);
  }
  got = pread(fd, buf, least(len, BLOCK), (off_t)from);
  if (got == -1)
    return complain(e->text, strerror(errno));
  if (got == 0)
    return complain(e->text, "it has become shorter");
  *n = (uint64_t)got;
  return target_put(t, buf, *n, at);
}

static int
put_file(struct target *t, const struct expr *e, uint64_t from, uint64_t len,
         uint64_t at)
{
  int fd = open(e->text, O_RDONLY | O_CLOEXEC);
  int error = fd == -1 ? complain(e->text, strerror(errno)) : 0;
  uint8_t *buf = malloc(BLOCK);

  if (!buf)
    error = ENOMEM;
  while (len > 0 && !error) {
    uint64_t n;
    error = put_part_of_file(t, e, fd, buf, from, len, at, &n);
    from += n;
    at += n;
    len -= n;
  }
  free(buf);
  if (fd != -1)
    close(fd);
  return error;
}

/* ------------------------------------------------------------------------------- */

static int
put(struct target *t, const struct expr *e, uint64_t from, uint64_t len, uint64_t at)
{
  switch (e->kind) {
  case EXPR_HOLE:
    return target_clear(t, len, at);
  case EXPR_LIST:
    return put_list(t, e, from, len, at);
  case EXPR_REPEAT:
    return put_repeat(t, e->body, from, len, at);
  case EXPR_SLICE:
    return put(t, e->body, e->start + from, len, at);
  case EXPR_FILE:
    return put_file(t, e, from, len, at);
  default: /* BYTES, and a stream as far as it was read */
    return target_put(t, e->bytes + from, len, at);
  }
}

int
emit(const struct expr *e, struct disk *disk)
{
  struct target t = {.disk = disk, .left = room_now()};

  return put(&t, e, 0, least(e->size, disk->size), 0);
}
