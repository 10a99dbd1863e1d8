/* SPDX-License-Identifier: BSD-3-Clause */
/* The file of --access.
 * Gets a path; hands its text to access-parse.c and logs what is wrong with it.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access.h"
#include "log.h"

static int
check_file(const char *path, const struct stat *st)
{
  if (!S_ISREG(st->st_mode))
    log_error("--access: %s is no regular file", path);
  else if (st->st_mode & S_IWOTH)
    log_error("--access: anybody may write %s: 'chmod o-w' before it is used", path);
  else
    return 0;
  return EINVAL;
}

/* All of a file, and a '\0'.  A part of it will not do. */
static int
read_all(int fd, char *text, size_t *len)
{
  ssize_t n = 1;

  *len = 0;
  while (n > 0 && *len < ACCESS_MOST_BYTES) {
    n = read(fd, text + *len, ACCESS_MOST_BYTES - *len);
    if (n == -1)
      return errno;
    *len += (size_t)n;
  }
  text[*len] = '\0';
  return *len < ACCESS_MOST_BYTES ? 0 : EFBIG;
}

static int
open_file(const char *path, int *fd)
{
  struct stat st;
  int error;

  *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (*fd == -1 || fstat(*fd, &st) == -1) {
    error = errno;
    log_error("--access: %s: %s", path, strerror(error));
  } else
    error = check_file(path, &st);
  if (error && *fd != -1)
    close(*fd);
  return error;
}

int
access_load(const char *path, struct access_rules **rules)
{
  struct access_complaint complaint = {0};
  char *text = NULL;
  size_t len;
  int fd, error = open_file(path, &fd);

  if (error)
    return error;
  text = malloc(ACCESS_MOST_BYTES + 1);
  error = text ? read_all(fd, text, &len) : ENOMEM;
  close(fd);
  if (!error)
    error = access_parse(text, len, rules, &complaint);
  free(text);
  if (complaint.line > 0)
    log_error("%s:%u: %s", path, complaint.line, complaint.text);
  else if (error)
    log_error("%s: %s", path, complaint.text[0] ? complaint.text : strerror(error));
  return error;
}
