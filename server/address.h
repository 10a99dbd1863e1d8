/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses of clients, and ranges of them, for rules about who may do what.  Compiled
 * into the ip filter too: it depends on nothing of the server.
 */
#ifndef NBDSRV_ADDRESS_H
#define NBDSRV_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum address_kind {
  ADDRESS_NONE, /* a client without one: on stdin */
  ADDRESS_IPV4,
  ADDRESS_IPV6,
  ADDRESS_UNIX,
  ADDRESS_VSOCK,
};

struct address_range {
  enum address_kind kind;
  unsigned prefix;   /* of bytes, in bits; 0: any address of that kind */
  uint8_t bytes[16]; /* IPv4 and IPv6 */
  bool any_cid;
  uint32_t cid; /* vsock */
};

/* "unix", "none", "ipv4", "ipv6", "vsock", "vsock:3", 192.0.2.1, 192.0.2.0/24,
 * 2001:db8::/32.  False: it is none of these; *why is a static text.  strict: no bits
 * may be set behind the prefix. */
bool address_parse(const char *text, bool strict, struct address_range *range,
                   const char **why);

/* The range that holds this peer alone; NULL or length 0: ADDRESS_NONE.  False: it has
 * a kind of address that no range knows. */
bool address_of_peer(const struct sockaddr *peer, socklen_t len,
                     struct address_range *address);

/* Whether a range holds all of another one. */
bool address_contains(const struct address_range *range,
                      const struct address_range *address);

#endif
