/* SPDX-License-Identifier: BSD-3-Clause */
/* One clear line for an object that crashes while it is loaded. */
#ifndef NBDSRV_CRASH_H
#define NBDSRV_CRASH_H

/* Between these two a fatal signal ends the process with a line that names path.  Not
 * nested, one thread. */
void crash_guard(const char *path);
void crash_unguard(void);

#endif
