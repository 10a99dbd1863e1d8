/* SPDX-License-Identifier: BSD-3-Clause */
/* An nbdkit plugin for tests that calls the functions which servers give to plugins.
 * --dump-plugin prints what those say that need no client; with a client, open ()
 * writes down who it is, in the file that FUNCTIONS_LOG names.
 */
#define NBDKIT_API_VERSION 2

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include <nbdkit-plugin.h>

#define THREAD_MODEL NBDKIT_THREAD_MODEL_PARALLEL

static const char *const sizes[] = {
    "0",
    "1",
    "512",
    "1k",
    "1K",
    "2m",
    "2M",
    "3G",
    "4T",
    "5P",
    "6E",
    "7s",
    "7S",
    "1b",
    "1B",
    " 8",
    "+9",
    "",
    "k",
    "-1",
    "1x",
    "1kk",
    "0x10",
    "1 k",
    "10000",
    "08",
    "8E",
    "7E",
    "16384P",
    "9223372036854775807",
    "9223372036854775808",
    "99999999999999999999",
    "1e",
    "1e3",
};
static const char *const bools[] = {
    "1", "0", "true", "TRUE", "t", "y",     "yes", "on",  "On", "false",
    "f", "n", "no",   "off",  "",  "maybe", "2",   "tru", "y ",
};
static const char *const numbers[] = {
    "0",
    "1",
    "-1",
    "127",
    "128",
    "-128",
    "-129",
    "255",
    "256",
    "32767",
    "32768",
    "65535",
    "65536",
    "2147483647",
    "2147483648",
    "-2147483648",
    "-2147483649",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "9223372036854775808",
    "-9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "0x10",
    "0X1f",
    "010",
    "08",
    "",
    "x",
    "1x",
    " 1",
    "+1",
    "1 ",
    "-0",
    "0x",
};

#define EACH(i, list) (size_t i = 0; i < sizeof list / sizeof list[0]; i++)

