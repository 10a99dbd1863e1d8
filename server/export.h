/* SPDX-License-Identifier: BSD-3-Clause */
/* Exports: a name, or any name, and the stack of layers that serves it. */
#ifndef NBDSRV_EXPORT_H
#define NBDSRV_EXPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "dispatch.h"
#include "layer.h"

/* Turns at operations that want them: disks share one if their names meet here. */
#define EXPORT_TURNS 64u

struct export
{
  char *name; /* NULL: serves any name */
  struct layer *top;
  uint32_t threads; /* enum nbdsrv_thread_model of the stack */
  struct lane lane; /* SERIALIZE_ALL: every call; SERIALIZE_CONNECTIONS: held by one
                       connection from open to close */
  struct lane list_lane;               /* one list () at a time, in any thread model */
  pthread_mutex_t turns[EXPORT_TURNS]; /* held over a batch; dispatch.c */
  struct export *next;
};

/* An export of any name.  The stack stays the caller's. */
void export_init(struct export *export, struct layer *top);
void export_destroy(struct export *export);

/* The turn at a disk of that canonical name, which may be NULL. */
pthread_mutex_t *export_turn(struct export *export, const char *name);

/* The export that serves name, or NULL. */
struct export *export_find(struct export *exports, const char *name);

/* A growing list of names, for NBD_OPT_LIST; public functions in exports.c. */
struct nbdsrv_exports {
  struct layer *layer; /* whose list () runs: nbdsrv_next_list goes below it */
  struct export_entry {
    char *name, *description;
  } * entries;
  size_t count;
  const struct nbdsrv_client *client; /* who asks */
};

void exports_init(struct nbdsrv_exports *exports);
void exports_free(struct nbdsrv_exports *exports);
/* Drops the names for which keep () is false. */
void exports_keep(struct nbdsrv_exports *exports,
                  bool (*keep)(const void *arg, const char *name), const void *arg);

#endif
