/* SPDX-License-Identifier: BSD-3-Clause */
/* What a well-behaved client would say before a fuzz target's input takes over. */
#ifndef NBDSRV_FUZZ_START_H
#define NBDSRV_FUZZ_START_H

#include <stddef.h>
#include <stdint.h>

/* The input, behind its first byte, with the start that this byte names in front;
 * malloc'ed, *size is its length.  NULL for inputs that are too short. */
uint8_t *start_input(const uint8_t *data, size_t *size);

#endif
