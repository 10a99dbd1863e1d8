/* SPDX-License-Identifier: BSD-3-Clause */
/* Whether what a server said could be understood by a client. */
#ifndef NBDSRV_FUZZ_JUDGE_H
#define NBDSRV_FUZZ_JUDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct connection;

/* Each aborts, after a line, where the answers break the protocol.  began: the
 * handshake ended with transmission. */
void judge_handshake(const uint8_t *data, size_t len, bool began);
/* For structured replies and extended headers: simple replies to reads cannot be told
 * from data without the requests. */
void judge_transmission(const uint8_t *data, size_t len, const struct connection *conn);

#endif
