/* SPDX-License-Identifier: BSD-3-Clause */
/* --dump-config and --dump-plugin: key=value lines for scripts, keys as nbdkit's.
 */
#include "config.h"

#include <string.h>
#include <unistd.h>

#include "help.h"
#include "layer.h"
#include "loader.h"
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
  fprintf(out, "sbindir=%s\n", SBINDIR);
  fprintf(out, "selinux=no\n");
  fprintf(out, "sysconfdir=%s\n", SYSCONFDIR);
  fprintf(out, "tls=%s\n", tls_supported() ? "yes" : "no");
  fprintf(out, "version=%s\n", version);
  fprintf(out, "version_major=%u\n", major);
  fprintf(out, "version_minor=%u\n", minor);
  fprintf(out, "zstd=no\n");
}

static const char *
thread_model_name(uint32_t model)
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

static void
dump_layer(FILE *out, const struct layer *layer)
{
  const struct nbdsrv_plugin *ops = layer->ops;
  uint32_t model = ops->threads ? ops->threads(layer->inst) : ops->thread_model;

  fprintf(out, "path=%s\n", layer->module->path);
  fprintf(out, "name=%s\n", ops->name);
  if (ops->version)
    fprintf(out, "version=%s\n", ops->version);
  fprintf(out, "api_version=%u\n", ops->abi);
  fprintf(out, "struct_size=%u\n", ops->size);
  fprintf(out, "max_thread_model=%s\n", thread_model_name(ops->thread_model));
  fprintf(out, "thread_model=%s\n", thread_model_name(model));
#define HAS(member)                                                                    \
  if (ops->member)                                                                     \
  fprintf(out, "has_%s=1\n", #member)
  HAS(config);
  HAS(ready);
  HAS(start);
  HAS(stop);
  HAS(list);
  HAS(open);
  HAS(describe);
  HAS(close);
  HAS(read);
  HAS(write);
  HAS(flush);
  HAS(trim);
  HAS(zero);
  HAS(cache);
  HAS(extents);
  HAS(lend);
  HAS(submit);
  HAS(threads);
  HAS(before);
  HAS(after);
#undef HAS
  for (const struct nbdsrv_param *p = ops->params; p && p->name; p++)
    if (p->flags & NBDSRV_MAGIC)
      fprintf(out, "magic_config_key=%s\n", p->name);
  fflush(out);
  if (ops->dump)
    ops->dump();
}

void
dump_plugin(FILE *out, const struct layer *top)
{
  for (const struct layer *layer = top; layer; layer = layer->below)
    dump_layer(out, layer);
}
