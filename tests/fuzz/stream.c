/* SPDX-License-Identifier: BSD-3-Clause */
/* Fuzz target: handshake and transmission without sockets and threads, the answers
 * judged.
 * Gets an input whose first byte says how far a well-behaved handshake goes and into
 * what pieces the rest falls, which is what the client sends.  Findings are crashes,
 * reports of sanitizers and answers that break the protocol.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "judge.h"
#include "memory-transport.h"
#include "server/connection.h"
#include "server/handshake.h"
#include "server/loader.h"
#include "server/request.h"
#include "server/server.h"
#include "start.h"

#define DISK_SIZE (256u * 1024)
#define STRIPE    4096u /* of data and holes in turn */

static uint8_t disk[DISK_SIZE];

/* ------------------------------------------- a plugin that has a bit of everything */

static int
list(void *inst, struct nbdsrv_exports *exports)
{
  int error = nbdsrv_exports_add(exports, "", NULL);

  (void)inst;
  return error ? error : nbdsrv_exports_add(exports, "w", "one with \xff in its text");
}

/* The first letter of the export's name says what it is like. */
static int
open_export(void *inst, const struct nbdsrv_client *client, void **handle)
{
  static char letters[256];
  uint8_t letter = (uint8_t)client->export_name[0];

  (void)inst;
  if (letter == 'n') {
    nbdsrv_error("no \xff such export");
    return ENOENT;
  }
  letters[letter] = (char)letter;
  *handle = &letters[letter];
  return 0;
}

static int
describe(void *handle, struct nbdsrv_info *info)
{
  static const char *const contexts[] = {"x-a:one", "x-a:two", "bad", NULL};

  info->export_size = DISK_SIZE;
  info->can |= NBDSRV_CAN_SPARSE | NBDSRV_CAN_FAST_ZERO;
  info->inline_ops = NBDSRV_OP_ALL;
  switch (*(const char *)handle) {
  case 'r':
    info->can &= ~NBDSRV_CAN_WRITE;
    break;
  case 'b':
    info->block_minimum = 512;
    info->block_preferred = 8192;
    info->block_maximum = 65536;
    break;
  case 'c':
    info->contexts = contexts;
    break;
  case 'd':
    info->description = "what it is, \xff";
    info->canonical_name = "true";
    break;
  case 'p': /* as plain as can be */
    info->can = NBDSRV_CAN_WRITE;
    break;
  }
  return 0;
}

static int
read_data(void *handle, void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  (void)handle;
  (void)flags;
  memcpy(buf, disk + off, len);
  return 0;
}

static int
write_data(void *handle, const void *buf, uint64_t len, uint64_t off, uint32_t flags)
{
  (void)handle;
  (void)flags;
  if (off == 0) {
    nbdsrv_error("the \xff first byte is bad");
    return EIO;
  }
  memcpy(disk + off, buf, len);
  return 0;
}

static int
zero(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  (void)handle;
  (void)flags;
  memset(disk + off, 0, len);
  return 0;
}

static int
trim(void *handle, uint64_t len, uint64_t off, uint32_t flags)
{
  (void)handle;
  (void)flags;
  return len + off > DISK_SIZE ? EDOM : 0;
}

static int
flush(void *handle, uint32_t flags)
{
  (void)handle;
  (void)flags;
  return 0;
}

static int
extents(void *handle, uint64_t len, uint64_t off, uint32_t flags,
        struct nbdsrv_extents *answer)
{
  uint32_t context = nbdsrv_extents_context(answer);
  int error = 0;

  (void)handle;
  (void)len;
  (void)flags;
  for (uint64_t at = off - off % STRIPE; !error && at < DISK_SIZE; at += STRIPE)
    error = nbdsrv_extents_add(answer, at, STRIPE, at / STRIPE % 2 ? 3 : context * 4);
  return error == ERANGE ? 0 : error;
}

static struct module module = {
    .ops =
        {
            .name = "fuzz",
            .thread_model = NBDSRV_THREADS_SERIALIZE_REQUESTS,
            .list = list,
            .open = open_export,
            .describe = describe,
            .read = read_data,
            .write = write_data,
            .flush = flush,
            .trim = trim,
            .zero = zero,
            .extents = extents,
        },
};

/* ----------------------------------------------------------------- the target */

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
  static char *line[] = {"nbdsrv", "--log=null", "fuzz", NULL};
  struct layer *top;

  (void)argc;
  (void)argv;
  if (options_parse(3, line, &options) != 0 || layer_new(&module, NULL, &top) != 0 ||
      server_init(&server, &options) != 0)
    abort();
  log_set_target(options.log_target);
  export_init(&export, top);
  server.exports = &export;
  return 0;
}

static void
serve(const uint8_t *input, size_t size, size_t piece)
{
  struct connection *conn = connection_new(&server, -1, -1);
  struct log_call call = {.connection = conn}, *before;
  const uint8_t *sent;
  size_t len;
  bool began;

  if (!conn)
    abort();
  before = log_call_enter(&call);
  memory_transport_begin(input, size, piece);
  began = handshake(conn) == 0;
  len = memory_transport_sent(&sent);
  judge_handshake(sent, len, began);
  if (began) {
    size_t all;

    request_loop(conn);
    all = memory_transport_sent(&sent);
    judge_transmission(sent + len, all - len, conn);
  }
  connection_close_export(conn);
  log_call_leave(before);
  connection_free(conn);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  static const size_t pieces[] = {SIZE_MAX, 1, 100, 1000};
  uint8_t *input = start_input(data, &size);

  if (input)
    serve(input, size, pieces[data[0] / 64]);
  free(input);
  return 0;
}
