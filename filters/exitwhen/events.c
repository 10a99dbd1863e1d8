/* SPDX-License-Identifier: BSD-3-Clause */
/* Events that end the server: what they are, and whether they have happened.
 * Gets parameters and questions from exitwhen.c.
 */
#include "config.h"

#include "events.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <nbdsrv-filter.h>

#include "../common/path.h"
#include "../common/script.h"

#define SCRIPT_HAPPENED 88

static int
open_process(const char *key, int64_t pid, int *fd)
{
  *fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
  if (*fd == -1 && errno != ESRCH) {
    int error = errno;
    nbdsrv_error("%s: process %lld: %s", key, (long long)pid, strerror(error));
    return error;
  }
  return 0;
}

static int
take_pipe(const char *key, int64_t fd, int *to)
{
  if (fcntl((int)fd, F_SETFD, FD_CLOEXEC) == -1) {
    nbdsrv_error("%s: %lld is not an open file descriptor", key, (long long)fd);
    return EBADF;
  }
  *to = (int)fd;
  return 0;
}

int
event_parse(struct event *event, const char *key, const char *value)
{
  static const char *const keys[] = {
      [EVENT_CREATED] = "exit-when-file-created",
      [EVENT_DELETED] = "exit-when-file-deleted",
      [EVENT_PIPE] = "exit-when-pipe-closed",
      [EVENT_PROCESS] = "exit-when-process-exits",
      [EVENT_SCRIPT] = "exit-when-script",
  };
  int64_t number;
  int error = 0;

  *event = (struct event){.fd = -1, .script = value};
  while (strcmp(keys[event->kind], key) != 0)
    event->kind++;
  if (event->kind == EVENT_PIPE || event->kind == EVENT_PROCESS)
    error =
        nbdsrv_parse_int64(key, value, event->kind == EVENT_PROCESS, INT_MAX, &number);
  if (error)
    return error;
  switch (event->kind) {
  case EVENT_CREATED:
  case EVENT_DELETED:
    return path_absolute(value, event->path);
  case EVENT_PIPE:
    return take_pipe(key, number, &event->fd);
  case EVENT_PROCESS:
    return open_process(key, number, &event->fd);
  default:
    return 0;
  }
}

void
event_release(struct event *event)
{
  if (event->fd != -1)
    close(event->fd);
}

static bool
script_says_so(const char *script)
{
  char *vars[] = {NULL};
  int status = 0, error = script_run(script, vars, NULL, 0, &status);

  if (error)
    nbdsrv_error("exit-when-script: %s", strerror(error));
  else if (status != 0 && status != SCRIPT_HAPPENED)
    nbdsrv_error("exit-when-script: it returned %d", status);
  return !error && status == SCRIPT_HAPPENED;
}

bool
event_happened(const struct event *event)
{
  struct pollfd fd = {.fd = event->fd};

  switch (event->kind) {
  case EVENT_CREATED:
    return access(event->path, F_OK) == 0;
  case EVENT_DELETED:
    return access(event->path, F_OK) == -1;
  case EVENT_PIPE:
    return poll(&fd, 1, 0) > 0 && (fd.revents & (POLLHUP | POLLERR));
  case EVENT_PROCESS:
    fd.events = POLLIN;
    return event->fd == -1 || poll(&fd, 1, 0) > 0;
  default:
    return script_says_so(event->script);
  }
}
