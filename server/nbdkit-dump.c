/* SPDX-License-Identifier: BSD-3-Clause */
/* --dump-plugin of an nbdkit plugin: the lines that nbdkit itself would print.
 * Called by dump.c.
 */
#include "config.h"

#include <stddef.h>
#include <string.h>

#include "help.h"
#include "layer.h"
#include "loader.h"
#include "nbdkit.h"

/* Members in nbdkit's order, under its names. */
static const struct {
  const char *name;
  size_t offset;
} members[] = {
#define MEMBER(name)                                                                   \
  {                                                                                    \
#name, offsetof(struct nbdkit_plugin, name)                                        \
  }
    MEMBER(longname),
    MEMBER(description),
    MEMBER(load),
    MEMBER(unload),
    MEMBER(dump_plugin),
    MEMBER(config),
    MEMBER(config_complete),
    MEMBER(config_help),
    MEMBER(thread_model),
    MEMBER(get_ready),
    MEMBER(after_fork),
    MEMBER(cleanup),
    MEMBER(preconnect),
    MEMBER(list_exports),
    MEMBER(default_export),
    MEMBER(open),
    MEMBER(close),
    MEMBER(export_description),
    MEMBER(get_size),
    MEMBER(block_size),
    MEMBER(can_write),
    MEMBER(can_flush),
    MEMBER(is_rotational),
    MEMBER(can_trim),
    MEMBER(can_zero),
    MEMBER(can_fast_zero),
    MEMBER(can_extents),
    MEMBER(can_fua),
    MEMBER(can_multi_conn),
    MEMBER(can_cache),
    MEMBER(pread),
    MEMBER(pwrite),
    MEMBER(flush),
    MEMBER(trim),
    MEMBER(zero),
    MEMBER(extents),
    MEMBER(cache),
#undef MEMBER
    {"_pread_v1", offsetof(struct nbdkit_plugin, pread_v1)},
    {"_pwrite_v1", offsetof(struct nbdkit_plugin, pwrite_v1)},
    {"_flush_v1", offsetof(struct nbdkit_plugin, flush_v1)},
    {"_trim_v1", offsetof(struct nbdkit_plugin, trim_v1)},
    {"_zero_v1", offsetof(struct nbdkit_plugin, zero_v1)},
};

void
nbdkit_bridge_dump(FILE *out, const struct layer *layer, uint32_t threads)
{
  const struct bridge *bridge = layer->module->bridge;
  const struct nbdkit_plugin *p = &bridge->plugin;

  dump_identity(out, layer, p->name, p->version);
  fprintf(out, "api_version=%d\n", p->api_version);
  fprintf(out, "struct_size=%llu\n", (unsigned long long)p->struct_size);
  fprintf(out, "max_thread_model=%s\n", dump_thread_model(layer->ops->thread_model));
  fprintf(out, "thread_model=%s\n", dump_thread_model(threads));
  fprintf(out, "errno_is_preserved=%d\n", p->errno_is_preserved != 0);
  if (p->magic_config_key)
    fprintf(out, "magic_config_key=%s\n", p->magic_config_key);
  for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
    void *member;
    memcpy(&member, (const char *)p + members[i].offset, sizeof member);
    if (member)
      fprintf(out, "has_%s=1\n", members[i].name);
  }
  fflush(out);
}
