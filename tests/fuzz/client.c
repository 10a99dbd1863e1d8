/* SPDX-License-Identifier: BSD-3-Clause */
/* Fuzz target: the whole server, as one hostile client sees it.
 * Gets an input whose first byte says how far a well-behaved handshake goes; the rest
 * is what the client sends after that.  A crash, a report of a sanitizer or a
 * connection that does not end is the finding.
 */
#include "config.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/layer.h"
#include "server/loader.h"
#include "server/log.h"
#include "server/params.h"
#include "server/server.h"
#include "start.h"

static struct options options;
static struct server server;
static struct export export;

NBDSRV_PUBLIC int
nbdsrv_stdio_safe(void)
{
  return 1;
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
  static char *line[] = {"nbdsrv", "-f", "--log=null", "memory", "1M", NULL};
  struct module *module;
  struct layer *top;

  (void)argc;
  (void)argv;
  setenv("NBDSRV_PLUGINDIR", MODULES, 0);
  if (options_parse(5, line, &options) != 0 ||
      loader_load(options.plugin, false, &module) != 0 ||
      layer_new(module, NULL, &top) != 0 ||
      params_apply(top, options.params, options.param_count) != 0 ||
      layer_ready(top) != 0 || server_init(&server, &options) != 0)
    abort();
  log_set_target(options.log_target);
  export_init(&export, top);
  server.exports = &export;
  if (layer_start(top) != 0)
    abort();
  return 0;
}

/* Sends all of it while the answers are taken; then waits for the end. */
static void
be_client(int fd, const uint8_t *data, size_t size)
{
  static uint8_t answers[1 << 20];
  struct pollfd p = {.fd = fd};

  for (;;) {
    p.events = size > 0 ? POLLIN | POLLOUT : POLLIN;
    poll(&p, 1, -1);
    if (size > 0 && (p.revents & POLLOUT)) {
      ssize_t n = send(fd, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);

      if (n > 0) {
        data += n;
        size -= (size_t)n;
      }
      if (size == 0)
        shutdown(fd, SHUT_WR);
    }
    if ((p.revents & (POLLIN | POLLHUP | POLLERR)) &&
        recv(fd, answers, sizeof answers, 0) <= 0)
      return;
  }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  uint8_t *input = start_input(data, &size);
  int fds[2];

  if (!input)
    return 0;
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == -1)
    abort();
  if (server_start_connection(&server, fds[0], fds[0]) != 0)
    abort();
  be_client(fds[1], input, size);
  close(fds[1]);
  free(input);
  pthread_mutex_lock(&server.lock);
  while (server.connection_count > 0)
    pthread_cond_wait(&server.gone, &server.lock);
  pthread_mutex_unlock(&server.lock);
  return 0;
}
