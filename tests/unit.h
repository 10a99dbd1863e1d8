/* SPDX-License-Identifier: BSD-3-Clause */
/* What unit tests of plugins' and filters' own parts share. */
#ifndef NBDSRV_UNIT_H
#define NBDSRV_UNIT_H

#include <check.h>

/* The last sentence that went to nbdsrv_error (); empty at the start. */
extern char unit_error[512];

/* Runs one suite with one case of these tests; the program's exit status. */
int unit_main(const char *name, const TTest *const *tests, unsigned count);

#endif
