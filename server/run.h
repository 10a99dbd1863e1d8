/* SPDX-License-Identifier: BSD-3-Clause */
/* --run: a command beside the server. */
#ifndef NBDSRV_RUN_H
#define NBDSRV_RUN_H

struct listeners;
struct options;
struct server;

/* First: stdin and stdout are the command's, the server and its layers have /dev/null
 * from here on.  0 or an errno value, logged. */
int run_keep_files(void);
/* Starts the command and a thread that waits for it and then ends the server. */
int run_start(struct server *server, const struct options *options,
              const struct listeners *listeners);
/* After the server ended: the exit status to pass on, 128 + the signal if one killed
 * the command.  Kills it if it still runs. */
int run_finish(void);

/* text in quotes for the shell; malloc'ed. */
char *run_quote(const char *text);

#endif
