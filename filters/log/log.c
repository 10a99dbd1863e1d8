/* SPDX-License-Identifier: BSD-3-Clause */
/* The log filter: writes down every operation, to a file or for a script.
 * Looks at operations on their way down and up; entry.c writes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <nbdsrv-filter.h>

#include "../common/errname.h"
#include "log.h"

struct log {
  const char *file, *script;
  int append;
  struct log_target target;
  atomic_uint lists; /* numbers the listings */
};

struct handle {
  struct log *log;
  uint32_t connection;
  int tls;
  char *export_name;
  atomic_ullong transactions;
};

static const struct nbdsrv_param params[] = {
    {"logfile", NBDSRV_PATH, 0, offsetof(struct log, file), NULL,
     "file to write the log to", NULL, "FILE"},
    {"logscript", NBDSRV_STRING, 0, offsetof(struct log, script), NULL,
     "shell script to run for each entry", NULL, "SCRIPT"},
    {"logappend", NBDSRV_BOOL, 0, offsetof(struct log, append), "false",
     "keep what the file has", NULL, NULL},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

static int
log_ready(void *inst)
{
  struct log *log = inst;

  pthread_mutex_init(&log->target.script_lock, NULL);
  log->target.script = log->script;
  log->target.fd = -1;
  if (!log->file)
    return 0;
  log->target.fd = open(
      log->file,
      O_WRONLY | O_CREAT | O_CLOEXEC | O_APPEND | (log->append ? 0 : O_TRUNC), 0666);
  if (log->target.fd == -1) {
    int error = errno;
    nbdsrv_error("logfile: %s: %s", log->file, strerror(error));
    return error;
  }
  return 0;
}

static int
log_start(void *inst)
{
  struct log *log = inst;
  struct log_entry ready = {.type = LOG_PRINT, .action = "Ready"};
  struct log_entry fork = {.type = LOG_PRINT, .action = "Fork"};

  log_add(&ready, 0, "thread_model", "%u", nbdsrv_thread_model());
  log_put(&log->target, &ready);
  log_put(&log->target, &fork);
  return 0;
}

static void
log_stop(void *inst)
{
  struct log *log = inst;

  if (log->target.fd != -1)
    close(log->target.fd);
  pthread_mutex_destroy(&log->target.script_lock);
}

static void
add_result(struct log_entry *entry, int error)
{
  log_add(entry, 0, "return", "%d", error ? -1 : 0);
  if (!error)
    return;
  if (errname_of(error))
    log_add(entry, 0, "error", "%s", errname_of(error));
  else
    log_add(entry, 0, "error", "%d", error);
}

/* Names as the shell reads a list of strings. */
static void
add_exports(struct log_entry *entry, const struct nbdsrv_exports *exports)
{
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);

  for (size_t i = 0; out && i < nbdsrv_exports_count(exports); i++) {
    const char *name, *description;
    nbdsrv_exports_get(exports, i, &name, &description);
    fputs(i ? " " : "", out);
    log_quote(out, name);
  }
  if (out && fclose(out) == 0)
    log_add(entry, '(', "exports", "%s", text);
  free(text);
}

static int
log_list(void *inst, struct nbdsrv_exports *exports)
{
  struct log *log = inst;
  struct log_entry enter = {.type = LOG_ENTER, .action = "ListExports"};
  struct log_entry leave = {.type = LOG_LEAVE, .action = "ListExports"};
  int error;

  enter.id = leave.id = atomic_fetch_add(&log->lists, 1) + 1;
  log_put(&log->target, &enter);
  error = nbdsrv_next_list(exports);
  if (!error)
    add_exports(&leave, exports);
  add_result(&leave, error);
  log_put(&log->target, &leave);
  return error;
}

/* Layers below are asked by the server, not from here: there is no waiting. */
static int
log_admit(void *inst, const struct nbdsrv_client *client)
{
  struct log *log = inst;
  struct log_entry enter = {
      .type = LOG_ENTER, .action = "Preconnect", .id = client->connection};
  struct log_entry leave = {
      .type = LOG_LEAVE, .action = "Preconnect", .id = client->connection};

  log_add(&enter, 0, "readonly", "%d", client->readonly);
  log_put(&log->target, &enter);
  add_result(&leave, 0);
  log_put(&log->target, &leave);
  return 0;
}

static int
log_open(void *inst, const struct nbdsrv_client *client, void **handle)
{
  struct handle *h = calloc(1, sizeof *h);
  int error = h ? nbdsrv_next_open(client->next, client) : ENOMEM;

  if (!error) {
    h->log = inst;
    h->connection = client->connection;
    h->tls = client->tls;
    h->export_name = strdup(client->export_name);
    error = h->export_name ? 0 : ENOMEM;
  }
  if (error)
    free(h);
  else
    *handle = h;
  return error;
}

/* 2: the layer does it itself; 1: it is emulated; 0: not offered. */
static int
level(const struct nbdsrv_info *info, uint32_t own, uint32_t instead)
{
  return info->can & own ? 2 : info->can & instead ? 1 : 0;
}

static int
has(const struct nbdsrv_info *info, uint32_t ability)
{
  return (info->can & ability) != 0;
}

