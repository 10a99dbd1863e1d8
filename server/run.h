/* SPDX-License-Identifier: BSD-3-Clause */
/* --run: a command beside the server. */
#ifndef NBDSRV_RUN_H
#define NBDSRV_RUN_H

struct listeners;
struct options;
struct server;

/* Starts the command and a thread that waits for it and then ends the server. */
int run_start(struct server *server, const struct options *options,
              const struct listeners *listeners);
/* After the server ended: the exit status to pass on, 128 + the signal if one killed
 * the command.  Kills it if it still runs. */
int run_finish(void);

/* text in quotes for the shell; malloc'ed. */
char *run_quote(const char *text);

#endif
