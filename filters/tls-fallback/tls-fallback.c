/* SPDX-License-Identifier: BSD-3-Clause */
/* The tls-fallback filter: what lies below is for clients inside TLS alone; the others
 * find a small disk that says so.
 * Operations of clients inside TLS do not meet it.
 */
#include <errno.h>
#include <string.h>

#include <nbdsrv-filter.h>

#define SIZE 512u

static const char readme[] =
    "This NBD server requires TLS authentication before it will serve useful data.\n";

struct fallback {
  const char *message;
  char disk[SIZE];
};

static const struct nbdsrv_param params[] = {
    {"tlsreadme", NBDSRV_STRING, 0, offsetof(struct fallback, message), NULL,
     "what clients without TLS read", NULL, "MESSAGE"},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

static int
fallback_ready(void *inst)
{
  struct fallback *f = inst;
  const char *message = f->message ? f->message : readme;

  memcpy(f->disk, message, strnlen(message, SIZE));
  return 0;
}

static int
fallback_start(void *inst)
{
  (void)inst;
  if (nbdsrv_thread_model() != NBDSRV_THREADS_SERIALIZE_CONNECTIONS)
    return 0;
  nbdsrv_error("the plugin serves one client at a time: any client without TLS could "
               "keep all others out");
  return EINVAL;
}

static int
fallback_list(void *inst, struct nbdsrv_exports *exports)
{
  (void)inst;
  return nbdsrv_exports_client(exports)->tls ? nbdsrv_next_list(exports)
                                             : nbdsrv_exports_add(exports, "", NULL);
}

/* The handle is the instance for clients without TLS, else NULL. */
static int
fallback_open(void *inst, const struct nbdsrv_client *client, void **handle)
{
  *handle = client->tls ? NULL : inst;
  return client->tls ? nbdsrv_next_open(client->next, client) : 0;
}

static int
fallback_describe(void *handle, struct nbdsrv_info *info)
{
  if (!handle) {
    info->own_ops = 0;
    return 0;
  }
  info->export_size = SIZE;
  info->inline_ops = NBDSRV_OP_READ;
  return 0;
}

static int
fallback_read(void *handle, void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  const struct fallback *f = handle;

  (void)flags;
  memcpy(buf, f->disk + off, len);
  return 0;
}

static struct nbdsrv_plugin filter = {
    .name = "tls-fallback",
    .summary = "gives clients without TLS a disk that only says so",
    .params = params,
    .instance_size = sizeof(struct fallback),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .ready = fallback_ready,
    .start = fallback_start,
    .list = fallback_list,
    .open = fallback_open,
    .describe = fallback_describe,
    .read = fallback_read,
};

NBDSRV_FILTER(filter)
