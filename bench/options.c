/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line of the load generator: gets argv, hands on a checked struct load. */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../server/protocol.h"
#include "options.h"

static const struct {
  const char *name;
  unsigned command, read_percent;
} operations[] = {
    {"read", NBD_CMD_READ, 100},         {"write", NBD_CMD_WRITE, 0},
    {"mixed", NBD_CMD_READ, 70},         {"zero", NBD_CMD_WRITE_ZEROES, 0},
    {"trim", NBD_CMD_TRIM, 0},           {"flush", NBD_CMD_FLUSH, 0},
    {"status", NBD_CMD_BLOCK_STATUS, 0}, {"cache", NBD_CMD_CACHE, 0},
};

static const char usage[] =
    "Usage: load [OPTION...] URI\n"
    "       load [OPTION...] --unix SOCKET | --tcp HOST:PORT\n"
    "Where:\n"
    "  --export NAME      the export (the default one)\n"
    "  --tls              TLS; certificates are not verified\n"
    "  --tls-psk FILE     TLS with a key from FILE (lines of user:key)\n"
    "  --pid PID          process of the server, to measure its CPU time\n"
    "What:\n"
    "  --op OP            read, write, mixed, zero, trim, flush, status, cache (read)\n"
    "  --read-percent N   of mixed (70)\n"
    "  --block BYTES      length of each request (4096)\n"
    "  --sequential       instead of random offsets\n"
    "  --range BYTES      touch only the beginning of the disk\n"
    "  --form FORM        of replies: simple, structured (default) or extended\n"
    "  --fill             write all of the range first, not measured\n"
    "  --verify           check every byte read against the pattern that is written\n"
    "How much:\n"
    "  --depth N          requests in flight on each connection (32)\n"
    "  --connections N    each has a thread of its own (4)\n"
    "  --seconds S        how long (1), after --warmup S (0.1)\n"
    "  --requests N       of each connection, instead of --seconds\n"
    "  --idle N           only open N connections and print what each costs\n"
    "  --json             one line of JSON\n";

enum {
  OPT_BLOCK = 256,
  OPT_CONNECTIONS,
  OPT_DEPTH,
  OPT_EXPORT,
  OPT_FILL,
  OPT_FORM,
  OPT_HELP,
  OPT_IDLE,
  OPT_JSON,
  OPT_OP,
  OPT_PID,
  OPT_RANGE,
  OPT_READ_PERCENT,
  OPT_REQUESTS,
  OPT_SECONDS,
  OPT_SEQUENTIAL,
  OPT_TCP,
  OPT_TLS,
  OPT_TLS_PSK,
  OPT_UNIX,
  OPT_VERIFY,
  OPT_WARMUP,
};

static const struct option options[] = {
    {"block", required_argument, NULL, OPT_BLOCK},
    {"connections", required_argument, NULL, OPT_CONNECTIONS},
    {"depth", required_argument, NULL, OPT_DEPTH},
    {"export", required_argument, NULL, OPT_EXPORT},
    {"fill", no_argument, NULL, OPT_FILL},
    {"form", required_argument, NULL, OPT_FORM},
    {"help", no_argument, NULL, OPT_HELP},
    {"idle", required_argument, NULL, OPT_IDLE},
    {"json", no_argument, NULL, OPT_JSON},
    {"op", required_argument, NULL, OPT_OP},
    {"pid", required_argument, NULL, OPT_PID},
    {"range", required_argument, NULL, OPT_RANGE},
    {"read-percent", required_argument, NULL, OPT_READ_PERCENT},
    {"requests", required_argument, NULL, OPT_REQUESTS},
    {"seconds", required_argument, NULL, OPT_SECONDS},
    {"sequential", no_argument, NULL, OPT_SEQUENTIAL},
    {"tcp", required_argument, NULL, OPT_TCP},
    {"tls", no_argument, NULL, OPT_TLS},
    {"tls-psk", required_argument, NULL, OPT_TLS_PSK},
    {"unix", required_argument, NULL, OPT_UNIX},
    {"verify", no_argument, NULL, OPT_VERIFY},
    {"warmup", required_argument, NULL, OPT_WARMUP},
    {0},
};

static bool
number(const char *text, uint64_t least, uint64_t most, uint64_t *v)
{
  char *end;

  errno = 0;
  *v = strtoull(text, &end, 0);
  return errno == 0 && end != text && *end == '\0' && text[0] != '-' && *v >= least &&
         *v <= most;
}

