/* SPDX-License-Identifier: BSD-3-Clause */
/* Parameters of the command line into the instances of a stack of layers.
 * Gets key=value words from options.c and the tables of the layers; leaves the
 * instances filled, or says which parameter is wrong and which may be meant.
 */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "layer.h"
#include "log.h"
#include "params.h"
#include "parse.h"

/* key=value as the field has it: a letter, then letters, digits and ._- */
static size_t
key_length(const char *word)
{
  size_t n = 0;

  if (!isalpha((unsigned char)word[0]))
    return 0;
  while (isalnum((unsigned char)word[n]) ||
         (n > 0 && word[n] && strchr("._-", word[n])))
    n++;
  return word[n] == '=' ? n : 0;
}

static const struct nbdsrv_param *
find(const struct layer *layer, const char *key)
{
  const struct nbdsrv_param *p = layer->ops->params;

  for (; p && p->name; p++)
    if (strcmp(p->name, key) == 0)
      return p;
  return NULL;
}

static const struct nbdsrv_param *
find_magic(const struct layer *layer)
{
  const struct nbdsrv_param *p = layer->ops->params;

  for (; p && p->name; p++)
    if (p->flags & NBDSRV_MAGIC)
      return p;
  return NULL;
}

static void
store(void *inst, const struct nbdsrv_param *p, const void *value, size_t size)
{
  memcpy((char *)inst + p->offset, value, size);
}

static int
set_text(const struct nbdsrv_param *p, void *inst, const char *text)
{
  char *copy;

  if (p->type == NBDSRV_PATH && !text[0]) {
    nbdsrv_error("%s: a path is missing", p->name);
    return EINVAL;
  }
  copy = p->type == NBDSRV_PATH ? parse_absolute_path(text) : strdup(text);
  if (!copy)
    return ENOMEM;
  store(inst, p, &copy, sizeof copy);
  return 0;
}

static int
set_unsigned(const struct nbdsrv_param *p, void *inst, const char *text)
{
  uint64_t v;
  uint32_t v32;
  int error;

  if (p->type == NBDSRV_SIZE)
    error = nbdsrv_parse_size(p->name, text, &v);
  else if (p->type == NBDSRV_DURATION)
    error = nbdsrv_parse_duration(p->name, text, &v);
  else
    error = nbdsrv_parse_uint64(p->name, text,
                                p->type == NBDSRV_UINT32 ? UINT32_MAX : UINT64_MAX, &v);
  if (error)
    return error;
  v32 = (uint32_t)v;
  if (p->type == NBDSRV_UINT32)
    store(inst, p, &v32, sizeof v32);
  else
    store(inst, p, &v, sizeof v);
  return 0;
}

static int
set_signed(const struct nbdsrv_param *p, void *inst, const char *text)
{
  bool narrow = p->type == NBDSRV_INT32;
  int64_t v;
  int32_t v32;
  int error = nbdsrv_parse_int64(p->name, text, narrow ? INT32_MIN : INT64_MIN,
                                 narrow ? INT32_MAX : INT64_MAX, &v);

  if (error)
    return error;
  v32 = (int32_t)v;
  if (narrow)
    store(inst, p, &v32, sizeof v32);
  else
    store(inst, p, &v, sizeof v);
  return 0;
}

/* One value into the instance, or to config (). */
static int
set(const struct layer *layer, const struct nbdsrv_param *p, const char *key,
    const char *text)
{
  double fraction;
  int word, error;

  switch (p->type) {
  case NBDSRV_STRING:
  case NBDSRV_PATH:
    return set_text(p, layer->inst, text);
  case NBDSRV_SIZE:
  case NBDSRV_DURATION:
  case NBDSRV_UINT64:
  case NBDSRV_UINT32:
    return set_unsigned(p, layer->inst, text);
  case NBDSRV_INT64:
  case NBDSRV_INT32:
    return set_signed(p, layer->inst, text);
  case NBDSRV_BOOL:
  case NBDSRV_ENUM:
    error = p->type == NBDSRV_BOOL ? nbdsrv_parse_bool(p->name, text, &word)
                                   : parse_enum(p->name, text, p->choices, &word);
    if (!error)
      store(layer->inst, p, &word, sizeof word);
    return error;
  case NBDSRV_FRACTION:
    error = nbdsrv_parse_fraction(p->name, text, &fraction);
    if (!error)
      store(layer->inst, p, &fraction, sizeof fraction);
    return error;
  case NBDSRV_FREE:
    return layer->ops->config ? layer->ops->config(layer->inst, key, text) : ENOENT;
  default:
    nbdsrv_error("parameter %s has a type that this server does not know", p->name);
    return EINVAL;
  }
}

/* ------------------------------------------------------------------ seen keys */

static unsigned
table_size(const struct layer *layer)
{
  unsigned n = 0;

  while (layer->ops->params && layer->ops->params[n].name)
    n++;
  return n;
}

/* Two spellings of one parameter: they fill the same member. */
static bool
same_member(const struct nbdsrv_param *p, const struct nbdsrv_param *q)
{
  return p == q ||
         (p->type != NBDSRV_FREE && q->type != NBDSRV_FREE && p->offset == q->offset);
}

