/* SPDX-License-Identifier: BSD-3-Clause */
/* The exportname filter: changes which exports are listed and what a name leads to.
 * Takes part in lists and in open; data does not meet it.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <nbdsrv-filter.h>

#include "../common/script.h"

#define MOST_NAMES       1000
#define MOST_DESCRIPTION 4096 /* bytes, as the protocol has it */

enum list_mode { KEEP, ERROR, EMPTY, DEFAULT_ONLY, EXPLICIT };

struct exportname {
  const char *default_export; /* NULL or "": leave it to the plugin */
  int list;
  int strict;
  const char *desc;
  unsigned count;
  const char *names[MOST_NAMES];
};

struct handle {
  const struct exportname *settings;
  bool was_default;  /* the client asked for "" */
  char *description; /* what a script said, or NULL */
};

static const struct nbdsrv_param params[] = {
    {"default-export", NBDSRV_STRING, 0, offsetof(struct exportname, default_export),
     NULL, "the export that \"\" leads to", NULL, "NAME"},
    {"exportname-list", NBDSRV_ENUM, 0, offsetof(struct exportname, list), "keep",
     "what is listed", "keep|error|empty|defaultonly|explicit", NULL},
    {"exportname-strict", NBDSRV_BOOL, 0, offsetof(struct exportname, strict), "false",
     "refuse names that no exportname= gives", NULL, NULL},
    {"exportname", NBDSRV_FREE, NBDSRV_REPEAT, 0, NULL,
     "a name for exportname-list=explicit and exportname-strict", NULL, "NAME"},
    {"exportdesc", NBDSRV_STRING, 0, offsetof(struct exportname, desc), "keep",
     "descriptions: keep, none, fixed:TEXT or script:SCRIPT", NULL, "MODE"},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

static int
exportname_config(void *inst, const char *key, const char *value)
{
  struct exportname *e = inst;

  (void)key;
  if (e->count == MOST_NAMES) {
    nbdsrv_error("exportname: at most %d names", MOST_NAMES);
    return EINVAL;
  }
  e->names[e->count++] = value;
  return 0;
}

static const char *
after_prefix(const char *s, const char *prefix)
{
  size_t len = strlen(prefix);

  return strncmp(s, prefix, len) == 0 ? s + len : NULL;
}

static int
exportname_ready(void *inst)
{
  const struct exportname *e = inst;

  if (strcmp(e->desc, "keep") != 0 && strcmp(e->desc, "none") != 0 &&
      !after_prefix(e->desc, "fixed:") && !after_prefix(e->desc, "script:")) {
    nbdsrv_error("exportdesc: '%s' is not keep, none, fixed:TEXT or script:SCRIPT",
                 e->desc);
    return EINVAL;
  }
  return 0;
}

/* What a script says about a name, malloc'ed; NULL: nothing. */
static char *
ask_script(const char *script, const char *name)
{
  char *output = malloc(MOST_DESCRIPTION + 1), *variable;
  char *vars[2] = {NULL, NULL};
  int status = 0, error = ENOMEM;
  size_t len;

  variable = malloc(sizeof "name=" + strlen(name));
  if (output && variable) {
    strcpy(stpcpy(variable, "name="), name);
    vars[0] = variable;
    error = script_run(script, vars, output, MOST_DESCRIPTION + 1, &status);
  }
  free(variable);
  if (error || status != 0) {
    nbdsrv_debug("exportdesc: the script fails for '%s'", name);
    free(output);
    return NULL;
  }
  len = strlen(output);
  while (len > 0 && output[len - 1] == '\n')
    output[--len] = '\0';
  return output;
}

/* The description of an export, given the one from below.  *text: to be freed. */
static const char *
describe_name(const struct exportname *e, const char *name, const char *below,
              char **text)
{
  *text = NULL;
  if (strcmp(e->desc, "keep") == 0)
    return below;
  if (strcmp(e->desc, "none") == 0)
    return NULL;
  if (after_prefix(e->desc, "fixed:"))
    return after_prefix(e->desc, "fixed:");
  *text = ask_script(after_prefix(e->desc, "script:"), name);
  return *text;
}

static int
add(const struct exportname *e, struct nbdsrv_exports *exports, const char *name,
    const char *below)
{
  char *text;
  const char *description = describe_name(e, name, below, &text);
  int error = nbdsrv_exports_add(exports, name, description);

  free(text);
  return error;
}

static int
list_below(const struct exportname *e, struct nbdsrv_exports *exports)
{
  struct nbdsrv_exports *below = nbdsrv_exports_new(exports);
  int error = below ? nbdsrv_next_list(below) : ENOMEM;

  for (size_t i = 0; !error && i < nbdsrv_exports_count(below); i++) {
    const char *name, *description;
    nbdsrv_exports_get(below, i, &name, &description);
    error = add(e, exports, name, description);
  }
  nbdsrv_exports_free(below);
  return error;
}

static int
exportname_list(void *inst, struct nbdsrv_exports *exports)
{
  const struct exportname *e = inst;
  int error = 0;

  switch ((enum list_mode)e->list) {
  case KEEP:
    return list_below(e, exports);
  case ERROR:
    nbdsrv_error("listing exports is forbidden");
    return EPERM;
  case EMPTY:
    return 0;
  case DEFAULT_ONLY:
    return add(e, exports, e->default_export ? e->default_export : "", NULL);
  case EXPLICIT:
    for (unsigned i = 0; i < e->count && !error; i++)
      error = add(e, exports, e->names[i], NULL);
  }
  return error;
}

static bool
is_allowed(const struct exportname *e, const char *name)
{
  for (unsigned i = 0; i < e->count; i++)
    if (strcmp(e->names[i], name) == 0)
      return true;
  return !e->strict;
}

static int
exportname_open(void *inst, const struct nbdsrv_client *client, void **handle)
{
  const struct exportname *e = inst;
  struct nbdsrv_client below = *client;
  bool was_default = client->export_name[0] == '\0';
  struct handle *h;
  int error;

  if (was_default && e->default_export)
    below.export_name = e->default_export;
  if (!is_allowed(e, below.export_name)) {
    nbdsrv_error("export '%s' is none of those allowed by exportname=",
                 below.export_name);
    return ENOENT;
  }
  error = nbdsrv_next_open(client->next, &below);
  if (error)
    return error;
  h = calloc(1, sizeof *h);
  if (!h)
    return ENOMEM;
  h->settings = e;
  h->was_default = was_default;
  if (after_prefix(e->desc, "script:"))
    h->description = ask_script(after_prefix(e->desc, "script:"), below.export_name);
  *handle = h;
  return 0;
}

static void
exportname_close(void *handle)
{
  struct handle *h = handle;

  free(h->description);
  free(h);
}

static int
exportname_describe(void *handle, struct nbdsrv_info *info)
{
  const struct handle *h = handle;
  const struct exportname *e = h->settings;

  if (strcmp(e->desc, "keep") != 0)
    info->description = after_prefix(e->desc, "fixed:");
  if (h->description)
    info->description = h->description;
  if (h->was_default && e->default_export && !info->canonical_name)
    info->canonical_name = e->default_export;
  return 0;
}

static struct nbdsrv_plugin filter = {
    .name = "exportname",
    .summary = "changes what exports are listed and where names lead",
    .params = params,
    .instance_size = sizeof(struct exportname),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .config = exportname_config,
    .ready = exportname_ready,
    .list = exportname_list,
    .open = exportname_open,
    .describe = exportname_describe,
    .close = exportname_close,
};

NBDSRV_FILTER(filter)
