/* SPDX-License-Identifier: BSD-3-Clause */
/* Accepts clients until the server quits.
 * Gets listening sockets from listen.c; hands every client to server.c.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "access.h"
#include "clock.h"
#include "listen.h"
#include "log.h"
#include "server.h"
#include "tls.h"

#define COMPLAIN_NS 60000000000u

/* Clients that have to wait are one fault, said again only after a while. */
static void
complain(uint64_t *last, int error)
{
  uint64_t now = clock_now();

  if (*last && now - *last < COMPLAIN_NS)
    return;
  *last = now;
  log_error("accepting a client: %s: clients wait until others leave", strerror(error));
}

static void
accept_one(struct server *server, int listener, uint64_t *complained)
{
  int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

  if (fd >= 0) {
    server_start_connection(server, fd, fd);
    return;
  }
  switch (errno) {
  case EMFILE:
  case ENFILE:
  case ENOBUFS:
  case ENOMEM:
    /* The client stays in the queue: no use asking again at once. */
    complain(complained, errno);
    nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    break;
  default: /* this client is gone again */
    break;
  }
}

/* SIGHUP came. */
static void
reload(struct server *server)
{
  uint64_t times;

  if (read(server->reload_fd, &times, sizeof times) == -1)
    return;
  if (!server->tls && !server->access)
    log_debug("SIGHUP: there is nothing to read again");
  if (server->tls && tls_context_reload(server->tls) == 0)
    log_debug("SIGHUP: credentials were read again");
  if (server->access && access_reload(server->access) == 0)
    log_debug("SIGHUP: the rules of --access were read again");
}

void
listen_accept(struct server *server, const struct listeners *l)
{
  enum { QUIT, RELOAD, FIRST };
  struct pollfd fds[LISTEN_MAX + FIRST];
  uint64_t complained = 0;

  fds[QUIT] = (struct pollfd){.fd = server->quit_fd, .events = POLLIN};
  fds[RELOAD] = (struct pollfd){.fd = server->reload_fd, .events = POLLIN};
  for (size_t i = 0; i < l->count; i++) {
    /* Another process may take the client between poll and accept. */
    fcntl(l->fds[i], F_SETFL, fcntl(l->fds[i], F_GETFL) | O_NONBLOCK);
    fds[FIRST + i] = (struct pollfd){.fd = l->fds[i], .events = POLLIN};
  }
  while (!atomic_load(&server->quitting)) {
    if (poll(fds, FIRST + l->count, -1) == -1)
      continue;
    if (fds[RELOAD].revents)
      reload(server);
    for (size_t i = 0; i < l->count; i++)
      if (fds[FIRST + i].revents)
        accept_one(server, fds[FIRST + i].fd, &complained);
  }
}
