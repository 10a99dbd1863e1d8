/* SPDX-License-Identifier: BSD-3-Clause */
/* Negotiation: ends with an opened export or with the end of the connection. */
#ifndef NBDSRV_HANDSHAKE_H
#define NBDSRV_HANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct connection;
struct nbdsrv_exports;

/* 0: conn->agreed, conn->export and conn->top are set, transmission begins.  Else an
 * errno value: the connection ends; what is worth a line has been logged. */
int handshake(struct connection *conn);

/* Receive and send all of it within the time that the whole handshake has: 0 or an
 * errno value.  data may be NULL for no len.  more: what follows comes at once. */
int handshake_recv(struct connection *conn, void *buf, uint32_t len);
int handshake_send(struct connection *conn, const void *head, size_t head_len,
                   const void *data, size_t len, bool more);

/* Whether the layers want this client, before anything is said to it. */
int connection_admit(struct connection *conn);
/* Tells the layers that a client that they admitted is gone; its export is closed. */
void connection_leave(struct connection *conn);

/* Opens the export of that name, or keeps it open if it is this one already.
 * 0 or an errno value; conn's log_call has the sentence for the client. */
int connection_open_export(struct connection *conn, const char *name);
void connection_close_export(struct connection *conn);

/* Adds the names that the server lists for this client.  As connection_open_export. */
int connection_list_exports(struct connection *conn, struct nbdsrv_exports *exports);

/* Whether agreed.contexts are for the export that is open. */
bool connection_has_contexts(const struct connection *conn);

/* What describe () said and the client agreed to, as the flags of the protocol. */
uint16_t handshake_transmission_flags(const struct connection *conn);

#endif
