/* SPDX-License-Identifier: BSD-3-Clause */
/* What data expressions take from outside: files, and what programs print.
 * Gets paths and scripts; hands on expressions.  Files with a length are read when
 * they are written to the disk; of what has none, no more is read than is needed.
 */
#include "config.h"

#include "outside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nbdsrv-plugin.h>

#include "../common/process.h"
#include "room.h"

extern char **environ;

static int
make(struct pool *pool, struct expr wanted, struct expr **e)
{
  *e = pool_get(pool, sizeof **e);
  if (!*e)
    return ENOMEM;
  wanted.from_outside = true;
  **e = wanted;
  return 0;
}

int
outside_file(struct pool *pool, const char *path, struct expr **e)
{
  struct stat st;
  int error = 0;

  if (stat(path, &st) == -1)
    error = errno;
  else if (S_ISDIR(st.st_mode))
    error = EISDIR;
  if (error) {
    nbdsrv_error("%s: %s", path, strerror(error));
    return error;
  }
  /* Files that the kernel makes up say that they are empty. */
  if (S_ISREG(st.st_mode) && st.st_size > 0)
    return make(
        pool,
        (struct expr){.kind = EXPR_FILE, .size = (uint64_t)st.st_size, .text = path},
        e);
  return make(pool, (struct expr){.kind = EXPR_STREAM, .text = path}, e);
}

int
outside_script(struct pool *pool, const char *script, struct expr **e)
{
  return make(pool,
              (struct expr){.kind = EXPR_STREAM, .is_script = true, .text = script}, e);
}

/* ------------------------------------------------------------------- reading */

struct bytes {
  char *data;
  size_t size;
  bool ended; /* there is no more */
};

/* Some more bytes of a file, at most upto in all. */
static int
read_more(int fd, size_t upto, size_t *room, struct bytes *b)
{
  ssize_t n;

  if (b->size == *room) {
    size_t wanted = *room < upto / 2 ? *room * 2 : upto;
    char *grown = realloc(b->data, wanted);
    if (!grown)
      return ENOMEM;
    b->data = grown;
    *room = wanted;
  }
  n = read(fd, b->data + b->size, *room - b->size);
  if (n == -1)
    return errno == EINTR ? 0 : errno;
  b->size += (size_t)n;
  b->ended = n == 0;
  return 0;
}

static int
read_file(const char *path, size_t upto, struct bytes *b)
{
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), error = fd == -1 ? errno : 0;
  size_t room = upto < 4096 ? upto + 1 : 4096;

  b->data = malloc(room);
  if (!b->data)
    error = ENOMEM;
  while (!error && !b->ended && b->size < upto)
    error = read_more(fd, upto, &room, b);
  if (error && error != ENOMEM)
    nbdsrv_error("%s: %s", path, strerror(error));
  if (fd != -1)
    close(fd);
  return error;
}

static int
run_script(const char *script, size_t upto, struct bytes *b)
{
  const char *argv[] = {"/bin/sh", "-c", script, NULL};
  struct process p = {.argv = argv, .env = environ, .out.room = upto};
  int error = process_run(&p);

  b->data = p.out.data;
  b->size = p.out.size;
  b->ended = !p.out.too_much;
  if (error)
    nbdsrv_error("<(%.40s): %s", script, strerror(error));
  else if (b->ended && p.status != 0) {
    nbdsrv_error("<(%.40s): the script failed: %s %d %s", script,
                 p.status > 0 ? "status" : "signal", abs(p.status), p.message);
    error = EIO;
  }
  return error;
}

/* Of a stream of which more is wanted than was read. */
static int
read_stream(struct pool *pool, struct expr *e, uint64_t upto)
{
  uint64_t room = room_now() / 2; /* it will be there twice */
  size_t most = upto < room ? upto : room;
  struct bytes b = {0};
  int error =
      e->is_script ? run_script(e->text, most, &b) : read_file(e->text, most, &b);

  if (!error && !b.ended && upto > room) {
    nbdsrv_error("%.40s: there is more than fits into memory; take a part of it: "
                 "[:LENGTH]",
                 e->text);
    error = EFBIG;
  }
  if (error) {
    free(b.data);
    return error;
  }
  e->size = b.size;
  e->bytes = pool_adopt(pool, b.data);
  if (b.ended)
    e->kind = EXPR_BYTES;
  return e->bytes ? 0 : ENOMEM;
}

int
outside_read(struct pool *pool, struct expr *e, uint64_t upto)
{
  return e->kind == EXPR_STREAM && e->size < upto ? read_stream(pool, e, upto) : 0;
}
