/* SPDX-License-Identifier: BSD-3-Clause */
/* The luks filter: shows what is encrypted below, and encrypts what is written.
 * Gets reads and writes; unlock.c finds the key, crypt.c does sectors.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "../common/pass.h"
#include "unlock.h"

/* Encrypted at once. */
#define CHUNK (256u * 1024)

struct luks {
  const char *passphrase_text;
  char *passphrase;
  pthread_rwlock_t edges; /* write: while a sector is read, changed and written */
  pthread_mutex_t lock;   /* guards what follows */
  bool has_key;           /* of the disk with these first bytes */
  uint8_t bytes[LUKS_HEADER];
  uint8_t key[LUKS_KEY_MAX];
};

struct handle {
  struct pass pass; /* first */
  struct luks_header header;
  uint8_t key[LUKS_KEY_MAX];
};

static const struct nbdsrv_param params[] = {
    {"passphrase", NBDSRV_STRING, NBDSRV_REQUIRED,
     offsetof(struct luks, passphrase_text), NULL,
     "the passphrase, - to be asked for it, +FILE or -FD", NULL, "SECRET"},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

static int
luks_ready(void *inst)
{
  struct luks *l = inst;
  int error = nbdsrv_read_password(l->passphrase_text, &l->passphrase);

  if (error)
    return error;
  pthread_rwlock_init(&l->edges, NULL);
  pthread_mutex_init(&l->lock, NULL);
  return 0;
}

static void
luks_stop(void *inst)
{
  struct luks *l = inst;

  pthread_rwlock_destroy(&l->edges);
  pthread_mutex_destroy(&l->lock);
  gnutls_memset(l->passphrase, 0, strlen(l->passphrase));
  gnutls_memset(l->key, 0, sizeof l->key);
  free(l->passphrase);
}

static int
luks_open(void *inst, const struct nbdsrv_client *client, void **handle)
{
  return pass_open_size(inst, client, sizeof(struct handle), handle);
}

static void
luks_close(void *handle)
{
  struct handle *h = handle;

  gnutls_memset(h->key, 0, sizeof h->key);
  free(h);
}

/* Finding it takes seconds; most often it is the one that was found for the client
 * before. */
static int
get_key(struct handle *h, const uint8_t bytes[LUKS_HEADER])
{
  struct luks *l = h->pass.settings;
  bool known;
  int error;

  pthread_mutex_lock(&l->lock);
  known = l->has_key && memcmp(l->bytes, bytes, LUKS_HEADER) == 0;
  if (known)
    memcpy(h->key, l->key, sizeof h->key);
  pthread_mutex_unlock(&l->lock);
  if (known)
    return 0;
  error = luks_unlock(&h->header, h->pass.next, l->passphrase, h->key);
  if (error)
    return error;
  pthread_mutex_lock(&l->lock);
  memcpy(l->bytes, bytes, LUKS_HEADER);
  memcpy(l->key, h->key, sizeof l->key);
  l->has_key = true;
  pthread_mutex_unlock(&l->lock);
  return 0;
}

static int
luks_describe(void *handle, struct nbdsrv_info *info)
{
  struct handle *h = handle;
  uint8_t bytes[LUKS_HEADER] = {0};
  uint64_t size = info->export_size;
  int error = nbdsrv_next_read(h->pass.next, bytes,
                               size < LUKS_HEADER ? size : LUKS_HEADER, 0, 0);

  if (!error)
    error = luks_parse(&h->header, bytes, size);
  if (!error)
    error = get_key(h, bytes);
  if (error)
    return error;
  info->export_size = (size - h->header.payload) / LUKS_SECTOR * LUKS_SECTOR;
  info->can &= ~(NBDSRV_CAN_TRIM | NBDSRV_CAN_ZERO | NBDSRV_CAN_FAST_ZERO |
                 NBDSRV_CAN_EXTENTS | NBDSRV_CAN_SPARSE);
  if (info->block_minimum < LUKS_SECTOR)
    info->block_minimum = LUKS_SECTOR;
  if (info->block_preferred == 0)
    info->block_preferred = 4096;
  info->contexts = NULL;
  return 0;
}

/* ------------------------------------------------------------------------- data */

/* Whole sectors. */
static int
read_sectors(const struct handle *h, struct crypt *c, uint8_t *buf, uint64_t len,
             uint64_t off)
{
  int error = nbdsrv_next_read(h->pass.next, buf, len, off + h->header.payload, 0);

  return error
             ? error
             : crypt_sectors(c, false, buf, buf, len / LUKS_SECTOR, off / LUKS_SECTOR);
}

static int
write_sectors(const struct handle *h, struct crypt *c, uint8_t *scratch,
              const uint8_t *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  int error =
      crypt_sectors(c, true, scratch, buf, len / LUKS_SECTOR, off / LUKS_SECTOR);

  return error ? error
               : nbdsrv_next_write(h->pass.next, scratch, len, off + h->header.payload,
                                   flags);
}

/* How much of len bytes at off is part of a sector, at the beginning or alone; 0: it
 * begins with a whole one. */
static uint64_t
edge(uint64_t len, uint64_t off)
{
  uint64_t rest = LUKS_SECTOR - off % LUKS_SECTOR;

  if (rest == LUKS_SECTOR && len >= LUKS_SECTOR)
    return 0;
  return len < rest ? len : rest;
}

static int
luks_read(void *handle, void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  const struct handle *h = handle;
  uint8_t *p = buf, sector[LUKS_SECTOR];
  struct crypt c;
  int error = crypt_begin(&c, &h->header.method, h->key, h->header.key_len);

  (void)flags;
  if (error)
    return error;
  while (len > 0 && !error) {
    uint64_t n = edge(len, off), skip = off % LUKS_SECTOR;

    if (n > 0) {
      error = read_sectors(h, &c, sector, LUKS_SECTOR, off - skip);
      memcpy(p, sector + skip, n);
    } else {
      n = len - len % LUKS_SECTOR;
      error = read_sectors(h, &c, p, n, off);
    }
    p += n;
    off += n;
    len -= n;
  }
  crypt_end(&c);
  return error;
}

/* scratch: for CHUNK bytes. */
static int
write_some(const struct handle *h, struct crypt *c, uint8_t *scratch,
           const uint8_t *buf, uint64_t *len, uint64_t off, uint32_t flags)
{
  uint64_t n = edge(*len, off), skip = off % LUKS_SECTOR;
  uint8_t sector[LUKS_SECTOR];
  int error;

  if (n == 0) {
    *len = *len < CHUNK ? *len - *len % LUKS_SECTOR : CHUNK;
    return write_sectors(h, c, scratch, buf, *len, off, flags);
  }
  *len = n;
  error = read_sectors(h, c, sector, LUKS_SECTOR, off - skip);
  if (error)
    return error;
  memcpy(sector + skip, buf, n);
  return write_sectors(h, c, scratch, sector, LUKS_SECTOR, off - skip, flags);
}

static int
luks_write(void *handle, const void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  const struct handle *h = handle;
  struct luks *l = h->pass.settings;
  uint8_t *scratch = malloc(len < CHUNK ? len + LUKS_SECTOR : CHUNK);
  const uint8_t *p = buf;
  struct crypt c;
  int error =
      scratch ? crypt_begin(&c, &h->header.method, h->key, h->header.key_len) : ENOMEM;

  if (error) {
    free(scratch);
    return error;
  }
  if (len % LUKS_SECTOR || off % LUKS_SECTOR)
    pthread_rwlock_wrlock(&l->edges);
  else
    pthread_rwlock_rdlock(&l->edges);
  while (len > 0 && !error) {
    uint64_t n = len;

    error = write_some(h, &c, scratch, p, &n, off, flags);
    p += n;
    off += n;
    len -= n;
  }
  pthread_rwlock_unlock(&l->edges);
  crypt_end(&c);
  free(scratch);
  return error;
}

static int
luks_cache(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  const struct handle *h = handle;

  return nbdsrv_next_cache(h->pass.next, len, off + h->header.payload, flags);
}

static struct nbdsrv_plugin filter = {
    .name = "luks",
    .summary = "shows what is encrypted below",
    .params = params,
    .instance_size = sizeof(struct luks),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .ready = luks_ready,
    .stop = luks_stop,
    .open = luks_open,
    .describe = luks_describe,
    .close = luks_close,
    .read = luks_read,
    .write = luks_write,
    .cache = luks_cache,
};

NBDSRV_FILTER(filter)