#define PRINT_PARSED(type, suffix, format, cast)                                       \
  for                                                                                  \
    EACH(i, numbers)                                                                   \
    {                                                                                  \
      type v = 42;                                                                     \
      int r = nbdkit_parse_##suffix("number", numbers[i], &v);                         \
      printf("parse_" #suffix " '%s': %d " format "\n", numbers[i], r, (cast)v);       \
    }

static void
print_parsed(void)
{
  for
    EACH(i, sizes)
  printf("parse_size '%s': %lld\n", sizes[i], (long long)nbdkit_parse_size(sizes[i]));
  for
    EACH(i, bools)
  printf("parse_bool '%s': %d\n", bools[i], nbdkit_parse_bool(bools[i]));
  PRINT_PARSED(int, int, "%d", int)
  PRINT_PARSED(unsigned, unsigned, "%u", unsigned)
  PRINT_PARSED(int8_t, int8_t, "%d", int)
  PRINT_PARSED(uint8_t, uint8_t, "%d", int)
  PRINT_PARSED(int16_t, int16_t, "%d", int)
  PRINT_PARSED(uint16_t, uint16_t, "%d", int)
  PRINT_PARSED(int32_t, int32_t, "%d", int)
  PRINT_PARSED(uint32_t, uint32_t, "%u", unsigned)
  PRINT_PARSED(int64_t, int64_t, "%lld", long long)
  PRINT_PARSED(uint64_t, uint64_t, "%llu", unsigned long long)
  printf("parse_int without a result: %d\n", nbdkit_parse_int("number", "1", NULL));
}

static void
print_paths(void)
{
  static const char *const paths[] = {"/a/../b", "a", "./a/b", "", "/", "no/such", "."};

  for
    EACH(i, paths)
    {
      char *absolute = nbdkit_absolute_path(paths[i]),
           *real = nbdkit_realpath(paths[i]);
      printf("path '%s': %s %s\n", paths[i], absolute ? absolute : "-",
             real ? real : "-");
      free(absolute);
      free(real);
    }
}

static void
print_password(const char *value)
{
  char *password = NULL;
  int r = nbdkit_read_password(value, &password);

  printf("password '%s': %d '%s'\n", value, r, password ? password : "");
  free(password);
}

static void
print_others(void)
{
  const char *a = nbdkit_strdup_intern("abc"), *b = nbdkit_strndup_intern("abcdef", 4);
  const char *c = nbdkit_printf_intern("%d-%s", 42, a),
             *d = nbdkit_strndup_intern("ab", 9);

  printf("intern %s %s %s %s\n", a, b, c, d);
  printf("stdio %d\n", nbdkit_stdio_safe());
  errno = EXDEV;
  nbdkit_error("an error with errno %m");
  nbdkit_debug("no debug message");
  printf("errno %d\n", errno);
}

static void
f_dump_plugin(void)
{
  print_parsed();
  print_paths();
  print_password("secret");
  print_password("+password-file");
  print_password("+no-such-file");
  print_password("-0");
  print_password("-9");
  print_password("");
  print_others();
}

struct extent {
  uint64_t offset, length;
  uint32_t type;
};

static void
print_extents(void)
{
  struct nbdkit_extents *(*make)(uint64_t, uint64_t) =
      dlsym(RTLD_DEFAULT, "nbdkit_extents_new");
  size_t (*count)(const struct nbdkit_extents *) =
      dlsym(RTLD_DEFAULT, "nbdkit_extents_count");
  struct extent (*get)(const struct nbdkit_extents *, size_t) =
      dlsym(RTLD_DEFAULT, "nbdkit_get_extent");
  void (*forget)(struct nbdkit_extents *) = dlsym(RTLD_DEFAULT, "nbdkit_extents_free");
  const char *(*name)(void) = dlsym(RTLD_DEFAULT, "nbdkit_name");
  const char *(*timestamp)(void) = dlsym(RTLD_DEFAULT, "nbdkit_timestamp");
  struct nbdkit_extents *e = make(4096, 16384), *none = make(0, 0);
  struct extent a, b;

  printf("added %d", nbdkit_add_extent(e, 0, 8192, 3));
  printf(" %d", nbdkit_add_extent(e, 8192, 4096, 3));
  printf(" %d", nbdkit_add_extent(e, 12288, 1 << 20, 0));
  printf(" %d\n", nbdkit_add_extent(e, 12288 + (1 << 20), 4096, 3));
  a = get(e, 0);
  b = get(e, 1);
  printf("%zu extents: %llu+%llu type %u, %llu+%llu type %u\n", count(e),
         (unsigned long long)a.offset, (unsigned long long)a.length, a.type,
         (unsigned long long)b.offset, (unsigned long long)b.length, b.type);
  printf("no extents: %zu %d %d\n", count(none), make(1, 0) == NULL,
         make(0, 1ull << 63) == NULL);
  forget(e);
  forget(none);
  forget(NULL);
  printf("name %s\ntime %s\n", name(), timestamp());
}

/* Functions of nbdkit after 1.32, looked up so that the plugin loads without them. */
static void
print_later(void)
{
  static const char *const delays[] = {"1",   "1.5",        "2s",         "120ms",
                                       "3us", "3\xce\xbcs", "3\xc2\xb5s", "7ns",
                                       "",    "x",          "-1",         "1 s"};
  static const char *const chances[] = {"0",    "0.1",  "1e-1", "10%", "1:10",
                                        "1/10", "200%", "",     "x",   "-1",
                                        "inf",  "nan",  "1:0",  "1:"};
  int (*delay)(const char *, const char *, unsigned *, unsigned *) =
      dlsym(RTLD_DEFAULT, "nbdkit_parse_delay");
  int (*chance)(const char *, const char *, double *) =
      dlsym(RTLD_DEFAULT, "nbdkit_parse_probability");
  void (*dump)(const void *, size_t, const char *, uint64_t) =
      dlsym(RTLD_DEFAULT, "nbdkit_debug_hexdump");
  void (*diff)(const void *, const void *, size_t, const char *, uint64_t) =
      dlsym(RTLD_DEFAULT, "nbdkit_debug_hexdiff");
  struct sockaddr_storage addr;
  socklen_t len = sizeof addr;

  for
    EACH(i, delays)
    {
      unsigned sec = 42, nsec = 42;
      int r = delay("delay", delays[i], &sec, &nsec);
      printf("delay '%s': %d %u %u\n", delays[i], r, sec, nsec);
    }
  for
    EACH(i, chances)
    {
      double v = 42;
      int r = chance("chance", chances[i], &v);
      printf("chance '%s': %d %g\n", chances[i], r, v);
    }
  printf("no client: %d %lld %lld %lld %d\n",
         nbdkit_peer_name((struct sockaddr *)&addr, &len), (long long)nbdkit_peer_pid(),
         (long long)nbdkit_peer_uid(), (long long)nbdkit_peer_gid(), nbdkit_is_tls());
  printf("sleep %d %d\n", nbdkit_nanosleep(0, 1000), nbdkit_nanosleep(0, 1000000000));
  print_extents();
  fflush(stdout);
  dump("0123456789abcdef\1", 17, "dump: ", 8);
  diff("0123456789abcdefgh", "0123456789abcdefgH", 18, "diff: ", 0);
}

static int
f_config(const char *key, const char *value)
{
  (void)value;
  if (strcmp(key, "later") == 0)
    print_later();
  return 0;
}

/* ---------------------------------------------------------------- with a client */

static void
say(const char *fmt, ...)
{
  FILE *fp = fopen(getenv("FUNCTIONS_LOG"), "a");
  va_list args;

  va_start(args, fmt);
  vfprintf(fp, fmt, args);
  va_end(args);
  fclose(fp);
}

static void
say_later(const char *function)
{
  char *(*f)(void) = dlsym(RTLD_DEFAULT, function);
  char *text = f ? f() : NULL;

  say("%s %s\n", function, text ? text : "-");
  free(text);
}

static void *
f_open(int readonly)
{
  struct sockaddr_storage addr = {0};
  socklen_t len = 2, whole = sizeof addr;
  int r, r2;

  (void)readonly;
  r = nbdkit_peer_name((struct sockaddr *)&addr, &len);
  r2 = nbdkit_peer_name((struct sockaddr *)&addr, &whole);
  say("peer %d %d family %d len %s\n", r, r2, addr.ss_family,
      len == whole && whole > 0 ? "good" : "bad");
  say("pid %lld uid %lld gid %lld\n", (long long)nbdkit_peer_pid(),
      (long long)nbdkit_peer_uid(), (long long)nbdkit_peer_gid());
  say("tls %d export %s\n", nbdkit_is_tls(), nbdkit_export_name());
  say_later("nbdkit_peer_tls_dn");
  say_later("nbdkit_peer_tls_issuer_dn");
  return NBDKIT_HANDLE_NOT_NEEDED;
}

static int64_t
f_get_size(void *handle)
{
  (void)handle;
  return 1 << 20;
}

/* Reading at these offsets has effects. */
static int
f_pread(void *handle, void *buf, uint32_t count, uint64_t offset, uint32_t flags)
{
  void (*disconnect)(int) = dlsym(RTLD_DEFAULT, "nbdkit_disconnect");

  (void)handle;
  (void)flags;
  memset(buf, 0, count);
  switch (offset) {
  case 512:
    nbdkit_shutdown();
    break;
  case 1024:
    disconnect(0);
    break;
  case 1536:
    disconnect(1);
    break;
  case 2048:
    say("sleeping\n");
    say("slept %d\n", nbdkit_nanosleep(1000, 0));
    break;
  }
  return 0;
}

static struct nbdkit_plugin plugin = {
    .name = "functions",
    .config = f_config,
    .dump_plugin = f_dump_plugin,
    .open = f_open,
    .get_size = f_get_size,
    .pread = f_pread,
};

NBDKIT_REGISTER_PLUGIN(plugin)
