/* SPDX-License-Identifier: BSD-3-Clause */
/* What a script says about an export that it opened: size, abilities, block sizes.
 * Gets a handle from exports.c; fills the server's description.
 */
#include "config.h"

#include "script.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Each question may run a script; once one has failed, none is asked. */
struct asking {
  struct script_handle *h;
  int error;
};

/* Of a method that prints; NULL: it does not, or an error. */
static char *
ask_text(struct asking *a, const char *method)
{
  const char *const args[SCRIPT_ARGS] = {a->h->handle};
  char *text = NULL;

  if (!a->error)
    script_ask(a->h->script, method, args, &text, &a->error);
  return text;
}

/* callback: what the question is about.  If the script is known to have one but does
 * not answer the question, that is a yes. */
static bool
ask_bool(struct asking *a, const char *method, const char *callback, bool otherwise)
{
  struct script_call call = {.method = method,
                             .args = {a->h->handle},
                             .is_question = true,
                             .out = {.room = SCRIPT_MOST_TEXT}};
  enum script_status status;

  if (a->error)
    return false;
  if (callback && !script_has(a->h->script, method) &&
      script_has(a->h->script, callback))
    return true;
  status = script_call(a->h->script, &call);
  a->error = call.error;
  free(call.out.data);
  return status == SCRIPT_OK || (status == SCRIPT_MISSING && otherwise);
}

enum level { LEVEL_NONE, LEVEL_EMULATE, LEVEL_NATIVE };

static enum level
ask_level(struct asking *a, const char *method, enum level otherwise)
{
  static const char *const words[] = {"none", "emulate", "native"};
  char *text = ask_text(a, method);
  enum level level = otherwise;

  if (text) {
    for (level = LEVEL_NONE; level <= LEVEL_NATIVE; level++)
      if (strcmp(text, words[level]) == 0)
        break;
    if (level > LEVEL_NATIVE) {
      nbdsrv_error("%s: '%s' is not none, emulate or native", method, text);
      a->error = EIO;
      level = LEVEL_NONE;
    }
  }
  free(text);
  return level;
}

/* ------------------------------------------------------------------- questions */

static void
ask_size(struct asking *a, struct nbdsrv_info *info)
{
  char *text = ask_text(a, "get_size");

  if (text)
    a->error = nbdsrv_parse_size("get_size", text, &info->export_size);
  else if (!a->error) {
    nbdsrv_error("get_size is missing: every script needs it");
    a->error = EIO;
  }
  free(text);
}

static void
ask_reading(struct asking *a, struct nbdsrv_info *info)
{
  struct script *s = a->h->script;
  enum level cache;

  if (ask_bool(a, "can_flush", "flush", false)) {
    info->can |= NBDSRV_CAN_FLUSH;
    info->own_ops |= NBDSRV_OP_FLUSH;
  }
  if (ask_bool(a, "is_rotational", NULL, false))
    info->can |= NBDSRV_IS_ROTATIONAL;
  if (ask_bool(a, "can_multi_conn", NULL, false))
    info->can |= NBDSRV_CAN_MULTI_CONN;
  if (ask_bool(a, "can_extents", "extents", false)) {
    info->can |= NBDSRV_CAN_EXTENTS;
    info->own_ops |= NBDSRV_OP_EXTENTS;
  }
  cache = ask_level(a, "can_cache", script_has(s, "cache") ? LEVEL_NATIVE : LEVEL_NONE);
  if (cache != LEVEL_NONE)
    info->can |= NBDSRV_CAN_CACHE;
  if (cache == LEVEL_NATIVE)
    info->own_ops |= NBDSRV_OP_CACHE;
}

/* Zeroes are written where the script has no zero, and that is as fast as writing.  A
 * script that says otherwise gets a zero () that refuses to be fast. */
static void
ask_zero(struct asking *a, struct nbdsrv_info *info)
{
  bool zero = ask_bool(a, "can_zero", "zero", false);
  bool fast = ask_bool(a, "can_fast_zero", NULL, !zero);

  a->h->zero_by_write = !zero;
  if (zero || !fast) {
    info->can |= NBDSRV_CAN_ZERO;
    info->own_ops |= NBDSRV_OP_ZERO;
  }
  if (fast)
    info->can |= NBDSRV_CAN_FAST_ZERO;
}

static void
ask_fua(struct asking *a, struct nbdsrv_info *info)
{
  bool can_flush = (info->can & NBDSRV_CAN_FLUSH) != 0;

  switch (ask_level(a, "can_fua", can_flush ? LEVEL_EMULATE : LEVEL_NONE)) {
  case LEVEL_NATIVE:
    info->can |= NBDSRV_CAN_FUA;
    break;
  case LEVEL_EMULATE:
    if (!can_flush) { /* no client flushes, but there may be a method for it */
      info->can |= NBDSRV_CAN_FUA;
      a->h->fua_by_flush = true;
    }
    break;
  default:
    info->can |= NBDSRV_NO_FUA;
  }
}

static void
ask_writing(struct asking *a, struct nbdsrv_info *info)
{
  if (a->h->readonly || !ask_bool(a, "can_write", "pwrite", false))
    return;
  info->can |= NBDSRV_CAN_WRITE;
  info->own_ops |= NBDSRV_OP_WRITE;
  if (ask_bool(a, "can_trim", "trim", false)) {
    info->can |= NBDSRV_CAN_TRIM;
    info->own_ops |= NBDSRV_OP_TRIM;
  }
  ask_zero(a, info);
  ask_fua(a, info);
}

static void
ask_blocks(struct asking *a, struct nbdsrv_info *info)
{
  char *text = ask_text(a, "block_size"), *rest = text, *word;
  uint64_t sizes[3];
  size_t n = 0;

  if (!text)
    return;
  for (; n < 3 && (word = strtok_r(n ? NULL : text, " \t\n", &rest)) != NULL; n++) {
    a->error = nbdsrv_parse_size("block_size", word, &sizes[n]);
    if (a->error)
      break;
    if (sizes[n] > UINT32_MAX) {
      nbdsrv_error("block_size: %s is too large", word);
      a->error = EINVAL;
    }
  }
  if (n == 3 && (sizes[0] || sizes[1] || sizes[2])) {
    info->block_minimum = (uint32_t)sizes[0];
    info->block_preferred = (uint32_t)sizes[1];
    info->block_maximum = (uint32_t)sizes[2];
  } else if (n < 3 && !a->error) {
    nbdsrv_error("block_size: these are not three sizes");
    a->error = EINVAL;
  }
  free(text);
}

int
script_describe(void *handle, struct nbdsrv_info *info)
{
  struct script_handle *h = handle;
  struct asking a = {.h = h};

  info->can = 0;
  info->own_ops = NBDSRV_OP_READ;
  ask_size(&a, info);
  ask_reading(&a, info);
  ask_writing(&a, info);
  ask_blocks(&a, info);
  free(h->description); /* of an earlier question */
  h->description = ask_text(&a, "export_description");
  info->description = h->description;
  if (h->is_default)
    info->canonical_name = h->export_name;
  return a.error;
}
