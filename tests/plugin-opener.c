/* SPDX-License-Identifier: BSD-3-Clause */
/* A plugin for tests of the handshake: the name of an export says how opening it goes,
 * and each open, close and list is written down.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <nbdsrv-plugin.h>

struct opener {
  const char *record;
  int32_t threads; /* enum nbdsrv_thread_model, by their places in the table */
  int fd;
  atomic_int listing;
};

struct handle {
  struct opener *opener;
  char name[4097];
};

static const struct nbdsrv_param params[] = {
    {"record", NBDSRV_PATH, 0, offsetof(struct opener, record), NULL,
     "where the calls are written down", NULL, NULL},
    {"threads", NBDSRV_ENUM, 0, offsetof(struct opener, threads), "parallel",
     "the thread model", "all|connections|requests|parallel", NULL},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

static void
record(const struct opener *o, const char *what, const char *name)
{
  if (o->fd >= 0)
    dprintf(o->fd, "%s %s\n", what, name);
}

static int
ready(void *inst)
{
  struct opener *o = inst;

  o->fd =
      o->record ? open(o->record, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600) : -1;
  return 0;
}

static void
stop(void *inst)
{
  struct opener *o = inst;

  if (o->fd >= 0)
    close(o->fd);
}

static uint32_t
threads(void *inst)
{
  const struct opener *o = inst;

  return (uint32_t)o->threads;
}

static int
list(void *inst, struct nbdsrv_exports *exports)
{
  struct opener *o = inst;
  char text[3000] = "";
  int error;

  record(o, atomic_fetch_add(&o->listing, 1) ? "overlap" : "list", "");
  nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL); /* for others to come in */
  memset(text, 'd', sizeof text - 1);
  error = nbdsrv_exports_add(exports, "plain", NULL);
  if (!error)
    error = nbdsrv_exports_add(exports, "bad \xff name", "nobody can ask for it");
  if (!error)
    error = nbdsrv_exports_add(exports, "described", "caf\xc3\xa9 \xff");
  if (!error)
    error = nbdsrv_exports_add(exports, "long", text);
  atomic_fetch_sub(&o->listing, 1);
  return error;
}

static int
refuse(const char *name)
{
  static const struct {
    const char *name;
    int error;
    const char *text;
  } refusals[] = {
      {"eperm", EPERM, "not for you"},
      {"eacces", EACCES, "nor for you"},
      {"enoent", ENOENT, "nothing here"},
      {"eshutdown", ESHUTDOWN, "no more"},
      {"enotsup", ENOTSUP, "not on this system"},
      {"eio", EIO, "broken"},
      {"silent", EIO, NULL},
      {"latin", EIO, "d\xe9sol\xe9"},
  };

  for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
    if (strcmp(refusals[i].name, name) == 0) {
      if (refusals[i].text)
        nbdsrv_error("%s", refusals[i].text);
      return refusals[i].error;
    }
  return 0;
}

static int
open_export(void *inst, const struct nbdsrv_client *client, void **handle)
{
  struct handle *h;
  int error = refuse(client->export_name);

  record(inst, "open", client->export_name);
  if (error)
    return error;
  if (strcmp(client->export_name, "warns") == 0)
    nbdsrv_error("this is only a warning");
  h = calloc(1, sizeof *h);
  if (!h)
    return ENOMEM;
  h->opener = inst;
  snprintf(h->name, sizeof h->name, "%s", client->export_name);
  *handle = h;
  return 0;
}

static int
describe(void *handle, struct nbdsrv_info *info)
{
  static const char *const some[] = {"x-a:one",         "x-a:two",   "x-b:one",
                                     "nocolon",         ":nameless", "base:mine",
                                     "base:allocation", "x-a:\xff",  NULL};
  static char names[30][16];
  static const char *many[31];
  const struct handle *h = handle;

  info->export_size = 65536;
  info->can |= NBDSRV_CAN_MULTI_CONN;
  if (strcmp(h->name, "contexts") == 0)
    info->contexts = some;
  if (strcmp(h->name, "many") == 0) {
    for (int i = 0; i < 30; i++) {
      snprintf(names[i], sizeof names[i], "x-a:%d", i);
      many[i] = names[i];
    }
    info->contexts = many;
  }
  if (strcmp(h->name, "named") == 0) {
    info->canonical_name = "its true name";
    info->description = "what \xe2\x82\xac it \xe2\x82 is";
  }
  return 0;
}

static void
close_export(void *handle)
{
  struct handle *h = handle;

  record(h->opener, "close", h->name);
  if (strcmp(h->name, "warns") == 0)
    nbdsrv_error("this is another warning");
  free(h);
}

static int
read_data(void *handle, void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  (void)handle;
  (void)off;
  (void)flags;
  memset(buf, 0, len);
  return 0;
}

/* Block status of a context: its number. */
static int
extents(void *handle, uint64_t len, uint64_t off, uint32_t flags,
        struct nbdsrv_extents *answer)
{
  (void)handle;
  (void)flags;
  return nbdsrv_extents_add(answer, off, len, nbdsrv_extents_context(answer));
}

static struct nbdsrv_plugin plugin = {
    .name = "opener",
    .summary = "exports for tests of the handshake",
    .params = params,
    .instance_size = sizeof(struct opener),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .threads = threads,
    .ready = ready,
    .stop = stop,
    .list = list,
    .open = open_export,
    .describe = describe,
    .close = close_export,
    .read = read_data,
    .extents = extents,
};

NBDSRV_PLUGIN(plugin)
