/* SPDX-License-Identifier: BSD-3-Clause */
/* Text to values: sizes, times, numbers, words.
 * Gets text of the command line and of parameters; every refusal is said once,
 * through nbdsrv_error, with the name of what was being parsed.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <termios.h>
#include <unistd.h>

#include "nbdsrv-plugin.h"
#include "parse.h"

static int
refuse(const char *what, const char *text, const char *why)
{
  nbdsrv_error("%s: '%s' %s", what, text, why);
  return EINVAL;
}

/* ----------------------------------------------------------------- numbers */

static bool
is_digit(char c)
{
  return c >= '0' && c <= '9';
}

NBDSRV_PUBLIC int
nbdsrv_parse_uint64(const char *what, const char *text, uint64_t max, uint64_t *value)
{
  unsigned long long v;
  char *end;

  errno = 0;
  v = strtoull(text, &end, 0);
  if (!is_digit(text[0]) || *end != '\0')
    return refuse(what, text, "is not a whole number from 0 on");
  if (errno == ERANGE || v > max) {
    nbdsrv_error("%s: %s is more than %llu", what, text, (unsigned long long)max);
    return EINVAL;
  }
  *value = v;
  return 0;
}

NBDSRV_PUBLIC int
nbdsrv_parse_int64(const char *what, const char *text, int64_t min, int64_t max,
                   int64_t *value)
{
  long long v;
  char *end;

  errno = 0;
  v = strtoll(text, &end, 0);
  if (!is_digit(text[text[0] == '-' || text[0] == '+']) || *end != '\0')
    return refuse(what, text, "is not a whole number");
  if (errno == ERANGE || v < min || v > max) {
    nbdsrv_error("%s: %s is not within %lld and %lld", what, text, (long long)min,
                 (long long)max);
    return EINVAL;
  }
  *value = v;
  return 0;
}

/* The factor of a size's suffix, 0 if there is no such. */
static uint64_t
size_factor(char suffix)
{
  static const char letters[] = "bkmgtpe";
  const char *p;

  if (suffix == 's' || suffix == 'S')
    return 512;
  p = strchr(letters, suffix | 0x20);
  return suffix != '\0' && p ? (uint64_t)1 << (10 * (p - letters)) : 0;
}

/* Exact, as a long double is not everywhere (valgrind's has 53 bits). */
static bool
whole_size(const char *digits, uint64_t factor, uint64_t *size)
{
  errno = 0;
  *size = strtoull(digits, NULL, 10);
  return errno == 0 && !__builtin_mul_overflow(*size, factor, size) &&
         *size <= INT64_MAX;
}

NBDSRV_PUBLIC int
nbdsrv_parse_size(const char *what, const char *text, uint64_t *size)
{
  static const char why[] = "is not a size: try 512, 4k, 1.5M, 1G";
  static const char too_large[] = "is more than 2^63 - 1 bytes";
  uint64_t factor = 1;
  long double v;
  char *end;

  errno = 0;
  v = strtold(text, &end);
  /* It takes signs, exponents, hexadecimals, "inf" and "nan": none of them is a size.
   */
  if (!is_digit(text[0]) || strspn(text, "0123456789.") < (size_t)(end - text))
    return refuse(what, text, why);
  if (*end != '\0') {
    factor = size_factor(*end);
    if (factor == 0 || end[1] != '\0')
      return refuse(what, text, why);
  }
  if (!memchr(text, '.', (size_t)(end - text)))
    return whole_size(text, factor, size) ? 0 : refuse(what, text, too_large);
  v *= factor;
  if (errno == ERANGE || v > (long double)INT64_MAX)
    return refuse(what, text, too_large);
  if (v != floorl(v))
    return refuse(what, text, "is not a whole number of bytes");
  *size = (uint64_t)v;
  return 0;
}

NBDSRV_PUBLIC int
nbdsrv_parse_duration(const char *what, const char *text, uint64_t *ns)
{
  static const struct {
    const char *suffix;
    long double factor;
  } units[] = {{"", 1e9L},          {"s", 1e9L},         {"ms", 1e6L}, {"us", 1e3L},
               {"\xc2\xb5s", 1e3L}, {"\xce\xbcs", 1e3L}, {"ns", 1},    {"m", 60e9L},
               {"h", 3600e9L},      {"d", 86400e9L}};
  long double v;
  char *end;

  if (!is_digit(text[0]) && text[0] != '.')
    return refuse(what, text, "is not a time: try 1, 1.5s, 10ms, 5us");
  v = strtold(text, &end);
  for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
    if (strcmp(end, units[i].suffix) != 0)
      continue;
    v *= units[i].factor;
    if (v > (long double)INT64_MAX)
      return refuse(what, text, "is too long a time");
    *ns = (uint64_t)v;
    return 0;
  }
  return refuse(what, text, "is not a time: try 1, 1.5s, 10ms, 5us");
}

int
parse_ratio(const char *what, const char *text, double *value)
{
  static const char why[] = "is not a probability: try 0.1, 10%, 1:1000";
  double v, of;
  char *end;

  if (!is_digit(text[0]) && text[0] != '.')
    return refuse(what, text, why);
  v = strtod(text, &end);
  if (strcmp(end, "%") == 0)
    v /= 100;
  else if (*end == ':' || *end == '/') {
    char *end2;
    of = strtod(end + 1, &end2);
    if (end2 == end + 1 || *end2 != '\0' || !(of > 0))
      return refuse(what, text, why);
    v /= of;
  } else if (*end != '\0')
    return refuse(what, text, why);
  if (!isfinite(v))
    return refuse(what, text, why);
  *value = v;
  return 0;
}

