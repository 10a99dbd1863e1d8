/* SPDX-License-Identifier: BSD-3-Clause */
/* The bzip2 filter: shows the content of the bzip2 file below.
 * Gets packed bytes from unpack.c and hands back what libbz2 makes of them.
 */
#include <bzlib.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "../common/unpack.h"

#define OUT_SIZE (128u * 1024)

struct work {
  struct unpack_stream *stream;
  bz_stream z;
  unsigned streams; /* that came to their end; a file may have several */
  bool inside;      /* z is one that has begun */
  char out[OUT_SIZE];
};

static int
refill(struct work *w)
{
  const uint8_t *data;
  size_t len;
  int error = unpack_get(w->stream, &data, &len);

  w->z.next_in = (char *)data;
  w->z.avail_in = (unsigned)len;
  return error;
}

/* What was there before of input stays. */
static int
begin_stream(struct work *w)
{
  char *next = w->z.next_in;
  unsigned len = w->z.avail_in;

  w->z = (bz_stream){0};
  if (BZ2_bzDecompressInit(&w->z, 0, 0) != BZ_OK)
    return ENOMEM;
  w->z.next_in = next;
  w->z.avail_in = len;
  w->inside = true;
  return 0;
}

static void
end_stream(struct work *w)
{
  if (w->inside)
    BZ2_bzDecompressEnd(&w->z);
  w->inside = false;
}

/* BZ_STREAM_END: nothing that follows is of interest. */
static int
decompress_some(struct work *w, int *error)
{
  int z;

  w->z.next_out = w->out;
  w->z.avail_out = OUT_SIZE;
  z = BZ2_bzDecompress(&w->z);
  if (z == BZ_DATA_ERROR_MAGIC && w->streams > 0) { /* as bzip2 does */
    nbdsrv_debug("what follows the bzip2 file is not looked at");
    return BZ_STREAM_END;
  }
  if (z != BZ_OK && z != BZ_STREAM_END) {
    *error = z == BZ_MEM_ERROR ? ENOMEM : EIO;
    nbdsrv_error(z == BZ_DATA_ERROR_MAGIC ? "this is no bzip2 file"
                                          : "the bzip2 file is broken");
    return z;
  }
  *error = unpack_put(w->stream, (const uint8_t *)w->out, OUT_SIZE - w->z.avail_out);
  if (z == BZ_STREAM_END) {
    w->streams++;
    end_stream(w);
  }
  return BZ_OK;
}

static int
decompress_all(struct work *w)
{
  int error = 0;

  while (!error) {
    if (w->z.avail_in == 0)
      error = refill(w);
    if (error || w->z.avail_in == 0)
      break;
    if (!w->inside)
      error = begin_stream(w);
    /* Output that had no room comes before more input is asked for. */
    while (w->inside && !error && (w->z.avail_in > 0 || w->z.avail_out == 0))
      if (decompress_some(w, &error) == BZ_STREAM_END)
        return 0;
  }
  if (!error && (w->inside || w->streams == 0)) {
    nbdsrv_error(w->inside ? "the bzip2 file ends too early" : "this is no bzip2 file");
    error = EIO;
  }
  return error;
}

static int
bunzip2(struct unpack_stream *stream)
{
  struct work *w = calloc(1, sizeof *w);
  int error;

  if (!w)
    return ENOMEM;
  w->stream = stream;
  error = decompress_all(w);
  end_stream(w);
  free(w);
  return error;
}

static int
bzip2_ready(void *inst)
{
  return unpack_ready(inst, bunzip2);
}

static struct nbdsrv_plugin filter = {
    .name = "bzip2",
    .summary = "shows the content of the bzip2 file below",
    .ready = bzip2_ready,
    UNPACK_MEMBERS,
};

NBDSRV_FILTER(filter)
