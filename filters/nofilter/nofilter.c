/* SPDX-License-Identifier: BSD-3-Clause */
/* The nofilter filter: changes nothing.
 * No operation passes through it.
 */
#include <nbdsrv-filter.h>

static struct nbdsrv_plugin filter = {
    .name = "nofilter",
    .summary = "changes nothing",
    .thread_model = NBDSRV_THREADS_PARALLEL,
};

NBDSRV_FILTER(filter)