NBDSRV_PUBLIC int
nbdsrv_parse_fraction(const char *what, const char *text, double *value)
{
  double v;
  int error = parse_ratio(what, text, &v);

  if (error)
    return error;
  if (v > 1)
    return refuse(what, text, "is not within 0 and 1");
  *value = v;
  return 0;
}

/* ------------------------------------------------------------------- words */

NBDSRV_PUBLIC int
nbdsrv_parse_bool(const char *what, const char *text, int *value)
{
  static const char *const yes[] = {"1", "true", "t", "yes", "y", "on"};
  static const char *const no[] = {"0", "false", "f", "no", "n", "off"};

  for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
    if (strcasecmp(text, yes[i]) == 0) {
      *value = 1;
      return 0;
    }
    if (strcasecmp(text, no[i]) == 0) {
      *value = 0;
      return 0;
    }
  }
  return refuse(what, text, "is neither true nor false");
}

int
parse_enum(const char *what, const char *text, const char *choices, int *value)
{
  const char *p = choices;
  size_t len = strlen(text);

  for (int i = 0; p; i++) {
    size_t n = strcspn(p, "|");
    if (n == len && strncasecmp(p, text, n) == 0) {
      *value = i;
      return 0;
    }
    p = p[n] == '|' ? p + n + 1 : NULL;
  }
  nbdsrv_error("%s: '%s' is not one of %s", what, text, choices);
  return EINVAL;
}

#define LONGEST_WORD 63

static unsigned
least(unsigned a, unsigned b)
{
  return a < b ? a : b;
}

/* How many changes of a letter, insertions, removals and swaps of neighbours lie
 * between two words. */
static unsigned
distance(const char *a, const char *b)
{
  unsigned d[LONGEST_WORD + 1][LONGEST_WORD + 1];
  size_t la = strlen(a), lb = strlen(b);

  if (la > LONGEST_WORD || lb > LONGEST_WORD)
    return LONGEST_WORD;
  for (size_t j = 0; j <= lb; j++)
    d[0][j] = (unsigned)j;
  for (size_t i = 1; i <= la; i++) {
    d[i][0] = (unsigned)i;
    for (size_t j = 1; j <= lb; j++) {
      d[i][j] = least(d[i - 1][j - 1] + (a[i - 1] != b[j - 1]),
                      least(d[i - 1][j], d[i][j - 1]) + 1);
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
    }
  }
  return d[la][lb];
}

const char *
parse_nearest(const char *word, const char *const *candidates, size_t n)
{
  /* One slip in a short word, more in longer ones. */
  unsigned best = least((unsigned)strlen(word), LONGEST_WORD) / 3 + 1;
  const char *nearest = NULL;

  if (best < 2)
    best = 2;
  for (size_t i = 0; i < n; i++) {
    unsigned d = distance(word, candidates[i]);
    if (d < best && d < strlen(word)) {
      best = d;
      nearest = candidates[i];
    }
  }
  return nearest;
}

char *
parse_absolute_path(const char *path)
{
  char *cwd, *result;

  if (path[0] == '/')
    return strdup(path);
  cwd = getcwd(NULL, 0);
  if (!cwd)
    return NULL;
  if (asprintf(&result, "%s/%s", cwd, path) == -1)
    result = NULL;
  free(cwd);
  return result;
}

/* --------------------------------------------------------------- passwords */

static int
password_from_fd(int fd, char **password)
{
  FILE *fp = fdopen(fd, "r");
  size_t room = 0;
  ssize_t len;

  if (!fp) {
    nbdsrv_error("password: descriptor %d: %s", fd, strerror(errno));
    return EINVAL;
  }
  *password = NULL;
  len = getline(password, &room, fp);
  fclose(fp);
  if (len < 0) {
    free(*password);
    *password = strdup("");
  } else if (len > 0 && (*password)[len - 1] == '\n')
    (*password)[len - 1] = '\0';
  return *password ? 0 : ENOMEM;
}

static int
password_from_terminal(char **password)
{
  struct termios before, quiet;
  size_t room = 0;
  ssize_t len;

  if (tcgetattr(STDIN_FILENO, &before) == -1) {
    nbdsrv_error("password: stdin is no terminal to ask on");
    return EINVAL;
  }
  fputs("password: ", stdout);
  fflush(stdout);
  quiet = before;
  quiet.c_lflag &= ~(tcflag_t)ECHO;
  tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet);
  *password = NULL;
  len = getline(password, &room, stdin);
  tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
  putchar('\n');
  if (len <= 0) {
    free(*password);
    return EINVAL;
  }
  if ((*password)[len - 1] == '\n')
    (*password)[len - 1] = '\0';
  return 0;
}

NBDSRV_PUBLIC int
nbdsrv_read_password(const char *value, char **password)
{
  int64_t fd;

  if (value[0] == '+') {
    int file = open(value + 1, O_RDONLY | O_CLOEXEC);
    if (file == -1) {
      nbdsrv_error("password: %s: %s", value + 1, strerror(errno));
      return EINVAL;
    }
    return password_from_fd(file, password);
  }
  if (value[0] == '-' && value[1] != '\0') {
    if (nbdsrv_parse_int64("password", value + 1, 3, 65535, &fd) != 0)
      return EINVAL;
    return password_from_fd((int)fd, password);
  }
  if (strcmp(value, "-") == 0)
    return password_from_terminal(password);
  *password = strdup(value);
  return *password ? 0 : ENOMEM;
}
