/* SPDX-License-Identifier: BSD-3-Clause */
/* Exports: a name, or any name, and the stack of layers that serves it. */
#ifndef NBDSRV_EXPORT_H
#define NBDSRV_EXPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "dispatch.h"
#include "layer.h"

struct export
{
  char *name; /* NULL: serves any name */
  struct layer *top;
  uint32_t threads; /* enum nbdsrv_thread_model of the stack */
  struct lane lane; /* SERIALIZE_ALL: every call; SERIALIZE_CONNECTIONS: held by one
                       connection from open to close */
  struct export *next;
};

/* The export that serves name, or NULL. */
struct export *export_find(struct export *exports, const char *name);

/* What the stack lists, under the lane that its thread model asks for (open.c). */
int export_list(struct export *export, struct nbdsrv_exports *exports);

/* A growing list of names, for NBD_OPT_LIST; public functions in exports.c. */
struct nbdsrv_exports {
  struct layer *layer; /* whose list () runs: nbdsrv_next_list goes below it */
  struct export_entry {
    char *name, *description;
  } * entries;
  size_t count;
};

void exports_init(struct nbdsrv_exports *exports);
void exports_free(struct nbdsrv_exports *exports);

#endif
