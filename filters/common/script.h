/* SPDX-License-Identifier: BSD-3-Clause */
/* Shell scripts that filters are told to run: log, exportname, exitwhen. */
#ifndef NBDSRV_FILTER_SCRIPT_H
#define NBDSRV_FILTER_SCRIPT_H

#include <stddef.h>

/* Runs sh -c script and waits for it.  vars: "name=value" strings added to its
 * environment, NULL at the end.  output: what it prints, cut to size and ended with
 * a 0, or NULL for the server's stdout.  *status: its exit status, or 128 plus the
 * signal that ended it.  0 or an errno value: it could not be run. */
int script_run(const char *script, char *const vars[], char *output, size_t size,
               int *status);

#endif