static bool
small_number(const char *text, unsigned least, unsigned most, unsigned *v)
{
  uint64_t n = 0;
  bool ok = number(text, least, most, &n);

  *v = (unsigned)n;
  return ok;
}

static bool
seconds(const char *text, double *v)
{
  char *end;

  *v = strtod(text, &end);
  return end != text && *end == '\0' && *v >= 0 && *v <= 1e6;
}

static bool
operation(const char *name, struct load *load)
{
  for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++)
    if (strcmp(operations[i].name, name) == 0) {
      load->command = operations[i].command;
      load->read_percent = operations[i].read_percent;
      return true;
    }
  return false;
}

static bool
form(const char *name, struct load *load)
{
  static const char *const forms[] = {"simple", "structured", "extended"};

  for (unsigned i = 0; i < 3; i++)
    if (strcmp(forms[i], name) == 0) {
      load->form = (enum form)i;
      return true;
    }
  return false;
}

static bool
address(char *text, struct load *load)
{
  char *colon = strrchr(text, ':');

  if (!colon)
    return false;
  *colon = '\0';
  load->host = text;
  load->port = colon + 1;
  return true;
}

static bool
take(int id, char *text, struct load *load)
{
  uint64_t n = 0;
  bool ok = true;

  switch (id) {
  case OPT_BLOCK:
    ok = number(text, 1, UINT32_MAX, &n);
    load->block = (uint32_t)n;
    return ok;
  case OPT_CONNECTIONS:
    return small_number(text, 1, 100000, &load->connections);
  case OPT_DEPTH:
    return small_number(text, 1, 65536, &load->depth);
  case OPT_EXPORT:
    load->export_name = text;
    return true;
  case OPT_FILL:
    load->fill = true;
    return true;
  case OPT_FORM:
    return form(text, load);
  case OPT_IDLE:
    return small_number(text, 1, 100000, &load->idle);
  case OPT_JSON:
    load->json = true;
    return true;
  case OPT_OP:
    return operation(text, load);
  case OPT_PID:
    ok = number(text, 1, INT32_MAX, &n);
    load->pid = (pid_t)n;
    return ok;
  case OPT_RANGE:
    return number(text, 1, UINT64_MAX, &load->range);
  case OPT_READ_PERCENT:
    return small_number(text, 0, 100, &load->read_percent);
  case OPT_REQUESTS:
    return number(text, 1, UINT64_MAX, &load->requests);
  case OPT_SECONDS:
    return seconds(text, &load->seconds);
  case OPT_SEQUENTIAL:
    load->sequential = true;
    return true;
  case OPT_TCP:
    return address(text, load);
  case OPT_TLS_PSK:
    load->psk_file = text;
    load->tls = true;
    return true;
  case OPT_TLS:
    load->tls = true;
    return true;
  case OPT_UNIX:
    load->unixsocket = text;
    return true;
  case OPT_VERIFY:
    load->verify = true;
    return true;
  case OPT_WARMUP:
    return seconds(text, &load->warmup);
  }
  return false;
}

static enum options_result
wrong(const char *what, const char *which)
{
  fprintf(stderr, "load: %s%s\nTry load --help.\n", what, which);
  return OPTIONS_WRONG;
}

enum options_result
options_parse(int argc, char **argv, struct load *load)
{
  int id, index = 0;

  *load = (struct load){.export_name = "",
                        .form = FORM_STRUCTURED,
                        .command = NBD_CMD_READ,
                        .read_percent = 100,
                        .block = 4096,
                        .depth = 32,
                        .connections = 4,
                        .warmup = 0.1,
                        .seconds = 1};
  while ((id = getopt_long(argc, argv, "", options, &index)) != -1) {
    if (id == OPT_HELP) {
      fputs(usage, stdout);
      return OPTIONS_HELP;
    }
    if (id == '?')
      return wrong("unknown or incomplete option", "");
    if (!take(id, optarg, load))
      return wrong("wrong value of --", options[index].name);
  }
  if (optind < argc) {
    const char *why = uri_parse(argv[optind++], load);
    if (why)
      return wrong("wrong URI: ", why);
  }
  if (optind < argc)
    return wrong("unexpected argument ", argv[optind]);
  if (!load->unixsocket == !load->host)
    return wrong("one URI, --unix or --tcp is needed", "");
  return OPTIONS_GO;
}
