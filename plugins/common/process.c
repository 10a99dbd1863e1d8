/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs a program to its end.
 * Gets its arguments and what goes to its stdin; hands back what it printed and its
 * exit status.  Nothing blocks on one pipe while the program waits for another.
 */
#include "config.h"

#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <nbdsrv-plugin.h>

#ifndef __NR_pidfd_open
#define __NR_pidfd_open 434
#endif

/* How often a program that takes its time is looked at, and how long it may do so once
 * the server is ending: the server itself waits eight seconds. */
#define LOOK_MS      200
#define TERM_SECONDS 5
#define KILL_SECONDS 6

/* Larger data is worth a larger pipe than the usual 64 KiB. */
#define WIDE_PIPE (256 * 1024)

struct running {
  struct process *p;
  pid_t pid;
  int to_stdin, from_stdout, from_stderr; /* our ends; -1: closed */
  size_t fed;
  size_t message_size;
  bool killed;
};

static void
close_end(int *fd)
{
  if (*fd != -1)
    close(*fd);
  *fd = -1;
}

/* ------------------------------------------------------------------- starting */

/* fds: read end, write end; ours does not block. */
static int
make_pipe(int fds[2], unsigned ours, size_t size)
{
  if (pipe2(fds, O_CLOEXEC) == -1)
    return errno;
  if (size > WIDE_PIPE / 4)
    fcntl(fds[0], F_SETPIPE_SZ, WIDE_PIPE); /* where it may not be, it need not be */
  return fcntl(fds[ours], F_SETFL, O_NONBLOCK) == -1 ? errno : 0;
}

/* The program starts with signals as the server was started with them. */
static int
spawn(struct running *r, int in, int out, int err)
{
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attr;
  short flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
  sigset_t none, ignored;
  int error;

  sigemptyset(&none);
  sigemptyset(&ignored);
  sigaddset(&ignored, SIGPIPE);
  posix_spawnattr_init(&attr);
  if (r->p->ending)
    flags |= POSIX_SPAWN_SETPGROUP;
  posix_spawnattr_setflags(&attr, flags);
  posix_spawnattr_setsigmask(&attr, &none);
  posix_spawnattr_setsigdefault(&attr, &ignored);
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
  error = posix_spawn(&r->pid, r->p->argv[0], &actions, &attr,
                      (char *const *)r->p->argv, r->p->env);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attr);
  return error;
}

static int
start(struct running *r)
{
  const struct process *p = r->p;
  int in[2] = {-1, -1}, out[2] = {-1, -1}, err[2] = {-1, -1};
  int error;

  if (p->input)
    error = make_pipe(in, 1, p->input_size);
  else {
    in[0] = open("/dev/null", O_RDONLY | O_CLOEXEC);
    error = in[0] == -1 ? errno : 0;
  }
  if (!error && !p->joined)
    error = make_pipe(out, 0, p->out.data ? p->out.room : 0);
  if (!error)
    error = make_pipe(err, 0, 0);
  if (!error)
    error = spawn(r, in[0], p->joined ? err[1] : out[1], err[1]);
  close_end(&in[0]);
  close_end(&out[1]);
  close_end(&err[1]);
  r->to_stdin = in[1];
  r->from_stdout = out[0];
  r->from_stderr = err[0];
  return error;
}

/* ----------------------------------------------------------------- moving data */

static bool
again(void)
{
  return errno == EAGAIN || errno == EINTR;
}

/* A program need not read what it is given. */
static void
feed(struct running *r)
{
  const struct process *p = r->p;
  ssize_t n =
      write(r->to_stdin, (const char *)p->input + r->fed, p->input_size - r->fed);

  if (n > 0)
    r->fed += (size_t)n;
  if (r->fed == p->input_size || (n == -1 && !again()))
    close_end(&r->to_stdin);
}

/* Room for more of stdout; 0: there is none. */
static size_t
make_room(struct process_output *out, size_t *allocated)
{
  size_t wanted;
  char *data;

  if (*allocated == 0) /* memory was given */
    return out->room - out->size;
  if (out->size + 1 < *allocated)
    return *allocated - out->size - 1;
  wanted = *allocated * 2 < out->room + 1 ? *allocated * 2 : out->room + 1;
  data = wanted > *allocated ? realloc(out->data, wanted) : NULL;
  if (!data)
    return 0;
  out->data = data;
  *allocated = wanted;
  return wanted - out->size - 1;
}

