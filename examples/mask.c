/* SPDX-License-Identifier: BSD-3-Clause */
/* A filter that hides the data below by a byte that each one is xor'ed with. */
#include <errno.h>
#include <stdlib.h>

#include <nbdsrv-filter.h>

struct mask {
  uint32_t key;
};

struct handle {
  const struct mask *settings;
  struct nbdsrv_next *next;
};

static const struct nbdsrv_param params[] = {
    {"mask-key", NBDSRV_UINT32, 0, offsetof(struct mask, key), "85",
     "what each byte is combined with, 0 to 255", NULL, NULL},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

static int
mask_open(void *inst, const struct nbdsrv_client *client, void **handle)
{
  struct handle *h = malloc(sizeof *h);
  int error = h ? nbdsrv_next_open(client->next, client) : ENOMEM;

  if (error) {
    free(h);
    return error;
  }
  h->settings = inst;
  h->next = client->next;
  *handle = h;
  return 0;
}

/* Zeroes below are none here: they have to be written, and holes are data. */
static int
mask_describe(void *handle, struct nbdsrv_info *info)
{
  info->can &= ~(NBDSRV_CAN_ZERO | NBDSRV_CAN_TRIM | NBDSRV_CAN_EXTENTS);
  return 0;
}

static void
combine(const struct handle *h, unsigned char *to, const unsigned char *from,
        uint64_t len)
{
  for (uint64_t i = 0; i < len; i++)
    to[i] = from[i] ^ (unsigned char)h->settings->key;
}

static int
mask_read(void *handle, void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  const struct handle *h = handle;
  int error = nbdsrv_next_read(h->next, buf, len, off, flags);

  if (!error)
    combine(h, buf, buf, len);
  return error;
}

static int
mask_write(void *handle, const void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  const struct handle *h = handle;
  unsigned char *changed = malloc(len);
  int error = changed ? 0 : ENOMEM;

  if (!error) {
    combine(h, changed, buf, len);
    error = nbdsrv_next_write(h->next, changed, len, off, flags);
  }
  free(changed);
  return error;
}

static struct nbdsrv_plugin filter = {
    .name = "mask",
    .summary = "hides the data below",
    .params = params,
    .instance_size = sizeof(struct mask),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .open = mask_open,
    .describe = mask_describe,
    .close = free,
    .read = mask_read,
    .write = mask_write,
};

NBDSRV_FILTER(filter)
