/* SPDX-License-Identifier: BSD-3-Clause */
/* The life of an nbdkit plugin: taken in, given its parameters, made ready, ended.
 * Gets loaded objects from loader.c; hands on a module that looks like any other.
 */
#include "config.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "layer.h"
#include "loader.h"
#include "log.h"
#include "nbdkit.h"

/* What config () gets for a bare first word where no magic key is declared.  As a
 * key of the command line "script" goes the way of all others. */
#define BARE_SCRIPT "(script)"

/* nbdkit's plugins keep their parameters in globals: each can be loaded but once. */
static struct bridge *bridges;

struct instance {
  struct bridge *bridge; /* first: the other files look no further */
};

/* --------------------------------------------------------------- parameters */

static int
bridge_config(void *inst, const char *key, const char *value)
{
  struct bridge *bridge = ((struct instance *)inst)->bridge;

  /* The plugin may keep the key; the value is kept by whoever gave it. */
  key = strcmp(key, BARE_SCRIPT) == 0 ? "script" : bridge_intern(key, strlen(key));
  if (!key)
    return ENOMEM;
  if (bridge->plugin.config(key, value) != -1)
    return 0;
  if (log_call_current()->text[0] == '\0')
    nbdsrv_error("%s=%s was refused without a reason", key, value);
  return EINVAL;
}

static void
make_params(struct bridge *bridge)
{
  const char *magic = bridge->plugin.magic_config_key;
  uint32_t hidden = NBDSRV_HIDDEN | NBDSRV_MAGIC;

  if (!bridge->plugin.config)
    return;
  bridge->params[0] =
      (struct nbdsrv_param){.name = magic ? magic : BARE_SCRIPT,
                            .type = NBDSRV_FREE,
                            .flags = magic ? hidden | NBDSRV_REPEAT : hidden};
  bridge->params[1] = (struct nbdsrv_param){
      .name = "*", .type = NBDSRV_FREE, .flags = NBDSRV_HIDDEN | NBDSRV_REPEAT};
  bridge->module->ops.params = bridge->params;
}

/* ------------------------------------------------------------ thread models */

static uint32_t
our_model(int model)
{
  switch (model) {
  case NBDKIT_SERIALIZE_CONNECTIONS:
    return NBDSRV_THREADS_SERIALIZE_CONNECTIONS;
  case NBDKIT_SERIALIZE_REQUESTS:
    return NBDSRV_THREADS_SERIALIZE_REQUESTS;
  case NBDKIT_PARALLEL:
    return NBDSRV_THREADS_PARALLEL;
  default:
    return NBDSRV_THREADS_SERIALIZE_ALL;
  }
}

/* Asks once; a wish for more than the plugin was built for is ignored. */
static int
settle_model(struct bridge *bridge)
{
  int model = bridge->plugin.thread_model_max;

  if (bridge->thread_model >= 0)
    return 0;
  if (bridge->plugin.thread_model) {
    int wish = bridge->plugin.thread_model();
    if (wish < 0)
      return EINVAL;
    if (wish < model)
      model = wish;
  }
  bridge->thread_model = model;
  return 0;
}

static uint32_t
bridge_threads(void *inst)
{
  struct bridge *bridge = ((struct instance *)inst)->bridge;

  return settle_model(bridge) == 0 ? our_model(bridge->thread_model)
                                   : NBDSRV_THREADS_SERIALIZE_ALL;
}

/* ----------------------------------------------------------- start and end */

static int
bridge_ready(void *inst)
{
  struct bridge *bridge = ((struct instance *)inst)->bridge;
  const struct nbdkit_plugin *p = &bridge->plugin;

  if (p->config_complete && p->config_complete() == -1)
    return EINVAL;
  if (settle_model(bridge) != 0)
    return EINVAL;
  if (p->get_ready && p->get_ready() == -1)
    return EINVAL;
  return 0;
}

static int
bridge_start(void *inst)
{
  struct bridge *bridge = ((struct instance *)inst)->bridge;

  bridge->forked = true;
  if (bridge->plugin.after_fork && bridge->plugin.after_fork() == -1)
    return EIO;
  return 0;
}

static void
bridge_stop(void *inst)
{
  struct bridge *bridge = ((struct instance *)inst)->bridge;

  if (bridge->forked && bridge->plugin.cleanup)
    bridge->plugin.cleanup();
}

static int
setup_instance(struct module *module, void *inst)
{
  ((struct instance *)inst)->bridge = module->bridge;
  return 0;
}

/* ---------------------------------------------------------------- taking in */

static const struct nbdsrv_plugin bridge_ops = {
    .abi = NBDSRV_ABI,
    .size = sizeof bridge_ops,
    .instance_size = sizeof(struct instance),
    .config = bridge_config,
    .ready = bridge_ready,
    .start = bridge_start,
    .stop = bridge_stop,
    .list = bridge_list,
    .open = bridge_open,
    .describe = bridge_describe,
    .close = bridge_close,
    .read = bridge_read,
    .write = bridge_write,
    .flush = bridge_flush,
    .trim = bridge_trim,
    .zero = bridge_zero,
    .cache = bridge_cache,
    .extents = bridge_extents,
    .threads = bridge_threads,
    .admit = bridge_admit,
};

