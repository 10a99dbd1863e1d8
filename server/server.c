/* SPDX-License-Identifier: BSD-3-Clause */
/* What all connections share, and the end of them all.
 * Gets its options from main.c; listen.c adds connections; signals and plugins ask
 * it to quit.
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "connection.h"
#include "log.h"
#include "server.h"

struct server *server_running;

/* After quitting began: for requests in flight to finish, then for clients that do
 * not take their answers. */
#define QUIT_SECONDS 4
#define CUT_SECONDS  4

int
server_init(struct server *server, const struct options *options)
{
  pthread_condattr_t attr;

  server->options = options;
  server->quit_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  server->reload_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (server->quit_fd == -1 || server->reload_fd == -1) {
    log_error("eventfd: %s", strerror(errno));
    return errno;
  }
  pthread_mutex_init(&server->lock, NULL);
  pthread_condattr_init(&attr);
  pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  pthread_cond_init(&server->gone, &attr);
  pthread_condattr_destroy(&attr);
  server_running = server;
  if (workers_new(&server->workers) != 0) {
    server_destroy(server);
    return ENOMEM;
  }
  return 0;
}

void
server_destroy(struct server *server)
{
  server_running = NULL;
  close(server->quit_fd);
  close(server->reload_fd);
  pthread_cond_destroy(&server->gone);
  pthread_mutex_destroy(&server->lock);
}

/* From signal handlers too. */
static void
make_readable(int event_fd)
{
  int saved = errno;
  uint64_t one = 1;

  if (write(event_fd, &one, sizeof one) == -1) {
    /* Full means that it is readable already. */
  }
  errno = saved;
}

void
server_quit(struct server *server)
{
  atomic_store(&server->quitting, true);
  make_readable(server->quit_fd);
}

void
server_reload(struct server *server)
{
  make_readable(server->reload_fd);
}

NBDSRV_PUBLIC void
nbdsrv_shutdown(void)
{
  if (server_running)
    server_quit(server_running);
}

NBDSRV_PUBLIC int
nbdsrv_is_ending(void)
{
  return server_running && atomic_load(&server_running->quitting);
}

/* Waits for the connections; false: some are still there after that long. */
static bool
wait_seconds(struct server *server, unsigned seconds)
{
  struct timespec until;
  int r = 0;

  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += seconds;
  while (server->connection_count > 0 && r == 0)
    r = pthread_cond_timedwait(&server->gone, &server->lock, &until);
  return server->connection_count == 0;
}

bool
server_wait_connections(struct server *server)
{
  bool all_gone;

  pthread_mutex_lock(&server->lock);
  for (struct connection *c = server->connections; c; c = c->next)
    transport_stop_receiving(&c->transport);
  all_gone = wait_seconds(server, QUIT_SECONDS);
  if (!all_gone) {
    for (struct connection *c = server->connections; c; c = c->next)
      transport_cut(&c->transport);
    all_gone = wait_seconds(server, CUT_SECONDS);
  }
  if (!all_gone)
    log_warning("%u connections did not end: leaving them", server->connection_count);
  pthread_mutex_unlock(&server->lock);
  return all_gone;
}

/* Until time, the end of the server, or of the client. */
static int
sleep_until(const struct timespec *until, struct pollfd *fds, unsigned count)
{
  for (;;) {
    struct timespec now, left;
    int r;

    clock_gettime(CLOCK_MONOTONIC, &now);
    left.tv_sec = until->tv_sec - now.tv_sec;
    left.tv_nsec = until->tv_nsec - now.tv_nsec;
    if (left.tv_nsec < 0) {
      left.tv_nsec += 1000000000;
      left.tv_sec--;
    }
    if (left.tv_sec < 0) /* a look is owed even so */
      left = (struct timespec){0};
    r = ppoll(fds, count, &left, NULL);
    if (r > 0)
      return ESHUTDOWN;
    if (r == 0)
      return 0;
    if (errno != EINTR)
      return errno;
  }
}

NBDSRV_PUBLIC int
nbdsrv_sleep(uint64_t ns)
{
  const struct log_call *call = log_call_current();
  struct connection *conn = call->connection;
  struct timespec until;
  struct pollfd fds[2];
  unsigned count = 0;

  if (server_running)
    fds[count++] = (struct pollfd){.fd = server_running->quit_fd, .events = POLLIN};
  if (conn) /* no events asked for: errors and the end of both directions come anyway */
    fds[count++] = (struct pollfd){.fd = conn->transport.fd_out};
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec += (time_t)(ns / 1000000000);
  until.tv_nsec += (long)(ns % 1000000000);
  if (until.tv_nsec >= 1000000000) {
    until.tv_nsec -= 1000000000;
    until.tv_sec++;
  }
  return sleep_until(&until, fds, count);
}
