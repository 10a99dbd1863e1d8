/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line of the load generator. */
#ifndef NBDSRV_BENCH_OPTIONS_H
#define NBDSRV_BENCH_OPTIONS_H

#include "load.h"

enum options_result { OPTIONS_GO, OPTIONS_HELP, OPTIONS_WRONG };

/* Fills load; what is wrong is said on stderr. */
enum options_result options_parse(int argc, char **argv, struct load *load);

/* Takes an NBD URI apart, in place; NULL or what is wrong with it. */
const char *uri_parse(char *uri, struct load *load);

#endif
