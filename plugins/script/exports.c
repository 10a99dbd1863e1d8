/* SPDX-License-Identifier: BSD-3-Clause */
/* A script's exports: listed, opened by name, closed.
 * Gets clients from the server; hands on handles with what the script's open printed.
 */
#include "config.h"

#include "script.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------------- lists */

/* A text with a name on each line, or as its first line says. */
struct list {
  char *rest;   /* of the text: names, or names and descriptions in turn */
  char *others; /* descriptions, where they stand after all names; or NULL */
  size_t count; /* of names; beyond it nothing counts */
  bool pairs;
};

/* The next line, ended; NULL: there is none. */
static char *
next_line(char **rest)
{
  char *line = *rest;

  if (line[0] == '\0')
    return NULL;
  *rest = line + strcspn(line, "\n");
  if (**rest)
    *(*rest)++ = '\0';
  return line;
}

static size_t
count_lines(const char *text)
{
  size_t n = 0;

  for (; *text; n++)
    text += strcspn(text, "\n") + (text[strcspn(text, "\n")] != '\0');
  return n;
}

static bool
begins_with(struct list *list, const char *mode)
{
  size_t len = strlen(mode);

  if (strncmp(list->rest, mode, len) != 0 ||
      (list->rest[len] != '\n' && list->rest[len] != '\0'))
    return false;
  list->rest += len + (list->rest[len] != '\0');
  return true;
}

static struct list
read_list(char *text)
{
  struct list list = {.rest = text, .count = SIZE_MAX};

  if (begins_with(&list, "INTERLEAVED"))
    list.pairs = true;
  else if (begins_with(&list, "NAMES+DESCRIPTIONS")) {
    list.count = (count_lines(list.rest) + 1) / 2;
    list.others = list.rest;
    for (size_t i = 0; i < list.count; i++) {
      list.others += strcspn(list.others, "\n");
      list.others += list.others[0] != '\0';
    }
  } else
    begins_with(&list, "NAMES");
  return list;
}

/* NULL: that was all. */
static const char *
next_export(struct list *list, const char **description)
{
  char *name = list->count > 0 ? next_line(&list->rest) : NULL;

  list->count--;
  *description = NULL;
  if (name && list->pairs)
    *description = next_line(&list->rest);
  else if (name && list->others)
    *description = next_line(&list->others);
  return name;
}

static const char *
truth(bool b)
{
  return b ? "true" : "false";
}

/* The name that "" stands for, malloc'ed. */
static int
default_export(struct script *s, const struct nbdsrv_client *client, char **name)
{
  const char *const args[SCRIPT_ARGS] = {truth(client->readonly), truth(client->tls)};
  const char *first = "", *description;
  enum script_status status;
  struct list list;
  char *text;
  int error;

  status = script_ask_lines(s, "default_export", args, &text, &error);
  if (status == SCRIPT_OK) {
    list = read_list(text);
    first = next_export(&list, &description);
  }
  *name = status == SCRIPT_ERROR ? NULL : strdup(first ? first : "");
  free(text);
  return error || *name ? error : ENOMEM;
}

static int
list_default(struct script *s, const struct nbdsrv_client *client,
             struct nbdsrv_exports *exports)
{
  char *name;
  int error = default_export(s, client, &name);

  if (!error)
    error = nbdsrv_exports_add(exports, name, NULL);
  else if (error != ENOMEM) /* there is none, and so nothing to list */
    error = 0;
  free(name);
  return error;
}

int
script_list(void *inst, struct nbdsrv_exports *exports)
{
  const struct nbdsrv_client *client = nbdsrv_exports_client(exports);
  const char *const args[SCRIPT_ARGS] = {truth(client->readonly), truth(client->tls)};
  const char *name, *description;
  struct list list;
  char *text;
  int error;
  enum script_status status =
      script_ask_lines(inst, "list_exports", args, &text, &error);

  if (status == SCRIPT_MISSING)
    return list_default(inst, client, exports);
  if (status == SCRIPT_OK) {
    list = read_list(text);
    while (!error && (name = next_export(&list, &description)) != NULL)
      error = nbdsrv_exports_add(exports, name, description);
  }
  free(text);
  return error;
}

/* -------------------------------------------------------------------- opening */

static void
free_handle(struct script_handle *h)
{
  free(h->handle);
  free(h->export_name);
  free(h->description);
  free(h);
}

static int
open_named(struct script_handle *h, const struct nbdsrv_client *client)
{
  const char *const args[SCRIPT_ARGS] = {truth(client->readonly), h->export_name,
                                         truth(client->tls)};
  int error;

  switch (script_ask(h->script, "open", args, &h->handle, &error)) {
  case SCRIPT_OK:
    return 0;
  case SCRIPT_MISSING:
    h->handle = strdup("");
    return h->handle ? 0 : ENOMEM;
  default:
    return error;
  }
}

int
script_open(void *inst, const struct nbdsrv_client *client, void **handle)
{
  struct script_handle *h = calloc(1, sizeof *h);
  int error = 0;

  if (!h)
    return ENOMEM;
  h->script = inst;
  h->readonly = client->readonly;
  if (client->export_name[0] == '\0') {
    error = default_export(inst, client, &h->export_name);
    h->is_default = !error && h->export_name[0] != '\0';
  } else {
    h->export_name = strdup(client->export_name);
    error = h->export_name ? 0 : ENOMEM;
  }
  if (!error)
    error = open_named(h, client);
  if (error)
    free_handle(h);
  else
    *handle = h;
  return error;
}

void
script_close(void *handle)
{
  struct script_handle *h = handle;
  const char *const args[SCRIPT_ARGS] = {h->handle};

  script_tell(h->script, "close", args);
  free_handle(h);
}
