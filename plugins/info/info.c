/* SPDX-License-Identifier: BSD-3-Clause */
/* The info plugin: tells each client something about itself or the server.
 * Gets what a client is known by; serves it as the content of a small disk.
 */
#include "config.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../common/base64.h"
#include "../common/nothing.h"
#include "address.h"

#include <nbdsrv-plugin.h>

#define STAMP 12u /* bytes: seconds in 8, microseconds in 4 */

enum mode {
  EXPORTNAME,
  BASE64_EXPORTNAME,
  ADDRESS,
  TIME,
  UPTIME,
  CONNTIME,
  VERSION_TEXT
};

struct info {
  int mode;
  struct timespec began;
};

struct handle {
  int mode;
  struct timespec since; /* where the clock of TIME, UPTIME, CONNTIME is at zero */
  size_t len;
  uint8_t *bytes; /* of the others */
};

static const struct nbdsrv_param params[] = {
    {"mode", NBDSRV_ENUM, NBDSRV_MAGIC, offsetof(struct info, mode), "exportname",
     "what to tell", "exportname|base64exportname|address|time|uptime|conntime|version",
     NULL},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

static int
info_ready(void *inst)
{
  struct info *info = inst;

  clock_gettime(CLOCK_MONOTONIC, &info->began);
  return 0;
}

/* ------------------------------------------------------------- what a client gets */

static int
set_text(struct handle *h, const char *text)
{
  h->len = strlen(text);
  h->bytes = (uint8_t *)strdup(text);
  return h->bytes ? 0 : ENOMEM;
}

static int
set_decoded(struct handle *h, const char *name)
{
  h->bytes = malloc(base64_room(name) + 1);
  if (!h->bytes)
    return ENOMEM;
  if (base64_decode(name, h->bytes, &h->len) == 0)
    return 0;
  nbdsrv_error("the export name is not in base64");
  return ENOENT;
}

static int
set_address(struct handle *h, const struct nbdsrv_client *client)
{
  char text[ADDRESS_ROOM];

  if (address_text(client->peer, client->peer_len, text) != 0) {
    nbdsrv_error("the client has no address");
    return ENOENT;
  }
  return set_text(h, text);
}

static int
fill(const struct info *info, struct handle *h, const struct nbdsrv_client *client)
{
  switch (h->mode) {
  case EXPORTNAME:
    return set_text(h, client->export_name);
  case BASE64_EXPORTNAME:
    return set_decoded(h, client->export_name);
  case ADDRESS:
    return set_address(h, client);
  case VERSION_TEXT:
    return set_text(h, PACKAGE_VERSION);
  case UPTIME:
    h->since = info->began;
    break;
  case CONNTIME:
    clock_gettime(CLOCK_MONOTONIC, &h->since);
    break;
  default: /* TIME: since 1970 */
    break;
  }
  h->len = STAMP;
  return 0;
}

static void
info_close(void *handle)
{
  struct handle *h = handle;

  free(h->bytes);
  free(h);
}

static int
info_open(void *inst, const struct nbdsrv_client *client, void **handle)
{
  const struct info *info = inst;
  struct handle *h = calloc(1, sizeof *h);
  int error;

  if (!h)
    return ENOMEM;
  h->mode = info->mode;
  error = fill(info, h, client);
  if (error)
    info_close(h);
  else
    *handle = h;
  return error;
}

static int
info_describe(void *handle, struct nbdsrv_info *info)
{
  const struct handle *h = handle;

  info->export_size = h->len;
  info->inline_ops = NBDSRV_OP_ALL;
  /* Elsewhere two connections do not find the same. */
  if (h->mode == EXPORTNAME || h->mode == BASE64_EXPORTNAME || h->mode == VERSION_TEXT)
    info->can |= NBDSRV_CAN_MULTI_CONN;
  return 0;
}

/* -------------------------------------------------------------------------- data */

static void
make_stamp(const struct handle *h, uint8_t *stamp)
{
  struct timespec now;
  uint64_t seconds;
  uint32_t microseconds;

  clock_gettime(h->mode == TIME ? CLOCK_REALTIME : CLOCK_MONOTONIC, &now);
  now.tv_sec -= h->since.tv_sec;
  now.tv_nsec -= h->since.tv_nsec;
  if (now.tv_nsec < 0) {
    now.tv_sec--;
    now.tv_nsec += 1000000000;
  }
  seconds = htobe64((uint64_t)now.tv_sec);
  microseconds = htobe32((uint32_t)(now.tv_nsec / 1000));
  memcpy(stamp, &seconds, sizeof seconds);
  memcpy(stamp + sizeof seconds, &microseconds, sizeof microseconds);
}

static int
info_read(void *handle, void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  const struct handle *h = handle;
  uint8_t stamp[STAMP];
  const uint8_t *bytes = h->bytes;

  (void)flags;
  if (!bytes) {
    make_stamp(h, stamp);
    bytes = stamp;
  }
  memcpy(buf, bytes + off, len);
  return 0;
}

static void
info_dump(void)
{
  printf("info_address=yes\ninfo_base64=yes\n");
}

static struct nbdsrv_plugin plugin = {
    .name = "info",
    .summary = "tells clients about themselves and the server",
    .params = params,
    .instance_size = sizeof(struct info),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .ready = info_ready,
    .open = info_open,
    .close = info_close,
    .describe = info_describe,
    .read = info_read,
    .cache = nothing_range,
    .dump = info_dump,
};

NBDSRV_PLUGIN(plugin)
