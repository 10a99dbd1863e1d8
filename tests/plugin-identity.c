/* SPDX-License-Identifier: BSD-3-Clause */
/* A plugin for tests that writes down what it is told of its clients, and when. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/un.h>
#include <unistd.h>

#include <nbdsrv-plugin.h>

struct identity {
  const char *record;
};

static const struct nbdsrv_param params[] = {
    {"record", NBDSRV_PATH, NBDSRV_REQUIRED, offsetof(struct identity, record), NULL,
     "where it is written down", NULL, NULL},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

static void
record(const struct identity *i, const char *when, const struct nbdsrv_client *c)
{
  int fd = open(i->record, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

  if (fd < 0)
    return;
  dprintf(fd, "%s|%s|%d|%d|%d|%lld|%lld|%lld|%s|%s|%s\n", when, c->export_name,
          c->readonly, c->tls, c->peer ? c->peer->sa_family : -1, (long long)c->uid,
          (long long)c->gid, (long long)c->pid, c->tls_user ? c->tls_user : "-",
          c->tls_dn ? c->tls_dn : "-", c->tls_issuer ? c->tls_issuer : "-");
  close(fd);
}

static int
admit(void *inst, const struct nbdsrv_client *client)
{
  record(inst, "admit", client);
  return 0;
}

static void
leave(void *inst, const struct nbdsrv_client *client)
{
  record(inst, "leave", client);
}

static int
list(void *inst, struct nbdsrv_exports *exports)
{
  record(inst, "list", nbdsrv_exports_client(exports));
  return nbdsrv_exports_add(exports, "", NULL);
}

static int
open_export(void *inst, const struct nbdsrv_client *client, void **handle)
{
  (void)handle;
  record(inst, "open", client);
  return 0;
}

static int
describe(void *handle, struct nbdsrv_info *info)
{
  (void)handle;
  info->export_size = 65536;
  return 0;
}

static int
read_data(void *handle, void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  (void)handle;
  (void)off;
  (void)flags;
  for (uint64_t i = 0; i < len; i++)
    ((char *)buf)[i] = 0;
  return 0;
}

static struct nbdsrv_plugin plugin = {
    .name = "identity",
    .params = params,
    .instance_size = sizeof(struct identity),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .admit = admit,
    .leave = leave,
    .list = list,
    .open = open_export,
    .describe = describe,
    .read = read_data,
};

NBDSRV_PLUGIN(plugin)
