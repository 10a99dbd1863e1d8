/* SPDX-License-Identifier: BSD-3-Clause */
/* Functions that nbdkit gives its plugins: messages, parsers, paths, sleeping.
 * Called by plugins, under the names and with the results of nbdkit-plugin(3); what
 * they do is done by the functions that our own plugins have.
 */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "nbdkit-public.h"
#include "nbdkit.h"
#include "parse.h"

/* ----------------------------------------------------------------- messages */

NBDSRV_PUBLIC void
nbdkit_verror(const char *fmt, va_list args)
{
  int saved = errno;

  nbdsrv_verror(fmt, args);
  errno = saved;
}

NBDSRV_PUBLIC void
nbdkit_error(const char *fmt, ...)
{
  va_list args;

  va_start(args, fmt);
  nbdkit_verror(fmt, args);
  va_end(args);
}

NBDSRV_PUBLIC void
nbdkit_vdebug(const char *fmt, va_list args)
{
  int saved = errno;

  nbdsrv_vdebug(fmt, args);
  errno = saved;
}

NBDSRV_PUBLIC void
nbdkit_debug(const char *fmt, ...)
{
  va_list args;

  va_start(args, fmt);
  nbdkit_vdebug(fmt, args);
  va_end(args);
}

NBDSRV_PUBLIC void
nbdkit_set_error(int error)
{
  bridge_last_error = error;
}

/* ------------------------------------------------------------------ hexdumps */

#define ROW 16

/* Bytes [from, to) of the row that begins at the multiple of ROW below start. */
static void
dump_row(const char *prefix, const char *mark, const uint8_t *row, uint64_t start,
         unsigned from, unsigned to)
{
  char hex[3 * ROW + 2], text[ROW + 1], *p = hex;

  for (unsigned i = 0; i < ROW; i++) {
    bool inside = i >= from && i < to;
    p += inside ? sprintf(p, "%02x ", row[i]) : sprintf(p, "   ");
    if (i == ROW / 2 - 1)
      *p++ = ' ';
    text[i] = !inside ? ' ' : isprint(row[i]) ? (char)row[i] : '.';
  }
  *p = text[ROW] = '\0';
  nbdkit_debug("%s%s%08llx: %s |%s|", prefix ? prefix : "", mark,
               (unsigned long long)start, hex, text);
}

/* The next row of a buffer that begins at start: its bytes in place, and how many. */
static unsigned
next_row(uint8_t *row, const uint8_t *buf, size_t len, unsigned from)
{
  unsigned count = len < ROW - from ? (unsigned)len : ROW - from;

  memcpy(row + from, buf, count);
  return count;
}

NBDSRV_PUBLIC void
nbdkit_debug_hexdump(const void *buf, size_t len, const char *prefix, uint64_t start)
{
  const uint8_t *p = buf;

  while (nbdsrv_verbose() && len > 0) {
    unsigned from = (unsigned)(start % ROW), count;
    uint8_t row[ROW] = {0};

    count = next_row(row, p, len, from);
    dump_row(prefix, "", row, start - from, from, from + count);
    p += count;
    len -= count;
    start += count;
  }
}

NBDSRV_PUBLIC void
nbdkit_debug_hexdiff(const void *buf1, const void *buf2, size_t len, const char *prefix,
                     uint64_t start)
{
  const uint8_t *p1 = buf1, *p2 = buf2;

  while (nbdsrv_verbose() && len > 0) {
    unsigned from = (unsigned)(start % ROW), count;
    uint8_t row1[ROW] = {0}, row2[ROW] = {0};

    count = next_row(row1, p1, len, from);
    next_row(row2, p2, len, from);
    if (memcmp(row1, row2, ROW) != 0) {
      dump_row(prefix, "-", row1, start - from, from, from + count);
      dump_row(prefix, "+", row2, start - from, from, from + count);
    }
    p1 += count;
    p2 += count;
    len -= count;
    start += count;
  }
}

/* ------------------------------------------------------------------- parsing */

/* -1 with errno, as nbdkit's functions fail. */
static int
failed(int error)
{
  errno = error;
  return -1;
}

static const char *
skip_space(const char *text)
{
  while (isspace((unsigned char)*text))
    text++;
  return text;
}

static const char *
skip_plus(const char *text)
{
  text = skip_space(text);
  return *text == '+' ? text + 1 : text;
}

NBDSRV_PUBLIC int64_t
nbdkit_parse_size(const char *text)
{
  uint64_t size;

  return nbdsrv_parse_size("size", skip_plus(text), &size) == 0 ? (int64_t)size
                                                                : failed(EINVAL);
}

NBDSRV_PUBLIC int
nbdkit_parse_bool(const char *text)
{
  int value;

  return nbdsrv_parse_bool("boolean", text, &value) == 0 ? value : failed(EINVAL);
}

#define SIGNED_PARSER(name, type, min, max)                                            \
  NBDSRV_PUBLIC int nbdkit_parse_##name(const char *what, const char *text,            \
                                        type *result)                                  \
  {                                                                                    \
    int64_t value;                                                                     \
                                                                                       \
    if (nbdsrv_parse_int64(what, skip_space(text), min, max, &value) != 0)             \
      return failed(EINVAL);                                                           \
    if (result)                                                                        \
      *result = (type)value;                                                           \
    return 0;                                                                          \
  }

