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
  bool *param_seen;    /* params.c: which entries of the table were given */
  bool is_ready;       /* ready () succeeded: stop () is owed */
  uint32_t threads;    /* of the whole stack, set by layer_start */
};

#define LAYER_MAX_HOOKS 16

/* How an operation goes from one layer handle down. */
struct path {
  struct nbdsrv_next *end; /* whose call is asked; NULL: nothing is open there */
  bool native;             /* end has the operation; else it is emulated at end */
  bool is_inline, nowait;  /* end never blocks in it; end obeys NBDSRV_FLAG_NOWAIT */
  bool submits;            /* end takes by submit () what it cannot do at once */
  bool in_turn;            /* end wants callers to take turns */
  bool fua;                /* end obeys NBDSRV_FLAG_FUA */
  unsigned hook_count;
  struct nbdsrv_next *hooks[LAYER_MAX_HOOKS]; /* outermost first */
};

/* A connection's handle in one layer.  Filters know it as struct nbdsrv_next.
 * Written by open and close only, on the connection's thread; read by any thread
 * that runs a request of the connection. */
struct nbdsrv_next {
  struct layer *layer;
  struct connection *connection; /* NULL: nbdsrv_next_new () */
  struct nbdsrv_next *below;     /* NULL at the plugin */
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
uint32_t layer_stricter(uint32_t a, uint32_t b); /* the less parallel model */
int layer_list(struct layer *top, struct nbdsrv_exports *exports);

/* Asks all layers, outermost first, whether they want this client. */
int layer_admit(struct layer *top, const struct nbdsrv_client *client);
void layer_leave(struct layer *top, const struct nbdsrv_client *client);

/* Handles: opens the whole stack for a client.  *top is freed by layer_close. */
int layer_open(struct layer *top, struct connection *connection,
               const struct nbdsrv_client *client, struct nbdsrv_next **handle);
void layer_close(struct nbdsrv_next *handle);

/* One operation on its way through a stack:
 *
 *   error = layer_begin (&call, ...);            before () hooks
 *   if (!error)
 *     error = layer_perform (&call, buf, extents, nowait);   or lend, or submit
 *   error = layer_finish (&call, error);         after () hooks
 *
 * layer_perform may be asked again after EAGAIN, on another thread too. */
struct layer_call {
  const struct path *path;
  struct nbdsrv_op op;
  unsigned entered; /* hooks whose before () was called */
  struct layer_place {
    uint32_t flags;
    uint64_t length, offset, opaque;
  } places[LAYER_MAX_HOOKS]; /* what each before () left */
};

int layer_begin(struct layer_call *call, struct nbdsrv_next *handle, unsigned command,
                uint32_t flags, uint64_t len, uint64_t off, const void *data);
int layer_finish(struct layer_call *call, int error);

/* buf: read's destination (write's payload was given to layer_begin); extents: for
 * block status.  EAGAIN, under nowait only: it would have to block. */
int layer_perform(struct layer_call *call, void *buf, struct nbdsrv_extents *extents,
                  bool nowait);

/* Asks a layer that can lend, and checks what it gives. */
int layer_borrow(struct nbdsrv_next *end, uint64_t len, uint64_t off,
                 struct nbdsrv_loan *loan);
/* A read without a copy.  EAGAIN: not this one, perform it.  Never blocks. */
int layer_lend(struct layer_call *call, struct nbdsrv_loan *loan);
/* Gives a loan back; path is that of the call that got it. Any thread. */
void layer_lend_done(const struct path *path, struct nbdsrv_loan *loan);

/* Asynchronous: the request as the plugin sees it, and who is told. */
struct layer_async {
  struct nbdsrv_request request; /* first: nbdsrv_complete finds the rest by it */
  void (*done)(struct layer_async *async, int error, const char *text);
  char text[128]; /* room for whoever waits */
};

void layer_async_prepare(struct layer_async *async, const struct nbdsrv_op *op,
                         void *buf, struct nbdsrv_extents *extents);

/* True if submit () is the way: there is no other, or path->submits. */
bool layer_is_async(const struct layer_call *call);
/* async->done set. 0: done () is or will be called; else an errno value.  layer_kick ()
 * is owed to path->end then. */
int layer_submit(struct layer_call *call, void *buf, struct nbdsrv_extents *extents,
                 struct layer_async *async);

void layer_kick(struct nbdsrv_next *end);

/* begin, perform and finish in one, blocking; nbdsrv_next_* are these. */
int layer_do(struct nbdsrv_next *handle, unsigned command, uint32_t flags, uint64_t len,
             uint64_t off, void *buf, struct nbdsrv_extents *extents);

/* The path of an operation from the top of a connection's stack. */
static inline const struct path *
layer_path(const struct nbdsrv_next *handle, unsigned command)
{
  return &handle->paths[command];
}

#endif
