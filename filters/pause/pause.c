/* SPDX-License-Identifier: BSD-3-Clause */
/* The pause filter: holds all operations back while somebody wants the disk still.
 * Gets every operation, and commands from a thread that listens on a socket.
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "../common/call.h"
#include "../common/pass.h"

/* How long an operation that is held back sleeps at a time. */
#define NAP_NS 5000000u

struct pause {
  const char *path;
  int listener, stop_fd;
  pthread_t thread;
  bool has_thread;
  pthread_mutex_t lock;   /* guards what follows */
  pthread_cond_t changed; /* under_way became 0, or stopping true */
  bool paused, stopping;
  unsigned under_way;
};

static const struct nbdsrv_param params[] = {
    {"pause-control", NBDSRV_PATH, NBDSRV_REQUIRED, offsetof(struct pause, path), NULL,
     "Unix socket that takes the commands p and r", NULL, "SOCKET"},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

/* ------------------------------------------------------------------ operations */

static int
enter(struct pause *p)
{
  for (;;) {
    int error;

    pthread_mutex_lock(&p->lock);
    if (!p->paused) {
      p->under_way++;
      pthread_mutex_unlock(&p->lock);
      return 0;
    }
    pthread_mutex_unlock(&p->lock);
    error = nbdsrv_sleep(NAP_NS);
    if (error)
      return error;
  }
}

static void
leave(struct pause *p)
{
  pthread_mutex_lock(&p->lock);
  if (--p->under_way == 0)
    pthread_cond_signal(&p->changed);
  pthread_mutex_unlock(&p->lock);
}

static int
make(void *handle, const struct call *call)
{
  struct pass *pass = handle;
  int error = enter(pass->settings);

  if (error)
    return error;
  error = call_below(pass->next, call);
  leave(pass->settings);
  return error;
}

CALL_MEMBERS(pause, make)

/* -------------------------------------------------------------------- commands */

/* Returns the answer. */
static char
obey(struct pause *p, char command)
{
  char answer = 'X';

  pthread_mutex_lock(&p->lock);
  if (command == 'p') {
    p->paused = true;
    while (p->under_way > 0 && !p->stopping)
      pthread_cond_wait(&p->changed, &p->lock);
    answer = 'P';
  } else if (command == 'r') {
    p->paused = false;
    answer = 'R';
  }
  pthread_mutex_unlock(&p->lock);
  return answer;
}

/* False: the server ends. */
static bool
readable(const struct pause *p, int fd)
{
  struct pollfd fds[2] = {{.fd = fd, .events = POLLIN},
                          {.fd = p->stop_fd, .events = POLLIN}};

  while (poll(fds, 2, -1) == -1)
    if (errno != EINTR)
      return false;
  return fds[1].revents == 0;
}

static void
serve(struct pause *p, int fd)
{
  char c, answer;

  while (readable(p, fd) && read(fd, &c, 1) == 1) {
    if (c == '\n' || c == '\r') /* of people who type */
      continue;
    answer = obey(p, c);
    if (send(fd, &answer, 1, MSG_NOSIGNAL) != 1)
      break;
  }
}

static void *
listen_for_commands(void *arg)
{
  struct pause *p = arg;

  while (readable(p, p->listener)) {
    int fd = accept4(p->listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd != -1) {
      serve(p, fd);
      close(fd);
    }
  }
  return NULL;
}

/* ------------------------------------------------------------------------ life */

static int
bind_socket(struct pause *p)
{
  struct sockaddr_un address = {.sun_family = AF_UNIX};

  if (strlen(p->path) >= sizeof address.sun_path) {
    nbdsrv_error("pause-control: %s: the name is too long for a socket", p->path);
    return ENAMETOOLONG;
  }
  strcpy(address.sun_path, p->path);
  p->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (p->listener == -1 ||
      bind(p->listener, (struct sockaddr *)&address, sizeof address) == -1 ||
      listen(p->listener, 1) == -1) {
    int error = errno;
    nbdsrv_error("pause-control: %s: %s", p->path, strerror(error));
    if (p->listener != -1)
      close(p->listener);
    return error;
  }
  return 0;
}

static int
pause_ready(void *inst)
{
  struct pause *p = inst;
  int error = bind_socket(p);

  if (error)
    return error;
  p->stop_fd = eventfd(0, EFD_CLOEXEC);
  if (p->stop_fd == -1) {
    error = errno;
    close(p->listener);
    unlink(p->path);
    return error;
  }
  pthread_mutex_init(&p->lock, NULL);
  pthread_cond_init(&p->changed, NULL);
  return 0;
}

static int
pause_start(void *inst)
{
  struct pause *p = inst;
  int error = pthread_create(&p->thread, NULL, listen_for_commands, p);

  p->has_thread = error == 0;
  return error;
}

static void
pause_stop(void *inst)
{
  struct pause *p = inst;
  uint64_t one = 1;

  pthread_mutex_lock(&p->lock);
  p->stopping = true;
  pthread_cond_signal(&p->changed);
  pthread_mutex_unlock(&p->lock);
  if (p->has_thread && write(p->stop_fd, &one, sizeof one) == sizeof one)
    pthread_join(p->thread, NULL);
  close(p->listener);
  unlink(p->path);
  close(p->stop_fd);
  pthread_cond_destroy(&p->changed);
  pthread_mutex_destroy(&p->lock);
}

static struct nbdsrv_plugin filter = {
    .name = "pause",
    .summary = "holds operations back on command",
    .params = params,
    .instance_size = sizeof(struct pause),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .ready = pause_ready,
    .start = pause_start,
    .stop = pause_stop,
    .open = pass_open,
    .close = free,
    .read = pause_read,
    .write = pause_write,
    .flush = pause_flush,
    .trim = pause_trim,
    .zero = pause_zero,
    .cache = pause_cache,
    .extents = pause_extents,
};

NBDSRV_FILTER(filter)
