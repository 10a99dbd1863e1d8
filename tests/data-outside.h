/* SPDX-License-Identifier: BSD-3-Clause */
/* A world outside data expressions, made up for tests. */
#ifndef NBDSRV_DATA_OUTSIDE_STUB_H
#define NBDSRV_DATA_OUTSIDE_STUB_H

#include "plugins/data/outside.h"

/* How often a stream had to be read. */
extern unsigned outside_reads;

#endif