static int
set_once(struct layer *layer, const struct nbdsrv_param *p, const char *key,
         const char *text)
{
  const struct nbdsrv_param *table = layer->ops->params;
  unsigned count = table_size(layer);

  if (!layer->param_seen)
    layer->param_seen = calloc(count, sizeof *layer->param_seen);
  if (!layer->param_seen)
    return ENOMEM;
  if (layer->param_seen[p - table] && !(p->flags & NBDSRV_REPEAT)) {
    nbdsrv_error("parameter %s is given more than once", key);
    return EINVAL;
  }
  for (unsigned i = 0; i < count; i++)
    if (same_member(p, &table[i]))
      layer->param_seen[i] = true;
  return set(layer, p, key, text);
}

/* ------------------------------------------------------------ giving them out */

/* Names that the stack knows, for a hint. */
static void
refuse_unknown(const struct layer *top, const char *key, struct log_call *call)
{
  const char *names[256], *nearest;
  size_t n = 0;

  for (const struct layer *layer = top; layer; layer = layer->below) {
    call->layer = layer;
    for (const struct nbdsrv_param *p = layer->ops->params; p && p->name; p++)
      if (n < 256 && !(p->flags & NBDSRV_HIDDEN) && strcmp(p->name, "*") != 0)
        names[n++] = p->name;
  }
  nearest = parse_nearest(key, names, n);
  if (nearest)
    nbdsrv_error("unknown parameter '%s': did you mean '%s'?", key, nearest);
  else
    nbdsrv_error("unknown parameter '%s': see 'nbdsrv %s --help'", key,
                 call->layer->ops->name);
}

/* To the outermost layer that knows the key.  ENOENT: none does. */
static int
give(struct layer *top, const char *key, const char *value, struct log_call *call)
{
  for (struct layer *layer = top; layer; layer = layer->below) {
    const struct nbdsrv_param *p = find(layer, key);
    int error;

    if (!p)
      p = find(layer, "*");
    if (!p)
      continue;
    call->layer = layer;
    error = set_once(layer, p, key, value);
    if (error != ENOENT)
      return error;
  }
  return ENOENT;
}

static int
give_bare(struct layer *top, const char *word, bool first, struct log_call *call)
{
  struct layer *plugin = top;
  const struct nbdsrv_param *magic;

  while (plugin->below)
    plugin = plugin->below;
  call->layer = plugin;
  magic = find_magic(plugin);
  if (!magic) {
    nbdsrv_error("'%s' is not key=value, and this plugin takes no bare argument", word);
    return EINVAL;
  }
  if (!first && !(magic->flags & NBDSRV_REPEAT)) {
    nbdsrv_error("'%s' is not key=value; only one argument may be bare", word);
    return EINVAL;
  }
  return set_once(plugin, magic, magic->name, word);
}

static int
give_word(struct layer *top, const char *word, unsigned *bare_words)
{
  size_t len = key_length(word);
  struct log_call call = {0}, *before = log_call_enter(&call);
  char *key = len ? strndup(word, len) : NULL;
  int error;

  if (len && !key)
    error = ENOMEM;
  else if (!len)
    error = give_bare(top, word, ++*bare_words == 1, &call);
  else {
    error = give(top, key, word + len + 1, &call);
    if (error == ENOENT) {
      refuse_unknown(top, key, &call);
      error = EINVAL;
    }
  }
  if (error && !call.text[0])
    nbdsrv_error("%s: %s", word, strerror(error));
  log_call_leave(before);
  free(key);
  return error;
}

/* Defaults of what was not given. */
static int
set_fallbacks(struct layer *layer)
{
  struct log_call call = {.layer = layer}, *before = log_call_enter(&call);
  const struct nbdsrv_param *p = layer->ops->params;
  int error = 0;

  for (size_t i = 0; p && p[i].name && !error; i++)
    if (p[i].fallback && p[i].type != NBDSRV_FREE &&
        !(layer->param_seen && layer->param_seen[i]))
      error = set(layer, &p[i], p[i].name, p[i].fallback);
  log_call_leave(before);
  return error;
}

static int
check_required(const struct layer *layer)
{
  const struct nbdsrv_param *p = layer->ops->params;

  for (size_t i = 0; p && p[i].name; i++)
    if ((p[i].flags & NBDSRV_REQUIRED) &&
        !(layer->param_seen && layer->param_seen[i])) {
      log_error("%s: parameter '%s' is missing: %s", layer->ops->name, p[i].name,
                p[i].help ? p[i].help : "see --help");
      return EINVAL;
    }
  return 0;
}

int
params_give(struct layer *top, char **params, size_t count)
{
  unsigned bare_words = 0;
  int error = 0;

  for (size_t i = 0; i < count && !error; i++)
    error = give_word(top, params[i], &bare_words);
  return error;
}

int
params_apply(struct layer *top, char **params, size_t count)
{
  int error = params_give(top, params, count);

  for (struct layer *layer = top; layer && !error; layer = layer->below)
    error = set_fallbacks(layer);
  for (struct layer *layer = top; layer && !error; layer = layer->below)
    error = check_required(layer);
  return error;
}

void
params_free(struct layer *layer)
{
  for (const struct nbdsrv_param *p = layer->ops->params; p && p->name; p++) {
    char *text;
    if (!layer->inst || (p->type != NBDSRV_STRING && p->type != NBDSRV_PATH))
      continue;
    memcpy(&text, (char *)layer->inst + p->offset, sizeof text);
    free(text);
    text = NULL; /* an alias has the same member */
    store(layer->inst, p, &text, sizeof text);
  }
  free(layer->param_seen);
  layer->param_seen = NULL;
}
