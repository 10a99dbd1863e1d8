/* SPDX-License-Identifier: BSD-3-Clause */
/* Fuzz target: the whole server, as one hostile client sees it.
 * Gets an input whose first byte says how far a well-behaved handshake goes; the rest
 * is what the client sends after that.  A crash, a report of a sanitizer or a
 * connection that does not end is the finding.
 */
#include "config.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/layer.h"
#include "server/loader.h"
#include "server/log.h"
#include "server/params.h"
#include "server/protocol.h"
#include "server/server.h"
#include "server/wire.h"

/* Where the client begins: with its flags, or after a handshake that asked for... */
enum { RAW, SIMPLE, STRUCTURED, EXTENDED, STARTS };

struct message {
  uint8_t bytes[256];
  size_t length;
};

static struct options options;
static struct server server;
static struct export export;
static struct message starts[STARTS];

NBDSRV_PUBLIC int
nbdsrv_stdio_safe(void)
{
  return 1;
}

static void
add(struct message *m, const void *bytes, size_t length)
{
  memcpy(m->bytes + m->length, bytes, length);
  m->length += length;
}

static void
add_u32(struct message *m, uint32_t v)
{
  wire_put_u32(m->bytes + m->length, v);
  m->length += sizeof v;
}

static void
add_option(struct message *m, uint32_t option, const void *data, uint32_t length)
{
  add_u32(m, (uint32_t)((uint64_t)NBD_OPTS_MAGIC >> 32));
  add_u32(m, (uint32_t)NBD_OPTS_MAGIC);
  add_u32(m, option);
  add_u32(m, length);
  add(m, data, length);
}

static void
make_starts(void)
{
  static const char context[] = "base:allocation";
  static const uint8_t go[6]; /* the export "", no information asked for */

  for (unsigned start = SIMPLE; start < STARTS; start++) {
    struct message *m = &starts[start], query = {.length = 0};

    add_u32(m, NBD_FLAG_FIXED_NEWSTYLE | NBD_FLAG_NO_ZEROES);
    if (start == STRUCTURED)
      add_option(m, NBD_OPT_STRUCTURED_REPLY, "", 0);
    if (start == EXTENDED)
      add_option(m, NBD_OPT_EXTENDED_HEADERS, "", 0);
    if (start >= STRUCTURED) {
      add_u32(&query, 0);
      add_u32(&query, 1);
      add_u32(&query, sizeof context - 1);
      add(&query, context, sizeof context - 1);
      add_option(m, NBD_OPT_SET_META_CONTEXT, query.bytes, (uint32_t)query.length);
    }
    add_option(m, NBD_OPT_GO, go, sizeof go);
  }
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
  make_starts();
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
  const struct message *start;
  uint8_t *input;
  int fds[2];

  if (size < 2)
    return 0;
  start = &starts[data[0] % STARTS];
  input = malloc(start->length + size - 1);
  if (!input || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == -1)
    abort();
  memcpy(input, start->bytes, start->length);
  memcpy(input + start->length, data + 1, size - 1);
  if (server_start_connection(&server, fds[0], fds[0]) != 0)
    abort();
  be_client(fds[1], input, start->length + size - 1);
  close(fds[1]);
  free(input);
  pthread_mutex_lock(&server.lock);
  while (server.connection_count > 0)
    pthread_cond_wait(&server.gone, &server.lock);
  pthread_mutex_unlock(&server.lock);
  return 0;
}
