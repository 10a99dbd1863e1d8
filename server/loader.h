/* SPDX-License-Identifier: BSD-3-Clause */
/* Finds and loads the shared objects of plugins and filters.
 *
 * A module is a loaded object, its struct nbdsrv_plugin widened with zeroes to
 * the size that this server knows.  Objects that speak nbdkit's plugin API are
 * bridged (nbdkit.c) and look the same from here on.
 */
#ifndef NBDSRV_LOADER_H
#define NBDSRV_LOADER_H

#include <stdbool.h>

#include "nbdsrv-plugin.h"

struct module {
  char *path;   /* of the object */
  char *name;   /* as the user named it: the log and messages use ops.name */
  void *object; /* of dlopen */
  bool filter;
  struct nbdsrv_plugin ops;
  void *bridge; /* nbdkit.c's state, NULL for our own ABI */
  int (*instance_setup)(struct module *, void *inst); /* bridge only, else NULL */
};

/* name: a short name (looked up in the plugin or filter directory) or a path.
 * 0, or an errno value after one line that says what is wrong. */
int loader_load(const char *name, bool filter, struct module **module);
/* Before all other calls of the module, once its debug flags are set. */
void loader_begin(struct module *module);
/* That a plugin is installed under this short name. */
bool loader_has_plugin(const char *name);
/* A script that nbdkit installs as a plugin of this short name: its path, and the
 * plugin that its first line names to run it; both malloc'ed.  0; ENOENT: none; or an
 * errno value after one line. */
int loader_find_script(const char *name, char **plugin, char **path);
void loader_unload(struct module *module);

/* Where plugins and filters are looked for: the environment variables
 * NBDSRV_PLUGINDIR and NBDSRV_FILTERDIR or the installed directories. */
const char *loader_plugin_dir(void);
const char *loader_filter_dir(void);

#endif
