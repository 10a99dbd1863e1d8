/* SPDX-License-Identifier: BSD-3-Clause */
/* Log lines: to stderr or syslog, one line a message.
 * Gets messages from everywhere, with the running call of this thread for those
 * that plugins send; hands them to the target chosen in main.c.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "connection.h"
#include "layer.h"
#include "log.h"
#include "utf8.h"

static const char *program = "nbdsrv";
static const char *instance; /* --name */
static int file = -1;        /* of LOG_TO_FILE */
static bool verbose;
static enum log_target target = LOG_TO_STDERR;
bool log_data_path, log_control_path;
int log_tls_level;

/* Forced by nbdsrv_error (fmt, ...), which has no argument that says whose it is. */
static _Thread_local struct log_call *current;
static _Thread_local struct log_call nobody; /* on threads that plugins made */

void
log_setup(const char *argv0, const char *name, bool v)
{
  program = argv0;
  instance = name;
  verbose = log_data_path = log_control_path = v;
}

bool
log_set_switch(const char *name, int value)
{
  if (strcmp(name, "backend.datapath") == 0)
    log_data_path = verbose && value;
  else if (strcmp(name, "backend.controlpath") == 0)
    log_control_path = verbose && value;
  else if (strcmp(name, "environ") == 0) {
    for (char **e = environ; value && *e; e++)
      log_debug("%s", *e);
  } else if (strcmp(name, "tls.log") == 0)
    log_tls_level = value;
  else
    return strcmp(name, "tls.session") == 0; /* -v shows it anyway */
  return true;
}

void
log_set_target(enum log_target t)
{
  target = t;
  if (t == LOG_TO_SYSLOG)
    openlog(program, LOG_PID, LOG_DAEMON);
}

int
log_open_file(const char *path)
{
  file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0644);
  if (file != -1)
    return 0;
  log_error("--log: %s: %m", path);
  return errno;
}

const char *
log_name(void)
{
  return instance ? instance : program;
}

bool
log_is_verbose(void)
{
  return verbose;
}

struct log_call *
log_call_current(void)
{
  return current ? current : &nobody;
}

struct log_call *
log_call_enter(struct log_call *call)
{
  struct log_call *before = current;

  call->text[0] = '\0';
  current = call;
  return before;
}

void
log_call_leave(struct log_call *before)
{
  current = before;
}

/* Control characters of a client's or a file's making do not reach the terminal:
 * neither those of ASCII nor those behind it, of which one (CSI) does what ESC [ does.
 */
static void
make_printable(char *s, size_t size)
{
  s[utf8_mend(s, size - 1, s)] = '\0';
  for (; *s; s++)
    if ((unsigned char)*s < ' ' || *s == 0x7f)
      *s = *s == '\t' || *s == '\n' ? ' ' : '?';
    else if ((unsigned char)s[0] == 0xc2 && (unsigned char)s[1] < 0xa0)
      s[0] = s[1] = '?';
}

/* "nbdsrv", or "nbdsrv[NAME]". */
static int
put_name(char *line, size_t size)
{
  return instance ? snprintf(line, size, "%s[%.64s]", program, instance)
                  : snprintf(line, size, "%s", program);
}

/* The time, where nobody who reads the line has another way to tell. */
static int
put_time(char *line, size_t size)
{
  time_t now = time(NULL);
  struct tm tm;

  localtime_r(&now, &tm);
  return (int)strftime(line, size, "%Y-%m-%d %H:%M:%S ", &tm);
}

/* Debug lines go to stderr whatever the target: they are for who started this.
 * One write, so that lines of several threads do not mix. */
