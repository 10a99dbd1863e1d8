/* SPDX-License-Identifier: BSD-3-Clause */
/* An nbdkit plugin for tests: a disk in memory that writes down each call it gets.
 *
 * Built with -DAPI=1 or 2.  When it is loaded the environment says what it lacks
 * (RECORDER_WITHOUT="zero flush") and at which member its struct ends
 * (RECORDER_UNTIL=cache); RECORDER_LOG is where calls are written down.  Parameters
 * give the answers: can_fua=2; fail=CALLBACK lets that callback fail, error= is what
 * it passes to nbdkit_set_error, errno= what it leaves in errno.
 */
#define NBDKIT_API_VERSION API

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <nbdkit-plugin.h>

#define DISK (1 << 20)

static char disk[DISK];
static int64_t size = DISK;
static int log_fd = -1, set_error, set_errno;
static const char *fail = "", *name_given = "", *extents_given = "";

/* -2: as if nobody had asked. */
static struct answer {
  const char *name;
  int value;
} answers[] = {
    {"can_write", 1}, {"can_flush", 1},     {"is_rotational", 1},  {"can_trim", 1},
    {"can_zero", 1},  {"can_fua", 2},       {"can_multi_conn", 1}, {"can_extents", 1},
    {"can_cache", 2}, {"can_fast_zero", 1}, {"thread_model", 3},   {"preconnect", 0},
};

static void
record(const char *fmt, ...)
{
  char line[512];
  va_list args;
  int len;

  if (log_fd == -1 && getenv("RECORDER_LOG"))
    log_fd =
        open(getenv("RECORDER_LOG"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  va_start(args, fmt);
  len = vsnprintf(line, sizeof line - 1, fmt, args);
  va_end(args);
  line[len++] = '\n';
  if (log_fd != -1 && write(log_fd, line, len) != len)
    abort();
}

/* 0, or -1 where this callback is to fail. */
static int
result(const char *callback)
{
  if (strcmp(fail, callback) != 0)
    return 0;
  nbdkit_error("%s was told to fail", callback);
  if (set_error)
    nbdkit_set_error(set_error);
  errno = set_errno;
  return -1;
}

static int
answer(const char *name)
{
  record("%s", name);
  for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++)
    if (strcmp(answers[i].name, name) == 0)
      return result(name) == -1 ? -1 : answers[i].value;
  abort();
}

static void
r_load(void)
{
  record("load");
}

static void
r_unload(void)
{
  record("unload");
}

static void
r_dump_plugin(void)
{
  record("dump_plugin");
  printf("recorder=yes\n");
}

static int
r_config(const char *key, const char *value)
{
  record("config %s=%s", key, value);
  if (strcmp(key, "fail") == 0)
    fail = value;
  else if (strcmp(key, "error") == 0)
    set_error = atoi(value);
  else if (strcmp(key, "errno") == 0)
    set_errno = atoi(value);
  else if (strcmp(key, "size") == 0)
    size = nbdkit_parse_size(value);
  else if (strcmp(key, "default") == 0)
    name_given = value;
  else if (strcmp(key, "extent") == 0)
    extents_given = value;
  else if (strcmp(key, "bare") != 0 && strcmp(key, "script") != 0) {
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++)
      if (strcmp(answers[i].name, key) == 0) {
        answers[i].value = atoi(value);
        return 0;
      }
    nbdkit_error("no such parameter: %s", key);
    return -1;
  }
  return result("config");
}

static int
r_config_complete(void)
{
  record("config_complete");
  return result("config_complete");
}

static int
r_thread_model(void)
{
  return answer("thread_model");
}

static int
r_get_ready(void)
{
  record("get_ready");
  return result("get_ready");
}

static int
r_after_fork(void)
{
  record("after_fork");
  return result("after_fork");
}

static void
r_cleanup(void)
{
  record("cleanup");
}

static int
r_preconnect(int readonly)
{
  (void)readonly;
  return answer("preconnect");
}

static int
r_list_exports(int readonly, int is_tls, struct nbdkit_exports *exports)
{
  record("list_exports %d %d", readonly, is_tls);
  if (result("list_exports") == -1)
    return -1;
  if (nbdkit_add_export(exports, "one", "the first") == -1 ||
      nbdkit_add_export(exports, "two", NULL) == -1)
    return -1;
  return nbdkit_use_default_export(exports);
}