/* One byte too many tells that there is more than is wanted; then the program is left
 * to find its pipe closed. */
static void
collect(struct running *r, size_t *allocated)
{
  struct process_output *out = &r->p->out;
  size_t room = make_room(out, allocated);
  char excess;
  ssize_t n =
      read(r->from_stdout, room ? out->data + out->size : &excess, room ? room : 1);

  if (n > 0 && room)
    out->size += (size_t)n;
  else if (n > 0)
    out->too_much = true;
  if (n == 0 || (n > 0 && !room) || (n == -1 && !again()))
    close_end(&r->from_stdout);
}

/* Read to the end, so that nobody is stopped by a full pipe. */
static void
listen_to(struct running *r)
{
  char rest[512], *message = r->p->message;
  size_t room = PROCESS_MESSAGE - 1 - r->message_size;
  ssize_t n = read(r->from_stderr, room ? message + r->message_size : rest,
                   room ? room : sizeof rest);

  if (n > 0 && room)
    r->message_size += (size_t)n;
  if (n == 0 || (n == -1 && !again()))
    close_end(&r->from_stderr);
}

/* ------------------------------------------------------------------ the end of it */

static long
seconds(void)
{
  struct timespec now;

  clock_gettime(CLOCK_MONOTONIC, &now);
  return (long)now.tv_sec;
}

/* After a while without news: the server may be about to leave. */
static void
look(struct running *r)
{
  long now = seconds(), since = 0;

  if (!r->p->ending || !nbdsrv_is_ending())
    return;
  if (atomic_compare_exchange_strong(r->p->ending, &since, now))
    since = now;
  if (now - since >= KILL_SECONDS) {
    kill(-r->pid, SIGKILL);
    r->killed = true;
  } else if (now - since >= TERM_SECONDS)
    kill(-r->pid, SIGTERM);
}

/* Until the program has all its input and has closed stdout and stderr. */
static void
converse(struct running *r, size_t *allocated)
{
  while ((r->from_stdout != -1 || r->from_stderr != -1 || r->to_stdin != -1) &&
         !r->killed) {
    struct pollfd fds[] = {{r->from_stdout, POLLIN, 0},
                           {r->from_stderr, POLLIN, 0},
                           {r->to_stdin, POLLOUT, 0}};
    int n = poll(fds, 3, r->p->ending ? LOOK_MS : -1);

    if (n == 0)
      look(r);
    if (n <= 0)
      continue;
    if (fds[0].revents)
      collect(r, allocated);
    if (fds[1].revents)
      listen_to(r);
    if (fds[2].revents)
      feed(r);
  }
}

/* A program that has closed its output may go on for long. */
static void
watch(struct running *r)
{
  struct pollfd fd = {.fd = (int)syscall(__NR_pidfd_open, r->pid, 0), .events = POLLIN};

  while (fd.fd != -1 && !r->killed && poll(&fd, 1, LOOK_MS) <= 0)
    look(r);
  close_end(&fd.fd);
}

static void
wait_for_end(struct running *r)
{
  int status;
  pid_t pid = waitpid(r->pid, &status, WNOHANG);

  if (pid == 0 && r->p->ending)
    watch(r);
  while (pid != r->pid && (pid = waitpid(r->pid, &status, 0)) == -1 && errno == EINTR)
    ;
  r->p->status = pid == -1           ? 127
                 : WIFEXITED(status) ? WEXITSTATUS(status)
                                     : -WTERMSIG(status);
}

int
process_run(struct process *p)
{
  struct running r = {.p = p, .to_stdin = -1, .from_stdout = -1, .from_stderr = -1};
  size_t allocated = 0;
  int error = 0;

  p->out.size = 0;
  p->out.too_much = false;
  if (!p->out.data && !p->joined) {
    allocated = p->out.room < 256 ? p->out.room + 1 : 256;
    p->out.data = malloc(allocated);
    error = p->out.data ? 0 : ENOMEM;
  }
  if (!error)
    error = start(&r);
  if (!error) {
    converse(&r, &allocated);
    wait_for_end(&r);
  }
  close_end(&r.to_stdin);
  close_end(&r.from_stdout);
  close_end(&r.from_stderr);
  if (allocated && error) {
    free(p->out.data);
    p->out.data = NULL;
  } else if (allocated)
    p->out.data[p->out.size] = '\0';
  p->message[r.message_size] = '\0';
  return error;
}