#define UNSIGNED_PARSER(name, type, max)                                               \
  NBDSRV_PUBLIC int nbdkit_parse_##name(const char *what, const char *text,            \
                                        type *result)                                  \
  {                                                                                    \
    uint64_t value;                                                                    \
                                                                                       \
    if (nbdsrv_parse_uint64(what, skip_plus(text), max, &value) != 0)                  \
      return failed(EINVAL);                                                           \
    if (result)                                                                        \
      *result = (type)value;                                                           \
    return 0;                                                                          \
  }

SIGNED_PARSER(int, int, INT_MIN, INT_MAX)
SIGNED_PARSER(int8_t, int8_t, INT8_MIN, INT8_MAX)
SIGNED_PARSER(int16_t, int16_t, INT16_MIN, INT16_MAX)
SIGNED_PARSER(int32_t, int32_t, INT32_MIN, INT32_MAX)
SIGNED_PARSER(int64_t, int64_t, INT64_MIN, INT64_MAX)
UNSIGNED_PARSER(unsigned, unsigned, UINT_MAX)
UNSIGNED_PARSER(uint8_t, uint8_t, UINT8_MAX)
UNSIGNED_PARSER(uint16_t, uint16_t, UINT16_MAX)
UNSIGNED_PARSER(uint32_t, uint32_t, UINT32_MAX)
UNSIGNED_PARSER(uint64_t, uint64_t, UINT64_MAX)

NBDSRV_PUBLIC int
nbdkit_parse_probability(const char *what, const char *text, double *result)
{
  double value;

  if (parse_ratio(what, text, &value) != 0)
    return failed(EINVAL);
  if (result)
    *result = value;
  return 0;
}

NBDSRV_PUBLIC int
nbdkit_parse_delay(const char *what, const char *text, unsigned *sec, unsigned *nsec)
{
  uint64_t ns;

  if (nbdsrv_parse_duration(what, text, &ns) != 0)
    return failed(EINVAL);
  if (ns / 1000000000 > UINT_MAX) {
    nbdsrv_error("%s: '%s' is too long a time", what, text);
    return failed(EINVAL);
  }
  *sec = (unsigned)(ns / 1000000000);
  *nsec = (unsigned)(ns % 1000000000);
  return 0;
}

NBDSRV_PUBLIC int
nbdkit_read_password(const char *value, char **password)
{
  *password = NULL;
  return nbdsrv_read_password(value, password) == 0 ? 0 : failed(EINVAL);
}

NBDSRV_PUBLIC int
nbdkit_stdio_safe(void)
{
  return nbdsrv_stdio_safe();
}

/* --------------------------------------------------------------------- paths */

/* Says so where a path is none. */
static bool
is_path(const char *path)
{
  if (path && path[0])
    return true;
  nbdsrv_error("a file name is empty");
  errno = EINVAL;
  return false;
}

NBDSRV_PUBLIC char *
nbdkit_absolute_path(const char *path)
{
  char *result;

  if (!is_path(path))
    return NULL;
  result = parse_absolute_path(path);
  if (!result)
    nbdkit_error("%s: %m", path);
  return result;
}

NBDSRV_PUBLIC char *
nbdkit_realpath(const char *path)
{
  char *result;

  if (!is_path(path))
    return NULL;
  result = realpath(path, NULL);
  if (!result)
    nbdkit_error("%s: %m", path);
  return result;
}

/* -------------------------------------------------- time, and the end of things */

NBDSRV_PUBLIC int
nbdkit_nanosleep(unsigned sec, unsigned nsec)
{
  int error;

  if (sec > INT_MAX || nsec >= 1000000000) {
    nbdsrv_error("sleeping %u seconds and %u nanoseconds is not possible", sec, nsec);
    return failed(EINVAL);
  }
  error = nbdsrv_sleep((uint64_t)sec * 1000000000 + nsec);
  if (!error)
    return 0;
  nbdsrv_error("sleep cut short: %s", strerror(error));
  return failed(error);
}

/* The time, for messages; valid until this thread asks again. */
NBDSRV_PUBLIC const char *
nbdkit_timestamp(void)
{
  static _Thread_local char text[40]; /* its ABI hands out a pointer */
  struct timespec now;
  struct tm tm;
  size_t n;

  clock_gettime(CLOCK_REALTIME, &now);
  gmtime_r(&now.tv_sec, &tm);
  n = strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm);
  snprintf(text + n, sizeof text - n, ".%06ld", now.tv_nsec / 1000);
  return text;
}

NBDSRV_PUBLIC const char *
nbdkit_name(void)
{
  return log_name();
}

NBDSRV_PUBLIC void
nbdkit_shutdown(void)
{
  nbdsrv_shutdown();
}

NBDSRV_PUBLIC void
nbdkit_disconnect(int force)
{
  nbdsrv_disconnect(force);
}
