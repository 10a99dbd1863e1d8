/* SPDX-License-Identifier: BSD-3-Clause */
/* NBD URIs: nbd://host:port/export, nbd+unix:///export?socket=path, both also with
 * nbds for TLS.  Gets the text, which it takes apart in place, fills struct load.
 */
#include "config.h"

#include <ctype.h>
#include <string.h>

#include "options.h"

static int
hex(char c)
{
  return isdigit((unsigned char)c)    ? c - '0'
         : isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10
                                      : -1;
}

static const char *
decode(char *text)
{
  char *to = text;

  for (const char *p = text; *p; p++) {
    if (*p == '%' && hex(p[1]) >= 0 && hex(p[2]) >= 0) {
      *to++ = (char)(hex(p[1]) * 16 + hex(p[2]));
      p += 2;
    } else
      *to++ = *p;
  }
  *to = '\0';
  return text;
}

/* What stands between ? and the end. */
static const char *
parse_query(char *query, struct load *load)
{
  char *next;

  for (; query; query = next) {
    next = strpbrk(query, "&;");
    if (next)
      *next++ = '\0';
    if (strncmp(query, "socket=", 7) == 0)
      load->unixsocket = decode(query + 7);
    else if (strncmp(query, "tls-psk-file=", 13) == 0)
      load->psk_file = decode(query + 13);
    else
      return "a parameter that is neither socket nor tls-psk-file";
  }
  return NULL;
}

/* user@host:port, where everything but the host may be missing. */
static const char *
parse_authority(char *authority, struct load *load)
{
  char *at = strrchr(authority, '@'), *host = at ? at + 1 : authority, *colon;

  if (at) {
    *at = '\0';
    load->psk_user = decode(authority);
  }
  if (host[0] == '[') {
    char *end = strchr(++host, ']');
    if (!end)
      return "[ without ]";
    *end = '\0';
    colon = strchr(end + 1, ':');
  } else
    colon = strchr(host, ':');
  if (colon)
    *colon = '\0';
  load->host = decode(host);
  load->port = colon ? colon + 1 : "10809";
  return NULL;
}

const char *
uri_parse(char *uri, struct load *load)
{
  char *rest = strstr(uri, "://"), *query, *path;
  const char *why;
  bool unixsocket;

  if (!rest)
    return "no ://";
  *rest = '\0';
  rest += 3;
  load->tls |= strncmp(uri, "nbds", 4) == 0;
  unixsocket = strcmp(uri, "nbd+unix") == 0 || strcmp(uri, "nbds+unix") == 0;
  if (!unixsocket && strcmp(uri, "nbd") != 0 && strcmp(uri, "nbds") != 0)
    return "a scheme that is not nbd, nbds, nbd+unix or nbds+unix";
  query = strchr(rest, '?');
  if (query)
    *query++ = '\0';
  path = strchr(rest, '/');
  if (path) {
    *path++ = '\0';
    load->export_name = decode(path);
  }
  why = parse_query(query, load);
  if (!why)
    why = parse_authority(rest, load);
  if (why)
    return why;
  if (unixsocket) {
    load->host = NULL;
    return load->unixsocket ? NULL : "no socket=";
  }
  return load->host[0] == '\0' ? "no host"
         : load->unixsocket    ? "a socket= without +unix"
                               : NULL;
}
