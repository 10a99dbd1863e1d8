/* SPDX-License-Identifier: BSD-3-Clause */
/* The one connection of memory-transport.c. */
#ifndef NBDSRV_FUZZ_MEMORY_TRANSPORT_H
#define NBDSRV_FUZZ_MEMORY_TRANSPORT_H

#include <stddef.h>
#include <stdint.h>

/* What the client sends, in pieces of at most that many bytes; then it is gone. */
void memory_transport_begin(const uint8_t *data, size_t size, size_t piece);
/* What the server has sent so far. */
size_t memory_transport_sent(const uint8_t **data);

#endif
