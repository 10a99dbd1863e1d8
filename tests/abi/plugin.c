/* SPDX-License-Identifier: BSD-3-Clause */
/* A plugin that uses every member of the frozen header.  It only ever grows: a plugin
 * that somebody built once has to go on working.  Reads what was written; its
 * parameters show in description () and in a context of its own.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nbdsrv-plugin.h>

struct instance {
  const char *string, *path;
  int boolean, choice;
  uint64_t size, u64, duration;
  int64_t i64;
  uint32_t u32;
  int32_t i32;
  double fraction;
  char free_form[64];
  uint8_t *disk;
  int started, lends, closed;
};

struct handle {
  struct instance *inst;
  char description[512];
};

#define AT(member) offsetof(struct instance, member)

static const struct nbdsrv_param params[] = {
    {"size", NBDSRV_SIZE, NBDSRV_MAGIC | NBDSRV_REQUIRED, AT(size), NULL, "size", NULL,
     NULL},
    {"string", NBDSRV_STRING, 0, AT(string), "none", "text", NULL, "TEXT"},
    {"path", NBDSRV_PATH, 0, AT(path), NULL, "file", NULL, NULL},
    {"boolean", NBDSRV_BOOL, 0, AT(boolean), "yes", "truth", NULL, NULL},
    {"choice", NBDSRV_ENUM, 0, AT(choice), "b", "word", "a|b|c", NULL},
    {"u64", NBDSRV_UINT64, 0, AT(u64), "18446744073709551615", "number", NULL, NULL},
    {"i64", NBDSRV_INT64, 0, AT(i64), "-9223372036854775808", "number", NULL, NULL},
    {"u32", NBDSRV_UINT32, 0, AT(u32), "4294967295", "number", NULL, NULL},
    {"i32", NBDSRV_INT32, 0, AT(i32), "-2147483648", "number", NULL, NULL},
    {"duration", NBDSRV_DURATION, 0, AT(duration), "1.5s", "time", NULL, NULL},
    {"fraction", NBDSRV_FRACTION, 0, AT(fraction), "25%", "part", NULL, NULL},
    {"lends", NBDSRV_BOOL, NBDSRV_HIDDEN, AT(lends), NULL, NULL, NULL, NULL},
    {"closed", NBDSRV_BOOL, NBDSRV_HIDDEN, AT(closed), NULL, NULL, NULL, NULL},
    {"*", NBDSRV_FREE, NBDSRV_REPEAT, 0, NULL, "anything", NULL, NULL},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

static int
abi_config(void *inst, const char *key, const char *value)
{
  struct instance *i = inst;
  size_t used = strlen(i->free_form);

  if (strncmp(key, "x-", 2) != 0)
    return ENOENT;
  snprintf(i->free_form + used, sizeof i->free_form - used, "%s=%s;", key, value);
  return 0;
}

/* The parsers agree with the table. */
static int
check_parsers(const struct instance *i)
{
  uint64_t u;
  int64_t n;
  double f;
  int b;

  return nbdsrv_parse_size("size", "8s", &u) || u != 4096 ||
         nbdsrv_parse_bool("boolean", "off", &b) || b != 0 ||
         nbdsrv_parse_duration("duration", "1.5s", &u) || u != i->duration ||
         nbdsrv_parse_fraction("fraction", "1:4", &f) || f != i->fraction ||
         nbdsrv_parse_int64("i64", "-7", -7, 7, &n) || n != -7 ||
         nbdsrv_parse_uint64("u64", "0x10", 16, &u) || u != 16;
}

static int
check_password(void)
{
  char *password;
  int right;

  if (nbdsrv_read_password("secret", &password) != 0)
    return 1;
  right = strcmp(password, "secret") == 0;
  free(password);
  return !right;
}

static int
abi_ready(void *inst)
{
  struct instance *i = inst;

  if (check_parsers(i) || check_password() || !nbdsrv_stdio_safe() ||
      nbdsrv_verbose() > 1) {
    nbdsrv_error("the server's functions are not what they were");
    return EINVAL;
  }
  i->disk = calloc(1, i->size ? i->size : 1);
  return i->disk ? 0 : ENOMEM;
}

static int
abi_start(void *inst)
{
  ((struct instance *)inst)->started = nbdsrv_thread_model() == NBDSRV_THREADS_PARALLEL;
  return 0;
}

static void
abi_stop(void *inst)
{
  free(((struct instance *)inst)->disk);
}

static int
abi_list(void *inst, struct nbdsrv_exports *exports)
{
  (void)inst;
  return nbdsrv_exports_add(exports, "abi", "the one export");
}

static int
abi_admit(void *inst, const struct nbdsrv_client *client)
{
  return ((struct instance *)inst)->closed && client->export_name[0] == '\0' ? EPERM
                                                                             : 0;
}

