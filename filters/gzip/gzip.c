/* SPDX-License-Identifier: BSD-3-Clause */
/* The gzip filter: shows the content of the gzip file below.
 * Gets packed bytes from unpack.c and hands back what zlib makes of them.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <zlib.h>

#include "../common/unpack.h"

#define OUT_SIZE (128u * 1024)

struct work {
  struct unpack_stream *stream;
  z_stream z;
  gz_header header; /* of the member under way; done: it was one */
  unsigned members; /* that came to their end */
  bool inside;      /* a member has begun */
  uint8_t out[OUT_SIZE];
};

static int
refill(struct work *w)
{
  const uint8_t *data;
  size_t len;
  int error = unpack_get(w->stream, &data, &len);

  w->z.next_in = (uint8_t *)data;
  w->z.avail_in = (unsigned)len;
  return error;
}

/* Between members there may be zeroes. */
static void
begin_member(struct work *w)
{
  while (w->members > 0 && w->z.avail_in > 0 && *w->z.next_in == 0) {
    w->z.next_in++;
    w->z.avail_in--;
  }
  if (w->z.avail_in > 0) {
    w->inside = true;
    inflateGetHeader(&w->z, &w->header);
  }
}

/* Z_STREAM_END: nothing that follows is of interest. */
static int
inflate_some(struct work *w, int *error)
{
  int z;

  w->z.next_out = w->out;
  w->z.avail_out = OUT_SIZE;
  z = inflate(&w->z, Z_NO_FLUSH);
  *error = 0;
  if (z == Z_STREAM_END) {
    w->members++;
    w->inside = false;
    inflateReset(&w->z);
    z = Z_OK;
  } else if (z != Z_OK && z != Z_BUF_ERROR) {
    *error = z == Z_MEM_ERROR ? ENOMEM : EIO;
    if (w->header.done == 1)
      nbdsrv_error("the gzip file is broken: %s", w->z.msg ? w->z.msg : "");
    else if (w->members == 0)
      nbdsrv_error("this is no gzip file");
    else { /* as gzip does */
      nbdsrv_debug("what follows the gzip file is not looked at");
      *error = 0;
      return Z_STREAM_END;
    }
  }
  if (!*error)
    *error = unpack_put(w->stream, w->out, OUT_SIZE - w->z.avail_out);
  return z;
}

static int
inflate_all(struct work *w)
{
  int error = 0;

  while (!error) {
    if (w->z.avail_in == 0)
      error = refill(w);
    if (error)
      return error;
    if (w->z.avail_in == 0)
      break;
    if (!w->inside)
      begin_member(w);
    /* Output that had no room comes before more input is asked for. */
    while (w->inside && !error && (w->z.avail_in > 0 || w->z.avail_out == 0))
      if (inflate_some(w, &error) == Z_STREAM_END)
        return 0;
  }
  if (w->header.done != 1)
    w->inside = false; /* the beginning of something else */
  if (!error && (w->inside || w->members == 0)) {
    nbdsrv_error(w->inside ? "the gzip file ends too early" : "this is no gzip file");
    error = EIO;
  }
  return error;
}

static int
gunzip(struct unpack_stream *stream)
{
  struct work *w = calloc(1, sizeof *w);
  int error;

  if (!w || inflateInit2(&w->z, 16 + MAX_WBITS) != Z_OK) { /* 16: gzip's header */
    free(w);
    return ENOMEM;
  }
  w->stream = stream;
  w->z.avail_out = OUT_SIZE;
  error = inflate_all(w);
  inflateEnd(&w->z);
  free(w);
  return error;
}

static int
gzip_ready(void *inst)
{
  return unpack_ready(inst, gunzip);
}

static struct nbdsrv_plugin filter = {
    .name = "gzip",
    .summary = "shows the content of the gzip file below",
    .ready = gzip_ready,
    UNPACK_MEMBERS,
};

NBDSRV_FILTER(filter)
