/* SPDX-License-Identifier: BSD-3-Clause */
/* --dump-config and --dump-plugin: key=value lines for scripts, keys as nbdkit's.
 */
#include "config.h"

#include <string.h>
#include <unistd.h>

#include "help.h"
#include "layer.h"
#include "loader.h"
#include "log.h"
#include "nbdkit.h"
#include "options.h"
#include "tls.h"

void
dump_config(FILE *out, const struct options *options)
{
  const char *version = help_program_version(options);
  unsigned major = 0, minor = 0;
  char self[4096];
  ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);

  sscanf(version, "%u.%u", &major, &minor);
  if (len > 0) {
    self[len] = '\0';
    fprintf(out, "binary=%s\n", self);
  }
  fprintf(out, "bindir=%s\n", BINDIR);
  fprintf(out, "exit_with_parent=yes\n");
  fprintf(out, "filterdir=%s\n", loader_filter_dir());
  fprintf(out, "host_cpu=%s\n", HOST_CPU);
  fprintf(out, "host_os=%s\n", HOST_OS);
  fprintf(out, "libdir=%s\n", LIBDIR);
  fprintf(out, "mandir=%s\n", MANDIR);
  fprintf(out, "name=%s\n", options->program);
  fprintf(out, "plugindir=%s\n", loader_plugin_dir());
  fprintf(out, "root_tls_certificates_dir=%s/pki/%s\n", SYSCONFDIR, options->program);
  fprintf(out, "run_default_socket=Unix\n");
  fprintf(out, "sbindir=%s\n", SBINDIR);
  fprintf(out, "selinux=yes\n");
  fprintf(out, "sysconfdir=%s\n", SYSCONFDIR);
  fprintf(out, "timeout_option=yes\n");
  fprintf(out, "tls=%s\n", tls_supported() ? "yes" : "no");
  fprintf(out, "version=%s\n", version);
  fprintf(out, "version_major=%u\n", major);
  fprintf(out, "version_minor=%u\n", minor);
  fprintf(out, "vsock_option=yes\n");
  fprintf(out, "zstd=no\n");
}

const char *
dump_thread_model(uint32_t model)
{
  switch (model) {
  case NBDSRV_THREADS_SERIALIZE_CONNECTIONS:
    return "serialize_connections";
  case NBDSRV_THREADS_SERIALIZE_REQUESTS:
    return "serialize_requests";
  case NBDSRV_THREADS_PARALLEL:
    return "parallel";
  default:
    return "serialize_all_requests";
  }
}

/* has_CALLBACK=1 lines: under nbdkit's name where it has a callback for the same. */
static void
dump_members(FILE *out, const struct nbdsrv_plugin *ops)
{
  const struct {
    const char *name;
    bool there;
  } members[] = {
      {"dump_plugin", ops->dump || ops->dump_instance},
      {"config", ops->config != NULL},
      {"config_help", ops->help != NULL},
      {"thread_model", ops->threads != NULL},
      {"get_ready", ops->ready != NULL},
      {"after_fork", ops->start != NULL},
      {"cleanup", ops->stop != NULL},
      {"list_exports", ops->list != NULL},
      {"open", ops->open != NULL},
      {"close", ops->close != NULL},
      {"get_size", ops->describe != NULL},
      {"describe", ops->describe != NULL},
      {"pread", ops->read != NULL},
      {"pwrite", ops->write != NULL},
      {"flush", ops->flush != NULL},
      {"trim", ops->trim != NULL},
      {"zero", ops->zero != NULL},
      {"extents", ops->extents != NULL},
      {"cache", ops->cache != NULL},
      {"lend", ops->lend != NULL},
      {"submit", ops->submit != NULL},
  };

  for (size_t i = 0; i < sizeof members / sizeof members[0]; i++)
    if (members[i].there)
      fprintf(out, "has_%s=1\n", members[i].name);
}

void
dump_identity(FILE *out, const struct layer *plugin, const char *name,
              const char *version)
{
  fprintf(out, "path=%s\n", plugin->module->path);
  fprintf(out, "name=%s\n", name);
  if (version)
    fprintf(out, "version=%s\n", version);
  fprintf(out, "soext=so\n");
  fprintf(out, "max_api_version=%d\n",
          plugin->module->bridge ? NBDKIT_LATEST_API : NBDSRV_ABI);
}

/* Of the whole stack.  Without dump_instance (), threads () is for after ready (). */
static uint32_t
settled_threads(const struct layer *layer)
{
  uint32_t least = NBDSRV_THREADS_PARALLEL;

  for (; layer; layer = layer->below) {
    const struct nbdsrv_plugin *ops = layer->ops;
    bool asked = ops->threads && (ops->dump_instance || layer->module->bridge);

    least =
        layer_stricter(asked ? ops->threads(layer->inst) : ops->thread_model, least);
  }
  return least;
}

static void
dump_fields(FILE *out, const struct layer *plugin, uint32_t threads)
{
  const struct nbdsrv_plugin *ops = plugin->ops;

  dump_identity(out, plugin, ops->name, ops->version);
  fprintf(out, "api_version=%u\n", ops->abi);
  fprintf(out, "struct_size=%u\n", ops->size);
  fprintf(out, "max_thread_model=%s\n", dump_thread_model(ops->thread_model));
  fprintf(out, "thread_model=%s\n", dump_thread_model(threads));
  fprintf(out, "errno_is_preserved=1\n"); /* errors are return values */
  for (const struct nbdsrv_param *p = ops->params; p && p->name; p++)
    if (p->flags & NBDSRV_MAGIC)
      fprintf(out, "magic_config_key=%s\n", p->name);
  dump_members(out, ops);
  fflush(out);
}

static void
dump_own(const struct layer *layer)
{
  struct log_call call = {.layer = layer}, *before = log_call_enter(&call);

  if (layer->ops->dump_instance)
    layer->ops->dump_instance(layer->inst);
  else if (layer->ops->dump)
    layer->ops->dump();
  log_call_leave(before);
}

void
dump_plugin(FILE *out, const struct layer *top)
{
  const struct layer *plugin = top;

  while (plugin->below)
    plugin = plugin->below;
  if (plugin->module->bridge)
    nbdkit_bridge_dump(out, plugin, settled_threads(top));
  else
    dump_fields(out, plugin, settled_threads(top));
  dump_own(plugin);
  for (const struct layer *layer = top; layer != plugin; layer = layer->below) {
    fprintf(out, "%s_path=%s\n", layer->ops->name, layer->module->path);
    fprintf(out, "%s_name=%s\n", layer->ops->name, layer->ops->name);
    fflush(out);
    dump_own(layer);
  }
}
