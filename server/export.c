/* SPDX-License-Identifier: BSD-3-Clause */
/* Exports by name, and lists of export names.
 * Gets names from the handshake; hands it the stack that serves them.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "export.h"
#include "nbdsrv-filter.h"
#include "protocol.h"

void
export_init(struct export *export, struct layer *top)
{
  *export = (struct export){.top = top, .threads = layer_threads(top)};
  lane_init(&export->lane);
  lane_init(&export->list_lane);
  for (unsigned i = 0; i < EXPORT_TURNS; i++)
    pthread_mutex_init(&export->turns[i], NULL);
}

void
export_destroy(struct export *export)
{
  for (unsigned i = 0; i < EXPORT_TURNS; i++)
    pthread_mutex_destroy(&export->turns[i]);
  lane_destroy(&export->list_lane);
  lane_destroy(&export->lane);
}

pthread_mutex_t *
export_turn(struct export *export, const char *name)
{
  unsigned hash = 0;

  while (name && *name)
    hash = 31 * hash + (unsigned char)*name++;
  return &export->turns[hash % EXPORT_TURNS];
}

struct export *
export_find(struct export *exports, const char *name)
{
  for (struct export *e = exports; e; e = e->next)
    if (!e->name || strcmp(e->name, name) == 0)
      return e;
  return NULL;
}

void
exports_init(struct nbdsrv_exports *exports)
{
  *exports = (struct nbdsrv_exports){0};
}

static void
forget_entry(struct export_entry *entry)
{
  free(entry->name);
  free(entry->description);
}

void
exports_free(struct nbdsrv_exports *exports)
{
  for (size_t i = 0; i < exports->count; i++)
    forget_entry(&exports->entries[i]);
  free(exports->entries);
}

void
exports_keep(struct nbdsrv_exports *exports,
             bool (*keep)(const void *arg, const char *name), const void *arg)
{
  size_t kept = 0;

  for (size_t i = 0; i < exports->count; i++) {
    if (keep(arg, exports->entries[i].name))
      exports->entries[kept++] = exports->entries[i];
    else
      forget_entry(&exports->entries[i]);
  }
  exports->count = kept;
}

/* More names than any client would want to see. */
#define MOST_EXPORTS 10000

NBDSRV_PUBLIC int
nbdsrv_exports_add(struct nbdsrv_exports *exports, const char *name,
                   const char *description)
{
  struct export_entry *entries;

  if (strlen(name) > NBD_MAX_STRING ||
      (description && strlen(description) > NBD_MAX_STRING)) {
    nbdsrv_error("export name or description is longer than %u bytes", NBD_MAX_STRING);
    return EINVAL;
  }
  if (exports->count == MOST_EXPORTS) {
    nbdsrv_error("more than %d exports in the list", MOST_EXPORTS);
    return E2BIG;
  }
  entries = realloc(exports->entries, (exports->count + 1) * sizeof *entries);
  if (!entries)
    return ENOMEM;
  exports->entries = entries;
  entries += exports->count;
  entries->name = strdup(name);
  entries->description = description ? strdup(description) : NULL;
  if (!entries->name || (description && !entries->description)) {
    free(entries->name);
    free(entries->description);
    return ENOMEM;
  }
  exports->count++;
  return 0;
}

NBDSRV_PUBLIC const struct nbdsrv_client *
nbdsrv_exports_client(const struct nbdsrv_exports *exports)
{
  return exports->client;
}

NBDSRV_PUBLIC struct nbdsrv_exports *
nbdsrv_exports_new(const struct nbdsrv_exports *like)
{
  struct nbdsrv_exports *exports = malloc(sizeof *exports);

  if (exports) {
    exports_init(exports);
    exports->layer = like->layer;
    exports->client = like->client;
  }
  return exports;
}

NBDSRV_PUBLIC void
nbdsrv_exports_free(struct nbdsrv_exports *exports)
{
  if (exports)
    exports_free(exports);
  free(exports);
}

NBDSRV_PUBLIC size_t
nbdsrv_exports_count(const struct nbdsrv_exports *exports)
{
  return exports->count;
}

NBDSRV_PUBLIC void
nbdsrv_exports_get(const struct nbdsrv_exports *exports, size_t i, const char **name,
                   const char **description)
{
  *name = exports->entries[i].name;
  *description = exports->entries[i].description;
}
