/* SPDX-License-Identifier: BSD-3-Clause */
/* Help, versions and lists of options, from the table of options and the tables of
 * parameters.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "help.h"
#include "layer.h"
#include "loader.h"
#include "log.h"
#include "options.h"
#include "parse.h"

const struct option_row help_options[] = {
    {"access", 0, "FILE", false, OPTION_ACCESS,
     "rules about who may do what with which export"},
    {"check-access", 0, "WORDS", false, OPTION_CHECK_ACCESS,
     "print what those rules say of 'user=alice export=vm1', and exit"},
    {"dump-config", 0, NULL, false, OPTION_DUMP_CONFIG,
     "print directories and features, and exit"},
    {"dump-plugin", 0, NULL, false, OPTION_DUMP_PLUGIN,
     "print what the plugin can do, and exit"},
    {"debug", 'D', "LAYER.FLAG=N", false, 'D',
     "set a debug switch of a plugin or filter"},
    {"exit-with-parent", 0, NULL, false, OPTION_EXIT_WITH_PARENT,
     "end when the process that started the server ends"},
    {"exportname", 'e', "NAME", false, 'e', "name of the export in URIs, for --run"},
    {"export-name", 0, "NAME", false, 'e', NULL},
    {"export", 0, "NAME", false, 'e', NULL},
    {"filter", 0, "FILTER", false, OPTION_FILTER,
     "put a filter on top of the plugin; again for more, the first is outermost"},
    {"foreground", 'f', NULL, false, 'f', "do not go into the background"},
    {"no-fork", 0, NULL, false, 'f', NULL},
    {"group", 'g', "GROUP", false, 'g', "change to this group once listening"},
    {"help", 0, NULL, false, OPTION_HELP,
     "print this help, or that of a plugin, and exit"},
    {"ip-addr", 'i', "ADDRESS", false, 'i', "listen on this address, not on all"},
    {"ipaddr", 0, "ADDRESS", false, 'i', NULL},
    {"ipv4-only", '4', NULL, false, '4', "listen on IPv4 only"},
    {"ipv6-only", '6', NULL, false, '6', "listen on IPv6 only"},
    {"keepalive", 0, NULL, false, OPTION_KEEPALIVE, "have TCP notice dead clients"},
    {"keep-alive", 0, NULL, false, OPTION_KEEPALIVE, NULL},
    {"log", 0, "TARGET", false, OPTION_LOG,
     "where errors go: stderr, syslog, null, /path or default"},
    {"long-options", 0, NULL, false, OPTION_LONG_OPTIONS,
     "list the long options, and exit"},
    {"mask-handshake", 0, "MASK", false, OPTION_MASK_HANDSHAKE,
     "offer only these handshake flags, to test clients"},
    {"name", 0, "NAME", false, OPTION_NAME, "a name for this server in messages"},
    {"newstyle", 'n', NULL, false, 'n', "newstyle handshake, as always"},
    {"new-style", 0, NULL, false, 'n', NULL},
    {"no-mc", 0, NULL, false, OPTION_NO_MC,
     "refuse metadata contexts, to test clients"},
    {"no-meta-contexts", 0, NULL, false, OPTION_NO_MC, NULL},
    {"no-sr", 0, NULL, false, OPTION_NO_SR,
     "refuse structured replies, to test clients"},
    {"no-structured-replies", 0, NULL, false, OPTION_NO_SR, NULL},
    {"oldstyle", 'o', NULL, false, 'o', "oldstyle handshake, for very old clients"},
    {"old-style", 0, NULL, false, 'o', NULL},
    {"pidfile", 'P', "FILE", false, 'P', "write the process's number once it serves"},
    {"pid-file", 0, "FILE", false, 'P', NULL},
    {"port", 'p', "PORT", false, 'p', "listen on this TCP port instead of 10809"},
    {"print-uri", 0, NULL, false, OPTION_PRINT_URI, "print the URI for clients"},
    {"readonly", 'r', NULL, false, 'r', "serve read-only"},
    {"read-only", 0, NULL, false, 'r', NULL},
    {"run", 0, "COMMAND", false, OPTION_RUN,
     "run a shell command with $uri set, and end with it"},
    {"selinux-label", 0, "LABEL", false, OPTION_SELINUX_LABEL,
     "label the socket, where SELinux is in force"},
    {"short-options", 0, NULL, false, OPTION_SHORT_OPTIONS,
     "list the short options, and exit"},
    {"single", 's', NULL, false, 's', "serve one client on stdin and stdout"},
    {"stdin", 0, NULL, false, 's', NULL},
    {"swap", 0, NULL, false, OPTION_SWAP,
     "lock memory: a local client swaps onto this server"},
    {"threads", 't', "N", false, 't',
     "requests of a client that may block at once (16)"},
    {"timeout", 0, "TIME", false, OPTION_TIMEOUT,
     "drop clients that take longer over the handshake"},
    {"tls", 0, "MODE", false, OPTION_TLS, "TLS: off, on or require"},
    {"tls-certificates", 0, "DIRECTORY", false, OPTION_TLS_CERTIFICATES,
     "where certificates and keys lie"},
    {"tls-priority", 0, "STRING", false, OPTION_TLS_PRIORITY, "GnuTLS priority string"},
    {"tls-psk", 0, "FILE", false, OPTION_TLS_PSK, "pre-shared keys"},
    {"tls-verify-peer", 0, NULL, false, OPTION_TLS_VERIFY_PEER,
     "ask clients for certificates and check them"},
    {"unix", 'U', "SOCKET", false, 'U',
     "listen on a Unix socket; - makes a private one, for --run"},
    {"user", 'u', "USER", false, 'u', "change to this user once listening"},
    {"verbose", 'v', NULL, false, 'v', "log what happens"},
    {"version", 'V', NULL, false, 'V', "print versions, and exit"},
    {"vsock", 0, NULL, false, OPTION_VSOCK, "listen on AF_VSOCK, for virtual machines"},
    {NULL, 0, NULL, false, 0, NULL},
};

static void
print_row(FILE *out, const struct option_row *row)
{
  char left[64];
  int n = row->letter ? snprintf(left, sizeof left, "-%c, ", row->letter)
                      : snprintf(left, sizeof left, "    ");

  snprintf(left + n, sizeof left - (size_t)n, "--%s%s%s", row->name,
           row->argument ? "=" : "", row->argument ? row->argument : "");
  if (strlen(left) > 26)
    fprintf(out, "  %s\n  %-26s  %s\n", left, "", row->help);
  else
    fprintf(out, "  %-26s  %s\n", left, row->help);
}

void
help_usage(FILE *out, const char *program)
{
  fprintf(out,
          "Usage: %s [OPTION...] PLUGIN [KEY=VALUE...]\n"
          "       %s [OPTION...] DISK-IMAGE\n"
          "Serves what PLUGIN provides as a network block device.\n\n",
          program, program);
  for (const struct option_row *row = help_options; row->name; row++)
    if (row->help)
      print_row(out, row);
  fprintf(out,
          "\nPlugins are in %s.\n"
          "'%s PLUGIN --help' shows the parameters of a plugin, nbdsrv(1) explains all "
          "of this.\n",
          loader_plugin_dir(), program);
}

static const char *
value_name(const struct nbdsrv_param *p)
{
  static const char *const names[] = {
      [NBDSRV_STRING] = "TEXT",     [NBDSRV_PATH] = "FILE",  [NBDSRV_BOOL] = "BOOL",
      [NBDSRV_SIZE] = "SIZE",       [NBDSRV_UINT64] = "N",   [NBDSRV_INT64] = "N",
      [NBDSRV_UINT32] = "N",        [NBDSRV_INT32] = "N",    [NBDSRV_DURATION] = "TIME",
      [NBDSRV_FRACTION] = "CHANCE", [NBDSRV_FREE] = "VALUE",
  };

  if (p->value_name)
    return p->value_name;
  if (p->type == NBDSRV_ENUM)
    return p->choices;
  return p->type < sizeof names / sizeof names[0] && names[p->type] ? names[p->type]
                                                                    : "VALUE";
}

static void
print_params(FILE *out, const struct layer *layer)
{
  for (const struct nbdsrv_param *p = layer->ops->params; p && p->name; p++) {
    char left[128];

    if ((p->flags & NBDSRV_HIDDEN) || strcmp(p->name, "*") == 0)
      continue;
    snprintf(left, sizeof left, "%s%s=%s%s", p->flags & NBDSRV_MAGIC ? "[" : "",
             p->name, p->flags & NBDSRV_MAGIC ? "]" : "", value_name(p));
    fprintf(out, "  %-26s  %s", left, p->help ? p->help : "");
    if (p->flags & NBDSRV_REQUIRED)
      fprintf(out, " (required)");
    if (p->flags & NBDSRV_REPEAT)
      fprintf(out, " (may be repeated)");
    if (p->fallback)
      fprintf(out, " (default: %s)", p->fallback);
    fputc('\n', out);
  }
  if (layer->ops->help && layer->ops->help[0])
    fprintf(out, "\n%s%s", layer->ops->help,
            layer->ops->help[strlen(layer->ops->help) - 1] == '\n' ? "" : "\n");
}

void
help_layers(FILE *out, const char *program, const struct layer *top)
{
  for (const struct layer *layer = top; layer; layer = layer->below) {
    const struct nbdsrv_plugin *ops = layer->ops;

    if (layer != top)
      fputc('\n', out);
    fprintf(out, "%s %s%s%s\n", layer->below ? "filter" : "plugin", ops->name,
            ops->summary ? ": " : "", ops->summary ? ops->summary : "");
    fprintf(out, "%s\n\n", layer->module->path);
    if (!ops->params || !ops->params->name)
      fprintf(out, "It takes no parameters.\n");
    else if (layer->below)
      fprintf(out, "Usage: %s --filter=%s PLUGIN [KEY=VALUE...]\n\n", program,
              ops->name);
    else
      fprintf(out, "Usage: %s [OPTION...] %s [KEY=VALUE...]\n\n", program, ops->name);
    print_params(out, layer);
  }
}

void
help_long_options(FILE *out)
{
  for (const struct option_row *row = help_options; row->name; row++)
    fprintf(out, "--%s\n", row->name);
}

void
help_short_options(FILE *out)
{
  for (const struct option_row *row = help_options; row->name; row++)
    if (row->letter)
      fprintf(out, "-%c\n", row->letter);
}

/* Names that begin as word does, for an abbreviation that may mean several. */
static unsigned
count_candidates(const char *name, size_t len, char *list, size_t size)
{
  unsigned count = 0;
  size_t used = 0;

  for (const struct option_row *row = help_options; row->name; row++)
    if (strncmp(row->name, name, len) == 0 && used < size) {
      int n = snprintf(list + used, size - used, "%s--%s", used ? ", " : "", row->name);
      used += (size_t)n;
      count++;
    }
  return count;
}

