/* SPDX-License-Identifier: BSD-3-Clause */
/* Layers: a stack of configured filters with a plugin at its end, and the handle
 * that a connection has in each of them.
 *
 * Every operation of a connection is resolved once, after open, to the first
 * layer that wants it and the hooks in front of it (struct path); a layer that
 * leaves an operation alone costs it nothing.  What a layer lacks is emulated in
 * emulate.c and nowhere else.
 */
#ifndef NBDSRV_LAYER_H
#define NBDSRV_LAYER_H

#include <stdbool.h>

#include "nbdsrv-filter.h"
#include "protocol.h"

struct connection;
struct module;

/* A loaded plugin or filter plus one instance of its configuration. */
struct layer {
  struct module *module;
  const struct nbdsrv_plugin *ops; /* &module->ops */
  void *inst;
  struct layer *below; /* NULL: this is the plugin */
  bool is_ready;       /* ready () succeeded: stop () is owed */
};

#define LAYER_MAX_HOOKS 16

/* How an operation goes from one layer handle down. */
struct path {
  struct nbdsrv_next *end; /* whose data call, lend or submit is asked; NULL: emulate */
  unsigned hook_count;
  struct nbdsrv_next *hooks[LAYER_MAX_HOOKS]; /* outermost first */
};

/* A connection's handle in one layer.  Filters know it as struct nbdsrv_next.
 * Written by open and close only, on the connection's thread; read by any thread
 * that runs a request of the connection. */
struct nbdsrv_next {
  struct layer *layer;
  struct connection *connection;
  struct nbdsrv_next *below; /* NULL at the plugin */
  void *handle;
  bool is_open;
  struct nbdsrv_info info;            /* as seen from above this layer */
  char *description, *canonical_name; /* what info points to: copies */
  struct path paths[NBD_CMD_COUNT];
};

/* Instances.  layer_new makes one above below (NULL for the plugin). */
int layer_new(struct module *module, struct layer *below, struct layer **layer);
void layer_free(struct layer *top); /* the whole stack, stop () where owed */
int layer_ready(struct layer *top); /* the plugin first */
int layer_start(struct layer *top);
uint32_t layer_threads(const struct layer *top); /* the least parallel of the stack */
int layer_list(struct layer *top, struct nbdsrv_exports *exports);

/* Handles: opens the whole stack for a client.  *top is freed by layer_close. */
int layer_open(struct layer *top, struct connection *connection,
               const struct nbdsrv_client *client, struct nbdsrv_next **handle);
void layer_close(struct nbdsrv_next *handle);

/* Data calls from a handle down: hooks, then the layer that wants it.  They may
 * block unless NBDSRV_FLAG_NOWAIT is among the flags and layer_nowait says yes. */
int layer_read(struct nbdsrv_next *, void *buf, uint64_t len, uint64_t off,
               uint32_t flags);
int layer_write(struct nbdsrv_next *, const void *buf, uint64_t len, uint64_t off,
                uint32_t flags);
int layer_flush(struct nbdsrv_next *, uint32_t flags);
int layer_trim(struct nbdsrv_next *, uint64_t len, uint64_t off, uint32_t flags);
int layer_zero(struct nbdsrv_next *, uint64_t len, uint64_t off, uint32_t flags);
int layer_cache(struct nbdsrv_next *, uint64_t len, uint64_t off, uint32_t flags);
int layer_extents(struct nbdsrv_next *, uint64_t len, uint64_t off, uint32_t flags,
                  struct nbdsrv_extents *extents);
/* EAGAIN: nothing can be lent, use layer_read.  layer_lend_done after it is sent. */
int layer_lend(struct nbdsrv_next *, uint64_t len, uint64_t off,
               struct nbdsrv_loan *loan);
void layer_lend_done(struct nbdsrv_next *, struct nbdsrv_loan *loan);

#endif