static int
log_describe(void *handle, struct nbdsrv_info *info)
{
  const struct handle *h = handle;
  struct log_entry e = {
      .type = LOG_PRINT, .action = "Connect", .connection = h->connection};

  log_add(&e, '"', "export", "%s", h->export_name);
  log_add(&e, 0, "tls", "%d", h->tls);
  log_add(&e, 0, "size", "0x%llx", (unsigned long long)info->export_size);
  log_add(&e, 0, "minsize", "0x%x", info->block_minimum);
  log_add(&e, 0, "prefsize", "0x%x", info->block_preferred);
  log_add(&e, 0, "maxsize", "0x%x", info->block_maximum);
  log_add(&e, 0, "write", "%d", has(info, NBDSRV_CAN_WRITE));
  log_add(&e, 0, "flush", "%d", has(info, NBDSRV_CAN_FLUSH));
  log_add(&e, 0, "rotational", "%d", has(info, NBDSRV_IS_ROTATIONAL));
  log_add(&e, 0, "trim", "%d", has(info, NBDSRV_CAN_TRIM));
  log_add(&e, 0, "zero", "%d", level(info, NBDSRV_CAN_ZERO, NBDSRV_CAN_WRITE));
  log_add(&e, 0, "fua", "%d", level(info, NBDSRV_CAN_FUA, NBDSRV_CAN_FLUSH));
  log_add(&e, 0, "extents", "%d", has(info, NBDSRV_CAN_EXTENTS));
  log_add(&e, 0, "cache", "%d", level(info, NBDSRV_CAN_CACHE, 0));
  log_add(&e, 0, "fast_zero", "%d", has(info, NBDSRV_CAN_FAST_ZERO));
  log_put(&h->log->target, &e);
  if (h->log->target.fd == -1 && !h->log->script)
    info->hook_ops = 0;
  return 0;
}

static void
log_close(void *handle)
{
  struct handle *h = handle;
  struct log_entry e = {
      .type = LOG_PRINT, .action = "Disconnect", .connection = h->connection};

  log_add(&e, 0, "transactions", "%llu",
          (unsigned long long)atomic_load(&h->transactions));
  log_put(&h->log->target, &e);
  free(h->export_name);
  free(h);
}

/* ----------------------------------------------------------------- operations */

static const char *
action(uint32_t op)
{
  switch (op) {
  case NBDSRV_OP_READ:
    return "Read";
  case NBDSRV_OP_WRITE:
    return "Write";
  case NBDSRV_OP_FLUSH:
    return "Flush";
  case NBDSRV_OP_TRIM:
    return "Trim";
  case NBDSRV_OP_CACHE:
    return "Cache";
  case NBDSRV_OP_ZERO:
    return "Zero";
  default:
    return "Extents";
  }
}

static void
add_flags(struct log_entry *e, const struct nbdsrv_op *op)
{
  if (op->op == NBDSRV_OP_ZERO)
    log_add(e, 0, "trim", "%d", !(op->flags & NBDSRV_FLAG_NO_HOLE));
  if (op->op & (NBDSRV_OP_WRITE | NBDSRV_OP_TRIM | NBDSRV_OP_ZERO))
    log_add(e, 0, "fua", "%d", (op->flags & NBDSRV_FLAG_FUA) != 0);
  if (op->op == NBDSRV_OP_ZERO)
    log_add(e, 0, "fast", "%d", (op->flags & NBDSRV_FLAG_FAST_ZERO) != 0);
  if (op->op == NBDSRV_OP_EXTENTS)
    log_add(e, 0, "req_one", "%d", (op->flags & NBDSRV_FLAG_REQ_ONE) != 0);
}

static int
log_before(void *handle, struct nbdsrv_op *op)
{
  struct handle *h = handle;
  struct log_entry e = {.type = LOG_ENTER,
                        .action = action(op->op),
                        .connection = h->connection,
                        .id = op->id};

  atomic_fetch_add(&h->transactions, 1);
  if (op->op != NBDSRV_OP_FLUSH) {
    log_add(&e, 0, "offset", "0x%llx", (unsigned long long)op->offset);
    log_add(&e, 0, "count", "0x%llx", (unsigned long long)op->length);
  }
  add_flags(&e, op);
  log_put(&h->log->target, &e);
  return 0;
}

/* An answer of more parts than this is not written out whole. */
#define MOST_EXTENTS 1000

static void
add_extents(struct log_entry *entry, const struct nbdsrv_extents *extents)
{
  char *text = NULL;
  size_t size = 0, count = nbdsrv_extents_count(extents);
  FILE *out = open_memstream(&text, &size);

  for (size_t i = 0; out && i < count && i < MOST_EXTENTS; i++) {
    static const char *const names[] = {"", "hole", "zero", "hole,zero"};
    uint64_t offset, length;
    uint32_t type;

    nbdsrv_extents_get(extents, i, &offset, &length, &type);
    fprintf(out, "%s0x%llx 0x%llx \"%s\"", i ? " " : "", (unsigned long long)offset,
            (unsigned long long)length, names[type & 3]);
  }
  if (out && count > MOST_EXTENTS)
    fputs(" ...", out);
  if (out && fclose(out) == 0)
    log_add(entry, '(', "extents", "%s", text);
  free(text);
}

static void
log_after(void *handle, struct nbdsrv_op *op, int *error)
{
  struct handle *h = handle;
  struct log_entry e = {.type = LOG_LEAVE,
                        .action = action(op->op),
                        .connection = h->connection,
                        .id = op->id};

  if (op->extents && !*error)
    add_extents(&e, op->extents);
  add_result(&e, *error);
  log_put(&h->log->target, &e);
}

static struct nbdsrv_plugin filter = {
    .name = "log",
    .summary = "writes down every operation",
    .params = params,
    .instance_size = sizeof(struct log),
    .thread_model = NBDSRV_THREADS_PARALLEL,
    .ready = log_ready,
    .start = log_start,
    .stop = log_stop,
    .admit = log_admit,
    .list = log_list,
    .open = log_open,
    .describe = log_describe,
    .close = log_close,
    .before = log_before,
    .after = log_after,
};

NBDSRV_FILTER(filter)