static int
abi_open(void *inst, const struct nbdsrv_client *client, void **handle)
{
  struct instance *i = inst;
  struct handle *h;

  if (strcmp(client->export_name, "abi") != 0) {
    nbdsrv_error("only abi is here, not %s", client->export_name);
    return ENOENT;
  }
  h = calloc(1, sizeof *h);
  if (!h)
    return ENOMEM;
  h->inst = i;
  snprintf(h->description, sizeof h->description,
           "%s %s %d %d %llu %lld %u %d %llu %.2f %s %d c%u r%d t%d u%d", i->string,
           i->path ? i->path : "-", i->boolean, i->choice, (unsigned long long)i->u64,
           (long long)i->i64, i->u32, i->i32, (unsigned long long)i->duration,
           i->fraction, i->free_form, i->started, client->connection, client->readonly,
           client->tls, client->uid >= 0);
  *handle = h;
  return 0;
}

static void
abi_close(void *handle)
{
  free(handle);
}

static int
abi_describe(void *handle, struct nbdsrv_info *info)
{
  static const char *const contexts[] = {"abi:halves", NULL};
  struct handle *h = handle;

  if (info->size < sizeof *info)
    return EINVAL;
  info->export_size = h->inst->size;
  info->can |= NBDSRV_CAN_FUA | NBDSRV_CAN_FAST_ZERO | NBDSRV_CAN_MULTI_CONN |
               NBDSRV_IS_ROTATIONAL;
  info->block_minimum = 1;
  info->block_preferred = 8192;
  info->block_maximum = 1048576;
  info->nowait_ops = NBDSRV_OP_WRITE;
  info->description = h->description;
  info->canonical_name = "canonical";
  info->contexts = contexts;
  return 0;
}

static int
abi_read(void *handle, void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  struct handle *h = handle;

  (void)flags;
  if (memcmp(h->inst->disk + off, "fail", len < 4 ? len : 4) == 0) {
    nbdsrv_error("a read that fails at %llu", (unsigned long long)off);
    return ENOSPC;
  }
  memcpy(buf, h->inst->disk + off, len);
  return 0;
}

static int
abi_write(void *handle, const void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  struct handle *h = handle;

  if (flags & NBDSRV_FLAG_NOWAIT)
    return EAGAIN;
  memcpy(h->inst->disk + off, buf, len);
  return 0;
}

static int
abi_flush(void *handle, uint32_t flags)
{
  (void)handle;
  (void)flags;
  return 0;
}

static int
abi_clear(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  struct handle *h = handle;

  if (flags & NBDSRV_FLAG_FAST_ZERO)
    return ENOTSUP;
  memset(h->inst->disk + off, 0, len);
  return 0;
}

static int
abi_cache(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  (void)handle;
  (void)len;
  (void)off;
  (void)flags;
  return nbdsrv_sleep(1000);
}

/* The first half is data, the second a hole; in the context of its own 7 and 8. */
static int
abi_extents(void *handle, uint64_t len, uint64_t off, uint32_t flags,
            struct nbdsrv_extents *extents)
{
  uint64_t half = ((struct handle *)handle)->inst->size / 2;
  int own = nbdsrv_extents_context(extents) == 1, error;

  (void)len;
  (void)off;
  (void)flags;
  error = nbdsrv_extents_add(extents, 0, half, own ? 7 : 0);
  if (!error)
    error = nbdsrv_extents_add(extents, half, half,
                               own ? 8 : NBDSRV_EXTENT_HOLE | NBDSRV_EXTENT_ZERO);
  return error == ERANGE ? 0 : error;
}

static void
abi_release(void *handle, struct nbdsrv_loan *loan)
{
  (void)handle;
  free(loan->opaque);
}

/* Half of it in memory of its own, half as a hole where there are zeroes. */
static int
abi_lend(void *handle, uint64_t len, uint64_t off, struct nbdsrv_loan *loan)
{
  struct handle *h = handle;

  if (!h->inst->lends || loan->size < sizeof *loan || len < 1024)
    return EAGAIN;
  loan->opaque = malloc(len / 2);
  if (!loan->opaque)
    return ENOMEM;
  memcpy(loan->opaque, h->inst->disk + off, len / 2);
  loan->iov[0].iov_base = loan->opaque;
  loan->iov[0].iov_len = len / 2;
  loan->iov[1].iov_base = NULL;
  loan->iov[1].iov_len = len - len / 2;
  loan->count = 2;
  loan->release = abi_release;
  return 0;
}

static uint32_t
abi_threads(void *inst)
{
  (void)inst;
  return NBDSRV_THREADS_PARALLEL;
}

static void
abi_dump(void)
{
  puts("abi_plugin=yes");
}

static struct nbdsrv_plugin plugin = {
    .name = "abi",
    .version = "1.2.3",
    .summary = "every member",
    .help = "text of its own",
    .params = params,
    .instance_size = sizeof(struct instance),
    .thread_model = NBDSRV_THREADS_SERIALIZE_ALL,
    .config = abi_config,
    .ready = abi_ready,
    .start = abi_start,
    .stop = abi_stop,
    .list = abi_list,
    .open = abi_open,
    .describe = abi_describe,
    .close = abi_close,
    .read = abi_read,
    .write = abi_write,
    .flush = abi_flush,
    .trim = abi_clear,
    .zero = abi_clear,
    .cache = abi_cache,
    .extents = abi_extents,
    .lend = abi_lend,
    .threads = abi_threads,
    .dump = abi_dump,
    .admit = abi_admit,
};

NBDSRV_PLUGIN(plugin)