static void
put_line(int priority, const char *kind, const char *prefix, const char *text)
{
  bool to_file = target == LOG_TO_FILE && priority != LOG_DEBUG;
  char line[2048];
  int len = 0;

  if (target == LOG_TO_NULL && priority != LOG_DEBUG)
    return;
  if (target == LOG_TO_SYSLOG && priority != LOG_DEBUG) {
    syslog(priority, "%s%s%s", prefix, kind, text);
    return;
  }
  if (to_file)
    len = put_time(line, sizeof line);
  len += put_name(line + len, sizeof line - (size_t)len);
  len += snprintf(line + len, sizeof line - 1 - (size_t)len, ": %s%s%s", prefix, kind,
                  text);
  if (len > (int)sizeof line - 2)
    len = (int)sizeof line - 2;
  line[len] = '\n';
  if (write(to_file ? file : STDERR_FILENO, line, (size_t)len + 1) == -1) {
    /* There is nobody left to tell. */
  }
}

/* "memory.1: ", "memory: ", "1: " or nothing. */
static void
make_prefix(char *prefix, size_t size, const struct connection *conn,
            const struct layer *layer)
{
  const char *name = layer ? layer->ops->name : NULL;

  if (name && conn)
    snprintf(prefix, size, "%s.%u: ", name, conn->id);
  else if (name)
    snprintf(prefix, size, "%s: ", name);
  else if (conn)
    snprintf(prefix, size, "%u: ", conn->id);
  else
    prefix[0] = '\0';
}

static void
vlog(int priority, const char *kind, const struct connection *conn,
     const struct layer *layer, const char *fmt, va_list args)
{
  char prefix[128], text[1536];

  make_prefix(prefix, sizeof prefix, conn, layer);
  vsnprintf(text, sizeof text, fmt, args);
  make_printable(text, sizeof text);
  put_line(priority, kind, prefix, text);
}

#define FORWARD(priority, kind, conn, layer)                                           \
  va_list args;                                                                        \
  va_start(args, fmt);                                                                 \
  vlog(priority, kind, conn, layer, fmt, args);                                        \
  va_end(args)

void
log_error(const char *fmt, ...)
{
  FORWARD(LOG_ERR, "error: ", NULL, NULL);
}

void
log_warning(const char *fmt, ...)
{
  FORWARD(LOG_WARNING, "warning: ", NULL, NULL);
}

void
log_debug(const char *fmt, ...)
{
  if (!verbose)
    return;
  FORWARD(LOG_DEBUG, "debug: ", NULL, NULL);
}

void
log_connection_error(const struct connection *conn, const char *fmt, ...)
{
  FORWARD(LOG_ERR, "error: ", conn, NULL);
}

void
log_connection_debug(const struct connection *conn, const char *fmt, ...)
{
  if (!verbose)
    return;
  FORWARD(LOG_DEBUG, "debug: ", conn, NULL);
}

void
log_layer_debug(const struct connection *conn, const struct layer *layer,
                const char *fmt, ...)
{
  if (!verbose)
    return;
  FORWARD(LOG_DEBUG, "debug: ", conn, layer);
}

/* ------------------------------------------------------- what plugins may call */

NBDSRV_PUBLIC void
nbdsrv_verror(const char *fmt, va_list args)
{
  struct log_call *call = log_call_current();
  va_list again;

  va_copy(again, args);
  vsnprintf(call->text, sizeof call->text, fmt, again);
  va_end(again);
  vlog(LOG_ERR, "error: ", call->connection, call->layer, fmt, args);
}

NBDSRV_PUBLIC void
nbdsrv_error(const char *fmt, ...)
{
  va_list args;

  va_start(args, fmt);
  nbdsrv_verror(fmt, args);
  va_end(args);
}

NBDSRV_PUBLIC void
nbdsrv_vdebug(const char *fmt, va_list args)
{
  const struct log_call *call = log_call_current();

  if (verbose)
    vlog(LOG_DEBUG, "debug: ", call->connection, call->layer, fmt, args);
}

NBDSRV_PUBLIC void
nbdsrv_debug(const char *fmt, ...)
{
  va_list args;

  va_start(args, fmt);
  nbdsrv_vdebug(fmt, args);
  va_end(args);
}

NBDSRV_PUBLIC int
nbdsrv_verbose(void)
{
  return verbose;
}
