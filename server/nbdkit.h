/* SPDX-License-Identifier: BSD-3-Clause */
/* The bridge: an nbdkit plugin made to look like one of ours.
 *
 * nbdkit.c          the plugin's life: load, parameters, ready, fork, end
 * nbdkit-handle.c   a client's handle: open, what it can do, close, names
 * nbdkit-data.c     data calls
 * nbdkit-dump.c     --dump-plugin
 * nbdkit-functions.c, nbdkit-context.c   what nbdkit gives plugins to call; the
 *                   latter asks which client the running call is for
 */
#ifndef NBDSRV_NBDKIT_H
#define NBDSRV_NBDKIT_H

#include <stdbool.h>
#include <stdio.h>

#include "nbdkit-abi.h"
#include "nbdsrv-plugin.h"

struct module;
struct layer;
struct nbdkit_string;

/* For the loader: fills module->ops and module->bridge from an object that exports
 * plugin_init.  0 or an errno value, logged. */
int nbdkit_bridge_load(struct module *module, void *plugin_init_symbol);
void nbdkit_bridge_begin(struct module *module);
/* The object stays mapped: interpreters and libraries with threads of their own do
 * not survive dlclose. */
void nbdkit_bridge_unload(struct module *module);

/* --dump-plugin as nbdkit prints it, but for what the plugin adds.  threads: the model
 * of the whole stack. */
void nbdkit_bridge_dump(FILE *out, const struct layer *layer, uint32_t threads);

/* Strings that plugins interned for one connection. */
void nbdkit_strings_free(struct nbdkit_string **list);

/* ------------------------------------------------------ among the bridge's files */

#define NBDKIT_MAX_STRING 4096 /* of export names and descriptions */

struct bridge {
  struct bridge *next; /* of those that are loaded */
  struct module *module;
  const struct nbdkit_plugin *given; /* the plugin's own struct */
  struct nbdkit_plugin plugin;       /* widened: what it does not have is NULL */
  uint32_t has_ops;                  /* NBDSRV_OP_*: data calls that it has */
  struct nbdsrv_param params[3];
  char *help;
  int thread_model; /* nbdkit's number, or -1: not asked yet */
  bool begun;       /* load was called: unload is owed */
  bool forked;      /* after_fork was reached: cleanup is owed */
};

/* A client's handle.  Written by open and describe only. */
struct bridge_handle {
  const struct nbdkit_plugin *plugin;
  struct bridge *bridge;
  void *handle; /* the plugin's */
  char *export_name;
  bool readonly;
  bool v1;           /* API version 1: its set of data calls */
  bool is_default;   /* default_export () gave the name */
  bool fua_by_flush; /* FUA is offered though flush is not */
  bool zero_by_write;
};

/* What nbdkit_set_error () left on this thread.  Its ABI has no argument for it. */
extern _Thread_local int bridge_last_error;

/* The errno value of a call that returned -1. */
int bridge_failed(const struct nbdkit_plugin *plugin);

/* nbdkit-handle.c */
int bridge_admit(void *inst, const struct nbdsrv_client *client);
int bridge_list(void *inst, struct nbdsrv_exports *exports);
int bridge_add_default_export(struct bridge *bridge, struct nbdsrv_exports *exports);
int bridge_open(void *inst, const struct nbdsrv_client *client, void **handle);
int bridge_describe(void *handle, struct nbdsrv_info *info);
void bridge_close(void *handle);

/* nbdkit-data.c */
int bridge_read(void *handle, void *buf, uint64_t len, uint64_t off, uint32_t flags);
int bridge_write(void *handle, const void *buf, uint64_t len, uint64_t off,
                 uint32_t flags);
int bridge_flush(void *handle, uint32_t flags);
int bridge_trim(void *handle, uint64_t len, uint64_t off, uint32_t flags);
int bridge_zero(void *handle, uint64_t len, uint64_t off, uint32_t flags);
int bridge_cache(void *handle, uint64_t len, uint64_t off, uint32_t flags);
int bridge_extents(void *handle, uint64_t len, uint64_t off, uint32_t flags,
                   struct nbdsrv_extents *extents);

/* nbdkit-context.c: strings that live as long as the plugin, or as the connection
 * that the running call is for. NULL: ENOMEM. */
const char *bridge_intern(const char *text, size_t len);
void bridge_forget_strings(void); /* those of no connection */

#endif
