/* SPDX-License-Identifier: BSD-3-Clause */
/* The process: background, pid file, user, service manager, signals. */
#ifndef NBDSRV_DAEMON_H
#define NBDSRV_DAEMON_H

#include <stdbool.h>

struct options;
struct server;

/* First of all: sockets must not get the numbers of stdin, stdout and stderr where
 * those are closed, and nobody who stops reading ends this process (SIGPIPE). */
void daemon_begin(void);

/* stdin and stdout are those of the client (-s) or of the command (--run) alone, under
 * other numbers; the server, its layers and their programs have /dev/null from here on.
 * 0 or an errno value, logged. */
int daemon_take_stdio(const char *option, int fds[2]);
int daemon_drop_stdio(void); /* nobody has use for them */

/* Called in this order; each 0 or an errno value after one line. */
int daemon_tie_to_parent(const struct options *options); /* --exit-with-parent */
/* The parent returns from this only to exit: *parent is true in it, after the child
 * has said that it is ready (or died: then with an errno value). */
int daemon_fork(bool *parent);
int daemon_lock_memory(const struct options *options); /* --swap; forking undoes it */
int daemon_write_pidfile(const struct options *options);
void daemon_remove_pidfile(const struct options *options);
int daemon_drop_privileges(const struct options *options);
/* Tells the parent of daemon_fork and the service manager that clients may come.  In
 * the background stderr goes then, unless keep_stderr. */
void daemon_is_ready(bool keep_stderr);
void daemon_is_stopping(void);

/* Signals wait from here on, so that none ends the process before what it has put into
 * the file system can be removed. */
void daemon_hold_signals(void);
/* SIGTERM, SIGINT, SIGQUIT end the server, SIGHUP has it read credentials again (and
 * ends it where a terminal is closed).  Those that waited come now. */
void daemon_handle_signals(void);

#endif
