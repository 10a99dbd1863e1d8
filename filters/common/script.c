/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs a shell script with variables of the filter's.
 * Gets the script from a parameter; hands back its exit status and what it printed.
 */
#include "config.h"

#include "script.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "environment.h"

/* The script starts with all signals as if the server had none of its own. */
static int
spawn(const char *script, char *const env[], int out, pid_t *pid)
{
  char *argv[] = {"/bin/sh", "-c", (char *)script, NULL};
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attr;
  sigset_t none, all;
  int error;

  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_init(&attr);
  posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  posix_spawnattr_setsigmask(&attr, &none);
  posix_spawnattr_setsigdefault(&attr, &all);
  posix_spawn_file_actions_init(&actions);
  if (out != -1)
    posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  error = posix_spawn(pid, "/bin/sh", &actions, &attr, argv, env);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attr);
  return error;
}

/* Reads to the end, so that the script is not stopped by a full pipe. */
static void
read_all(int fd, char *output, size_t size)
{
  char rest[512];
  size_t n = 0;

  for (;;) {
    size_t room = size - 1 - n;
    ssize_t r = read(fd, room ? output + n : rest, room ? room : sizeof rest);
    if (r == 0 || (r == -1 && errno != EINTR))
      break;
    if (r > 0 && room)
      n += (size_t)r;
  }
  output[n] = '\0';
}

static int
wait_for(pid_t pid)
{
  int status;

  while (waitpid(pid, &status, 0) == -1)
    if (errno != EINTR)
      return 127;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int
script_run(const char *script, char *const vars[], char *output, size_t size,
           int *status)
{
  int fds[2] = {-1, -1}, error;
  char **env = environment_with(vars);
  pid_t pid;

  if (!env)
    return ENOMEM;
  if (output && pipe2(fds, O_CLOEXEC) == -1) {
    error = errno;
    free(env);
    return error;
  }
  error = spawn(script, env, fds[1], &pid);
  if (output)
    close(fds[1]);
  if (!error) {
    if (output)
      read_all(fds[0], output, size);
    *status = wait_for(pid);
  }
  if (output)
    close(fds[0]);
  free(env);
  return error;
}
