/* SPDX-License-Identifier: BSD-3-Clause */
/* Log lines and the text that goes with an error.
 *
 * The public nbdsrv_error (fmt, ...) has no argument that says whose error it
 * is, so a thread-local names the call that runs: set around calls into layers,
 * read here and nowhere else.
 */
#ifndef NBDSRV_LOG_H
#define NBDSRV_LOG_H

#include <stdarg.h>
#include <stdbool.h>

#include "nbdsrv-plugin.h"

struct connection;
struct layer;

enum log_target { LOG_TO_STDERR, LOG_TO_SYSLOG, LOG_TO_NULL, LOG_TO_FILE };

/* argv0: as the program is called, "nbdsrv" or "nbdkit"; name: --name or NULL, kept;
 * v: -v.  Before any thread. */
void log_setup(const char *argv0, const char *name, bool v);
void log_set_target(enum log_target target);
int log_open_file(const char *path); /* for LOG_TO_FILE; 0 or an errno value, logged */
const char *log_name(void);          /* --name, or the program's */
bool log_is_verbose(void);

/* -D nbdsrv.SWITCH=N (nbdkit.SWITCH too).  False: there is no such switch. */
bool log_set_switch(const char *name, int value);
/* What -v shows of the calls into layers, unless switched off.  Written before there
 * are threads. */
extern bool log_data_path, log_control_path;
extern int log_tls_level; /* how much GnuTLS says of itself */

/* Server's own messages: one line, no newline at the end. Any thread. */
void log_error(const char *fmt, ...) NBDSRV_PRINTF(1, 2);
void log_warning(const char *fmt, ...) NBDSRV_PRINTF(1, 2);
void log_debug(const char *fmt, ...) NBDSRV_PRINTF(1, 2); /* under -v */
/* The same about one client. */
void log_connection_error(const struct connection *, const char *fmt, ...)
    NBDSRV_PRINTF(2, 3);
void log_connection_debug(const struct connection *, const char *fmt, ...)
    NBDSRV_PRINTF(2, 3);

/* The same about a call into a layer; conn may be NULL. */
void log_layer_debug(const struct connection *, const struct layer *, const char *fmt,
                     ...) NBDSRV_PRINTF(3, 4);

#define LOG_TEXT_MAX 512

/* The running call into a layer: what nbdsrv_error and nbdsrv_debug refer to.
 * Either pointer may be NULL.  text holds the last nbdsrv_error of this call. */
struct log_call {
  struct connection *connection;
  const struct layer *layer;
  struct bridge_handle *bridge; /* nbdkit-*.c: the handle that is being opened */
  bool outlives; /* what is being opened stays when the connection has gone */
  char text[LOG_TEXT_MAX];
};

/* Makes call the running one of this thread and empties its text; returns the
 * one before, to be given back to log_call_leave. */
struct log_call *log_call_enter(struct log_call *call);
void log_call_leave(struct log_call *before);
struct log_call *log_call_current(void);

#endif
