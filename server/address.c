/* SPDX-License-Identifier: BSD-3-Clause */
/* Addresses of clients, and ranges of them.
 * Gets words of rules and addresses of sockets; tells whether one holds the other.
 * IPv4 addresses inside IPv6 ones count as IPv4, wherever they stand.
 */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <linux/vm_sockets.h>

#include "address.h"

#define MAPPED_BITS 96 /* of ::ffff:0.0.0.0/96 */

static const uint8_t mapped_prefix[12] = {[10] = 0xff, [11] = 0xff};

static bool
parse_number(const char *text, uint64_t most, uint64_t *value)
{
  char *end;

  if (text[0] < '0' || text[0] > '9')
    return false;
  errno = 0;
  *value = strtoull(text, &end, 10);
  return errno == 0 && *end == '\0' && *value <= most;
}

/* An IPv4 address in its IPv6 form becomes one of IPv4. */
static void
unmap(struct address_range *range)
{
  if (range->kind != ADDRESS_IPV6 || range->prefix < MAPPED_BITS ||
      memcmp(range->bytes, mapped_prefix, sizeof mapped_prefix) != 0)
    return;
  range->kind = ADDRESS_IPV4;
  range->prefix -= MAPPED_BITS;
  memmove(range->bytes, range->bytes + 12, 4);
  memset(range->bytes + 4, 0, 12);
}

/* Clears the bits behind the prefix; whether any was set. */
static bool
clear_host_bits(struct address_range *range)
{
  bool was_set = false;

  for (unsigned bit = range->prefix; bit < 8 * sizeof range->bytes; bit++) {
    uint8_t mask = (uint8_t)(0x80 >> bit % 8);
    was_set = was_set || (range->bytes[bit / 8] & mask);
    range->bytes[bit / 8] &= (uint8_t)~mask;
  }
  return was_set;
}

static bool
parse_internet(const char *text, bool strict, struct address_range *range,
               const char **why)
{
  const char *slash = strchr(text, '/');
  size_t len = slash ? (size_t)(slash - text) : strlen(text);
  char address[INET6_ADDRSTRLEN];
  uint64_t prefix;

  *why = "is no address";
  if (len >= sizeof address)
    return false;
  memcpy(address, text, len);
  address[len] = '\0';
  if (inet_pton(AF_INET, address, range->bytes) == 1)
    range->kind = ADDRESS_IPV4;
  else if (inet_pton(AF_INET6, address, range->bytes) == 1)
    range->kind = ADDRESS_IPV6;
  else
    return false;
  prefix = range->kind == ADDRESS_IPV4 ? 32 : 128;
  *why = "has a length of prefix that no such address has";
  if (slash && !parse_number(slash + 1, prefix, &prefix))
    return false;
  range->prefix = (unsigned)prefix;
  *why = "has bits set behind the prefix";
  if (clear_host_bits(range) && strict)
    return false;
  unmap(range);
  return true;
}

bool
address_parse(const char *text, bool strict, struct address_range *range,
              const char **why)
{
  static const struct {
    const char *word;
    enum address_kind kind;
  } words[] = {
      {"none", ADDRESS_NONE}, {"ipv4", ADDRESS_IPV4},   {"ipv6", ADDRESS_IPV6},
      {"unix", ADDRESS_UNIX}, {"vsock", ADDRESS_VSOCK},
  };
  uint64_t cid;

  *range = (struct address_range){.any_cid = true};
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
    if (strcmp(text, words[i].word) == 0) {
      range->kind = words[i].kind;
      return true;
    }
  if (strncmp(text, "vsock:", 6) == 0) {
    *why = "has no context id (CID) that a machine could have";
    if (!parse_number(text + 6, UINT32_MAX - 1, &cid))
      return false;
    *range = (struct address_range){.kind = ADDRESS_VSOCK, .cid = (uint32_t)cid};
    return true;
  }
  return parse_internet(text, strict, range, why);
}

bool
address_of_peer(const struct sockaddr *peer, socklen_t len,
                struct address_range *address)
{
  struct sockaddr_in in;
  struct sockaddr_in6 in6;
  struct sockaddr_vm vm;

  *address = (struct address_range){0};
  if (!peer || len < sizeof peer->sa_family)
    return true;
  if (peer->sa_family == AF_UNIX)
    address->kind = ADDRESS_UNIX;
  else if (peer->sa_family == AF_INET && len >= sizeof in) {
    memcpy(&in, peer, sizeof in);
    address->kind = ADDRESS_IPV4;
    address->prefix = 32;
    memcpy(address->bytes, &in.sin_addr, 4);
  } else if (peer->sa_family == AF_INET6 && len >= sizeof in6) {
    memcpy(&in6, peer, sizeof in6);
    address->kind = ADDRESS_IPV6;
    address->prefix = 128;
    memcpy(address->bytes, &in6.sin6_addr, 16);
    unmap(address);
  } else if (peer->sa_family == AF_VSOCK && len >= sizeof vm) {
    memcpy(&vm, peer, sizeof vm);
    address->kind = ADDRESS_VSOCK;
    address->cid = vm.svm_cid;
  } else
    return false;
  return true;
}

bool
address_contains(const struct address_range *range, const struct address_range *address)
{
  unsigned whole = range->prefix / 8;
  uint8_t mask = (uint8_t)(0xff00 >> range->prefix % 8);

  if (range->kind != address->kind)
    return false;
  if (range->kind == ADDRESS_VSOCK)
    return range->any_cid || (!address->any_cid && range->cid == address->cid);
  if (address->prefix < range->prefix ||
      memcmp(range->bytes, address->bytes, whole) != 0)
    return false;
  return range->prefix % 8 == 0 ||
         ((range->bytes[whole] ^ address->bytes[whole]) & mask) == 0;
}
