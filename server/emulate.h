/* SPDX-License-Identifier: BSD-3-Clause */
/* What stands in for an ability that a layer lacks. */
#ifndef NBDSRV_EMULATE_H
#define NBDSRV_EMULATE_H

#include <stdint.h>

struct nbdsrv_extents;
struct nbdsrv_next;

/* Does the operation by means of others that the handle's layer has; as
 * layer_perform without nowait. */
int emulate(struct nbdsrv_next *at, unsigned command, uint32_t flags, uint64_t len,
            uint64_t off, void *buf, struct nbdsrv_extents *extents);

#endif