static const char *
r_default_export(int readonly, int is_tls)
{
  record("default_export %d %d", readonly, is_tls);
  return strcmp(name_given, "none") == 0 ? NULL
                                         : nbdkit_printf_intern("%s", name_given);
}

static void *
r_open(int readonly)
{
  record("open %d '%s' %d", readonly, nbdkit_export_name(), nbdkit_is_tls());
  return result("open") == -1 ? NULL : disk;
}

static void
r_close(void *handle)
{
  record("close %d", handle == disk);
}

static int64_t
r_get_size(void *handle)
{
  (void)handle;
  record("get_size '%s'", nbdkit_export_name());
  return result("get_size") == -1 ? -1 : size;
}

static const char *
r_export_description(void *handle)
{
  (void)handle;
  record("export_description");
  return nbdkit_printf_intern("described as %s", nbdkit_export_name());
}

static int
r_block_size(void *handle, uint32_t *minimum, uint32_t *preferred, uint32_t *maximum)
{
  (void)handle;
  record("block_size");
  *minimum = 1;
  *preferred = 8192;
  *maximum = 1 << 20;
  return result("block_size");
}

#define QUESTION(name)                                                                 \
  static int r_##name(void *handle)                                                    \
  {                                                                                    \
    (void)handle;                                                                      \
    return answer(#name);                                                              \
  }
QUESTION(can_write)
QUESTION(can_flush)
QUESTION(is_rotational)
QUESTION(can_trim)
QUESTION(can_zero)
QUESTION(can_fua)
QUESTION(can_multi_conn)
QUESTION(can_extents)
QUESTION(can_cache)
QUESTION(can_fast_zero)

/* What lies beyond the memory reads as zeroes and is not kept. */
static uint32_t
within(uint32_t count, uint64_t offset)
{
  return offset >= DISK ? 0 : count < DISK - offset ? count : (uint32_t)(DISK - offset);
}

#if API == 1
#define FLAGS
#define SAY(name) record(name " %u %llu", count, (unsigned long long)offset)
#else
#define FLAGS     , uint32_t flags
#define SAY(name) record(name " %u %llu %u", count, (unsigned long long)offset, flags)
#endif

static int
r_pread(void *handle, void *buf, uint32_t count, uint64_t offset FLAGS)
{
  uint32_t n = within(count, offset);

  (void)handle;
  SAY("pread");
  memcpy(buf, disk + (n ? offset : 0), n);
  memset((char *)buf + n, 0, count - n);
  return result("pread");
}

static int
r_pwrite(void *handle, const void *buf, uint32_t count, uint64_t offset FLAGS)
{
  uint32_t n = within(count, offset);

  (void)handle;
  SAY("pwrite");
  if (n)
    memcpy(disk + offset, buf, n);
  return result("pwrite");
}

static int
clear(uint32_t count, uint64_t offset, const char *name)
{
  uint32_t n = within(count, offset);

  if (result(name) == -1)
    return -1;
  if (n)
    memset(disk + offset, 0, n);
  return 0;
}

static int
r_trim(void *handle, uint32_t count, uint64_t offset FLAGS)
{
  (void)handle;
  SAY("trim");
  return clear(count, offset, "trim");
}

#if API == 1
static int
r_flush(void *handle)
{
  (void)handle;
  record("flush");
  return result("flush");
}

static int
r_zero(void *handle, uint32_t count, uint64_t offset, int may_trim)
{
  (void)handle;
  record("zero %u %llu may_trim=%d", count, (unsigned long long)offset, may_trim);
  return clear(count, offset, "zero");
}
#else
static int
r_flush(void *handle, uint32_t flags)
{
  (void)handle;
  record("flush %u", flags);
  return result("flush");
}

static int
r_zero(void *handle, uint32_t count, uint64_t offset, uint32_t flags)
{
  (void)handle;
  SAY("zero");
  return clear(count, offset, "zero");
}
#endif

static int
r_cache(void *handle, uint32_t count, uint64_t offset, uint32_t flags)
{
  (void)handle;
  record("cache %u %llu %u", count, (unsigned long long)offset, flags);
  return result("cache");
}

/* extent=OFFSET:LENGTH:TYPE,...; by default all is a hole. */
static int
r_extents(void *handle, uint32_t count, uint64_t offset, uint32_t flags,
          struct nbdkit_extents *extents)
{
  const char *p = extents_given;
  unsigned long long off, len;
  unsigned type;
  int n;

  (void)handle;
  record("extents %u %llu %u '%s'", count, (unsigned long long)offset, flags,
         nbdkit_export_name());
  if (result("extents") == -1)
    return -1;
  if (!*p)
    return nbdkit_add_extent(extents, 0, size, 3);
  for (; sscanf(p, "%llu:%llu:%u%n", &off, &len, &type, &n) == 3;
       p += n + (p[n] == ','))
    if (nbdkit_add_extent(extents, off, len, type) == -1) {
      record("nbdkit_add_extent failed with %d", errno);
      return -1;
    }
  return 0;
}

static struct nbdkit_plugin plugin = {
    .name = "recorder",
    .longname = "writes down its calls",
    .version = "1.2.3",
    .description = "A plugin for tests.",
    .config_help = "bare=<WORD> nothing",
    .magic_config_key = "bare",
    .load = r_load,
    .unload = r_unload,
    .dump_plugin = r_dump_plugin,
    .config = r_config,
    .config_complete = r_config_complete,
    .thread_model = r_thread_model,
    .get_ready = r_get_ready,
    .after_fork = r_after_fork,
    .cleanup = r_cleanup,
    .preconnect = r_preconnect,
    .list_exports = r_list_exports,
    .default_export = r_default_export,
    .open = r_open,
    .close = r_close,
    .get_size = r_get_size,
    .export_description = r_export_description,
    .block_size = r_block_size,
    .can_write = r_can_write,
    .can_flush = r_can_flush,
    .is_rotational = r_is_rotational,
    .can_trim = r_can_trim,
    .can_zero = r_can_zero,
    .can_fua = r_can_fua,
    .can_multi_conn = r_can_multi_conn,
    .can_extents = r_can_extents,
    .can_cache = r_can_cache,
    .can_fast_zero = r_can_fast_zero,
    .pread = r_pread,
    .pwrite = r_pwrite,
    .flush = r_flush,
    .trim = r_trim,
    .zero = r_zero,
    .extents = r_extents,
    .cache = r_cache,
};

static const struct {
  const char *name;
  size_t offset;
} members[] = {
#define MEMBER(name)                                                                   \
  {                                                                                    \
#name, offsetof(struct nbdkit_plugin, name)                                        \
  }
    MEMBER(config),
    MEMBER(close),
    MEMBER(can_write),
    MEMBER(can_flush),
    MEMBER(is_rotational),
    MEMBER(can_trim),
    MEMBER(pwrite),
    MEMBER(flush),
    MEMBER(trim),
    MEMBER(zero),
    MEMBER(can_zero),
    MEMBER(can_fua),
    MEMBER(can_multi_conn),
    MEMBER(can_extents),
    MEMBER(extents),
    MEMBER(can_cache),
    MEMBER(cache),
    MEMBER(thread_model),
    MEMBER(can_fast_zero),
    MEMBER(preconnect),
    MEMBER(get_ready),
    MEMBER(after_fork),
    MEMBER(list_exports),
    MEMBER(default_export),
    MEMBER(cleanup),
    MEMBER(block_size),
    MEMBER(dump_plugin),
    MEMBER(export_description),
    MEMBER(errno_is_preserved),
    MEMBER(magic_config_key),
};

/* Whether a list of words in the environment has this one. */
static int
listed(const char *variable, const char *word)
{
  const char *list = getenv(variable);
  char *copy = strdup(list ? list : ""), *save, *w;
  int found = 0;

  for (w = strtok_r(copy, " ", &save); w; w = strtok_r(NULL, " ", &save))
    found = found || strcmp(w, word) == 0;
  free(copy);
  return found;
}

extern struct nbdkit_plugin *plugin_init(void);

struct nbdkit_plugin *
plugin_init(void)
{
  plugin._struct_size = sizeof plugin;
  plugin._api_version = API;
  plugin._thread_model = NBDKIT_THREAD_MODEL_PARALLEL;
  plugin.errno_is_preserved = listed("RECORDER_WITH", "errno_is_preserved");
  for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
    if (listed("RECORDER_WITHOUT", members[i].name))
      memset((char *)&plugin + members[i].offset, 0, sizeof(void *));
    if (listed("RECORDER_UNTIL", members[i].name))
      plugin._struct_size = members[i].offset;
  }
  return &plugin;
}