static const struct option_row *
find_option(const char *name, size_t len)
{
  for (const struct option_row *row = help_options; row->name; row++)
    if (strncmp(row->name, name, len) == 0 && row->name[len] == '\0')
      return row;
  return NULL;
}

static void
refuse_long_option(const char *word)
{
  const char *name = word + 2, *names[128], *nearest;
  size_t len = strcspn(name, "="), n = 0;
  const struct option_row *row = find_option(name, len);
  char list[512] = "", *bare = strndup(name, len);

  if (row && row->argument)
    log_error("option --%s needs an argument: %s", row->name, row->argument);
  else if (row)
    log_error("option --%s takes no argument", row->name);
  else if (len > 0 && count_candidates(name, len, list, sizeof list) > 1)
    log_error("option --%.*s may be any of %s", (int)len, name, list);
  else {
    for (row = help_options; row->name && n < 128; row++)
      names[n++] = row->name;
    nearest = bare ? parse_nearest(bare, names, n) : NULL;
    if (nearest)
      log_error("unknown option --%.*s: did you mean --%s?", (int)len, name, nearest);
    else
      log_error("unknown option --%.*s: see --help", (int)len, name);
  }
  free(bare);
}

int
help_refuse_option(const char *word, int letter)
{
  const struct option_row *row = help_options;

  if (strncmp(word, "--", 2) == 0) {
    refuse_long_option(word);
    return EINVAL;
  }
  while (row->name && row->letter != letter)
    row++;
  if (row->name)
    log_error("option -%c needs an argument: %s", letter, row->argument);
  else
    log_error("unknown option -%c: see --help", letter);
  return EINVAL;
}

/* Scripts of nbdkit's compare versions: this is the surface that is matched. */
#define NBDKIT_VERSION "1.42.0"

const char *
help_program_version(const struct options *options)
{
  return strcmp(options->program, "nbdkit") == 0 ? NBDKIT_VERSION : PACKAGE_VERSION;
}

void
help_version(FILE *out, const struct options *options, const struct layer *top)
{
  fprintf(out, "%s %s\n", options->program, help_program_version(options));
  for (const struct layer *layer = top; layer; layer = layer->below)
    fprintf(out, "%s %s\n", layer->ops->name,
            layer->ops->version ? layer->ops->version : help_program_version(options));
}
