/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses as text.
 * Gets the address of a client's socket, which may be none.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <linux/vm_sockets.h>

#include "address.h"

int
address_text(const struct sockaddr *address, socklen_t len, char *text)
{
  char host[INET6_ADDRSTRLEN];
  struct sockaddr_in v4;
  struct sockaddr_in6 v6;
  struct sockaddr_vm vm;

  if (!address || len < sizeof address->sa_family)
    return EINVAL;
  if (address->sa_family == AF_UNIX)
    snprintf(text, ADDRESS_ROOM, "unix");
  else if (address->sa_family == AF_INET && len >= sizeof v4) {
    memcpy(&v4, address, sizeof v4);
    inet_ntop(AF_INET, &v4.sin_addr, host, sizeof host);
    snprintf(text, ADDRESS_ROOM, "%s:%u", host, ntohs(v4.sin_port));
  } else if (address->sa_family == AF_INET6 && len >= sizeof v6) {
    memcpy(&v6, address, sizeof v6);
    inet_ntop(AF_INET6, &v6.sin6_addr, host, sizeof host);
    snprintf(text, ADDRESS_ROOM, "[%s]:%u", host, ntohs(v6.sin6_port));
  } else if (address->sa_family == AF_VSOCK && len >= sizeof vm) {
    memcpy(&vm, address, sizeof vm);
    snprintf(text, ADDRESS_ROOM, "vsock:%u:%u", vm.svm_cid, vm.svm_port);
  } else
    return EINVAL;
  return 0;
}
