/* SPDX-License-Identifier: BSD-3-Clause */
/* Negotiation: ends with an opened export or with the end of the connection. */
#ifndef NBDSRV_HANDSHAKE_H
#define NBDSRV_HANDSHAKE_H

#include <stdbool.h>
#include <stdint.h>

struct connection;

/* 0: conn->agreed, conn->export and conn->top are set, transmission begins.  Else an
 * errno value: the connection ends; what is worth a line has been logged. */
int handshake(struct connection *conn);

/* Receives len bytes within the time that the whole handshake has. */
int handshake_recv(struct connection *conn, void *buf, uint32_t len);

/* Opens the export of that name, or keeps it open if it is this one already.
 * 0 or an errno value; conn's log_call has the sentence for the client. */
int connection_open_export(struct connection *conn, const char *name);
void connection_close_export(struct connection *conn);

/* What describe () said, as the flags of the protocol. */
uint16_t handshake_transmission_flags(const struct connection *conn);

#endif
