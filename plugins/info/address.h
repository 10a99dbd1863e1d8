/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses as text. */
#ifndef NBDSRV_INFO_ADDRESS_H
#define NBDSRV_INFO_ADDRESS_H

#include <netinet/in.h>
#include <sys/socket.h>

#define ADDRESS_ROOM (INET6_ADDRSTRLEN + sizeof "[]:65535")

/* "127.0.0.1:1234", "[::1]:1234", "unix" (a path is no client's business),
 * "vsock:2:1234".  EINVAL: none of these. */
int address_text(const struct sockaddr *address, socklen_t len, char *text);

#endif
