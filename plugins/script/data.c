/* SPDX-License-Identifier: BSD-3-Clause */
/* A script's data calls.
 * Gets requests from the server; passes data through pipes.
 */
#include "config.h"

#include "script.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Arguments of a call about a range. */
struct range {
  char length[24], offset[24];
};

static void
fill_range(struct range *range, uint64_t len, uint64_t off)
{
  snprintf(range->length, sizeof range->length, "%" PRIu64, len);
  snprintf(range->offset, sizeof range->offset, "%" PRIu64, off);
}

static const char *
flag_words(uint32_t flags, char words[32])
{
  snprintf(words, 32, "%s%s%s", flags & NBDSRV_FLAG_FUA ? ",fua" : "",
           flags & NBDSRV_FLAG_NO_HOLE ? "" : ",may_trim",
           flags & NBDSRV_FLAG_FAST_ZERO ? ",fast" : "");
  return words[0] ? words + 1 : words;
}

/* A method that prints nothing; missing: the result where the script does not have it.
 */
static int
tell(struct script_handle *h, struct script_call *call, int missing)
{
  enum script_status status;

  call->out.room = SCRIPT_MOST_TEXT;
  status = script_call(h->script, call);
  free(call->out.data);
  return status == SCRIPT_MISSING ? missing : script_client_error(call->error);
}

/* After a write whose client wants it on the disk, where only a flush can do that. */
static int
finish(struct script_handle *h, uint32_t flags, int error)
{
  return !error && h->fua_by_flush && (flags & NBDSRV_FLAG_FUA) ? script_flush(h, 0)
                                                                : error;
}

static uint32_t
flags_for(const struct script_handle *h, uint32_t flags)
{
  return h->fua_by_flush ? flags & ~NBDSRV_FLAG_FUA : flags;
}

int
script_read(void *handle, void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  struct script_handle *h = handle;
  struct range range;
  struct script_call call = {.method = "pread",
                             .args = {h->handle, range.length, range.offset},
                             .out = {.data = buf, .room = len}};

  (void)flags;
  fill_range(&range, len, off);
  if (script_call(h->script, &call) == SCRIPT_MISSING) {
    nbdsrv_error("pread is missing: every script needs it");
    return EIO;
  }
  if (call.error || call.out.size == len)
    return script_client_error(call.error);
  nbdsrv_error("pread: %zu bytes of output, %" PRIu64 " are wanted", call.out.size,
               len);
  return EIO;
}

int
script_write(void *handle, const void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  struct script_handle *h = handle;
  struct range range;
  struct script_call call = {
      .method = "pwrite",
      .args = {h->handle, range.length, range.offset,
               flags_for(h, flags) & NBDSRV_FLAG_FUA ? "fua" : ""},
      .input = buf,
      .input_size = len};
  int error;

  fill_range(&range, len, off);
  error = tell(h, &call, ENOSYS);
  if (error == ENOSYS) {
    nbdsrv_error("pwrite is missing, though can_write said yes");
    error = EIO;
  }
  return finish(h, flags, error);
}

int
script_flush(void *handle, uint32_t flags)
{
  struct script_handle *h = handle;
  struct script_call call = {.method = "flush", .args = {h->handle}};

  (void)flags;
  return tell(h, &call, 0);
}

int
script_trim(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  struct script_handle *h = handle;
  struct range range;
  struct script_call call = {
      .method = "trim",
      .args = {h->handle, range.length, range.offset,
               flags_for(h, flags) & NBDSRV_FLAG_FUA ? "fua" : ""}};

  fill_range(&range, len, off);
  return finish(h, flags, tell(h, &call, 0));
}

/* ENOTSUP: the server writes zeroes, unless they are wanted fast. */
int
script_zero(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  struct script_handle *h = handle;
  struct range range;
  char words[32];
  struct script_call call = {.method = "zero",
                             .args = {h->handle, range.length, range.offset,
                                      flag_words(flags_for(h, flags), words)}};

  if (h->zero_by_write)
    return ENOTSUP;
  fill_range(&range, len, off);
  return finish(h, flags, tell(h, &call, ENOTSUP));
}

int
script_cache(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  struct script_handle *h = handle;
  struct range range;
  struct script_call call = {.method = "cache",
                             .args = {h->handle, range.length, range.offset}};

  (void)flags;
  fill_range(&range, len, off);
  return tell(h, &call, 0);
}
