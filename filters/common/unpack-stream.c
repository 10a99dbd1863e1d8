/* SPDX-License-Identifier: BSD-3-Clause */
/* Bytes on their way from the layer below to a temporary file.
 * Gets packed ones for the filter and unpacked ones from it; zeroes become holes.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "tempfile.h"
#include "unpack-stream.h"

#define PAGE 4096u

int
unpack_get(struct unpack_stream *s, const uint8_t **data, size_t *len)
{
  uint64_t rest = s->size - s->off;
  int error = nbdsrv_sleep(0); /* is anybody still waiting for it? */

  *data = s->in;
  *len = rest < UNPACK_CHUNK ? (size_t)rest : UNPACK_CHUNK;
  if (!error)
    error = nbdsrv_next_read(s->next, s->in, *len, s->off, 0);
  s->off += *len;
  return error;
}

static bool
is_zero(const uint8_t *data, size_t len)
{
  return data[0] == 0 && memcmp(data, data + 1, len - 1) == 0;
}

static int
store(struct unpack_stream *s, const uint8_t *data, size_t len)
{
  int error = len ? tempfile_store(s->fd, data, len, s->put) : 0;

  if (error)
    nbdsrv_error("the unpacked file cannot be stored: %s", strerror(error));
  s->put += len;
  return error;
}

int
unpack_put(struct unpack_stream *s, const uint8_t *data, size_t len)
{
  size_t done = 0, end = 0; /* up to end it is to be stored */
  int error = nbdsrv_sleep(0);

  if (len > INT64_MAX - s->put) {
    nbdsrv_error("the unpacked file is too large");
    return EFBIG;
  }
  while (end < len && !error) {
    size_t n = PAGE - (s->put + (end - done)) % PAGE;

    if (n > len - end)
      n = len - end;
    if (is_zero(data + end, n)) {
      error = store(s, data + done, end - done);
      s->put += n;
      done = end + n;
    }
    end += n;
  }
  return error ? error : store(s, data + done, len - done);
}