static uint32_t
find_ops(const struct nbdkit_plugin *p)
{
  bool v1 = p->api_version == 1;

  return ((v1 ? p->pread_v1 != NULL : p->pread != NULL) ? NBDSRV_OP_READ : 0) |
         ((v1 ? p->pwrite_v1 != NULL : p->pwrite != NULL) ? NBDSRV_OP_WRITE : 0) |
         ((v1 ? p->flush_v1 != NULL : p->flush != NULL) ? NBDSRV_OP_FLUSH : 0) |
         ((v1 ? p->trim_v1 != NULL : p->trim != NULL) ? NBDSRV_OP_TRIM : 0) |
         ((v1 ? p->zero_v1 != NULL : p->zero != NULL) ? NBDSRV_OP_ZERO : 0);
}

/* The members that the plugin's header had. */
static int
widen(struct bridge *bridge)
{
  const struct nbdkit_plugin *given = bridge->given;
  const char *path = bridge->module->path;
  size_t least = offsetof(struct nbdkit_plugin, can_write);
  uint64_t size;

  if (!given) {
    log_error("%s: plugin_init () gave no plugin", path);
    return EINVAL;
  }
  for (const struct bridge *b = bridges; b; b = b->next)
    if (b->given == given) {
      log_error("%s: a plugin of nbdkit serves one export, and this one does already",
                path);
      return EBUSY;
    }
  size = given->struct_size;
  if (given->api_version < 1 || given->api_version > NBDKIT_LATEST_API) {
    log_error("%s: built for version %d of nbdkit's plugin API, versions 1 to %d are "
              "understood",
              path, given->api_version, NBDKIT_LATEST_API);
    return EINVAL;
  }
  if (size < least) {
    log_error("%s: a plugin of %llu bytes is smaller than any of nbdkit's", path,
              (unsigned long long)size);
    return EINVAL;
  }
  memcpy(&bridge->plugin, given,
         size < sizeof bridge->plugin ? (size_t)size : sizeof bridge->plugin);
  bridge->has_ops = find_ops(&bridge->plugin);
  return 0;
}

static int
check(const struct bridge *bridge)
{
  const struct nbdkit_plugin *p = &bridge->plugin;
  const char *path = bridge->module->path;
  const char *missing = !p->name                              ? "name"
                        : !p->open                            ? "open"
                        : !p->get_size                        ? "get_size"
                        : !(bridge->has_ops & NBDSRV_OP_READ) ? "pread"
                                                              : NULL;

  if (missing) {
    log_error("%s: the plugin has no %s", path, missing);
    return EINVAL;
  }
  if (p->name[0] == '-') {
    log_error("%s: the plugin's name begins with '-'", path);
    return EINVAL;
  }
  if (p->thread_model_max < NBDKIT_SERIALIZE_CONNECTIONS ||
      p->thread_model_max > NBDKIT_PARALLEL) {
    log_error("%s: thread model %d is not known", path, p->thread_model_max);
    return EINVAL;
  }
  return 0;
}

/* --help shows the description and what the plugin says about its parameters. */
static int
make_help(struct bridge *bridge)
{
  const char *texts[] = {bridge->plugin.description, bridge->plugin.config_help};
  size_t size, length = 0;
  FILE *out = open_memstream(&bridge->help, &size);

  if (!out)
    return ENOMEM;
  for (size_t i = 0; i < 2; i++) {
    size_t len = texts[i] ? strlen(texts[i]) : 0;
    if (len > 0)
      fprintf(out, "%s%s%s", length > 0 ? "\n" : "", texts[i],
              texts[i][len - 1] == '\n' ? "" : "\n");
    length += len;
  }
  return fclose(out) == 0 ? 0 : ENOMEM;
}

int
nbdkit_bridge_load(struct module *module, void *plugin_init_symbol)
{
  struct nbdkit_plugin *(*init)(void) =
      (struct nbdkit_plugin * (*)(void)) plugin_init_symbol;
  struct bridge *bridge = calloc(1, sizeof *bridge);
  int error;

  if (!bridge)
    return ENOMEM;
  bridge->module = module;
  bridge->thread_model = -1;
  bridge->given = init();
  error = widen(bridge);
  if (!error)
    error = check(bridge);
  if (!error)
    error = make_help(bridge);
  if (error) {
    free(bridge);
    return error;
  }
  module->bridge = bridge;
  module->instance_setup = setup_instance;
  module->ops = bridge_ops;
  module->ops.name = bridge->plugin.name;
  module->ops.version = bridge->plugin.version;
  module->ops.summary = bridge->plugin.longname;
  module->ops.dump = bridge->plugin.dump_plugin;
  module->ops.help = bridge->help[0] ? bridge->help : NULL;
  module->ops.thread_model = our_model(bridge->plugin.thread_model_max);
  make_params(bridge);
  bridge->next = bridges;
  bridges = bridge;
  umask(0022); /* what they may count on */
  return 0;
}

void
nbdkit_bridge_begin(struct module *module)
{
  struct bridge *bridge = module->bridge;

  if (bridge->plugin.load)
    bridge->plugin.load();
  bridge->begun = true;
}

void
nbdkit_bridge_unload(struct module *module)
{
  struct bridge *bridge = module->bridge, **link = &bridges;

  if (bridge->begun && bridge->plugin.unload)
    bridge->plugin.unload();
  while (*link != bridge)
    link = &(*link)->next;
  *link = bridge->next;
  if (!bridges)
    bridge_forget_strings();
  free(bridge->help);
  free(bridge);
}
