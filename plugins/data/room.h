/* SPDX-License-Identifier: BSD-3-Clause */
/* How much memory may be used. */
#ifndef NBDSRV_DATA_ROOM_H
#define NBDSRV_DATA_ROOM_H

#include <stdint.h>

/* Most of what the machine has free, in bytes. */
uint64_t room_now(void);

#endif
