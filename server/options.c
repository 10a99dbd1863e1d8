/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line to struct options.
 * Gets argc and argv from main.c; options may stand before and after the plugin's
 * name, short ones may be bundled, the spellings are nbdkit's.
 */
#include "config.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "help.h"
#include "log.h"
#include "options.h"
#include "parse.h"
#include "protocol.h"

#define MOST_THREADS    4096
#define DEFAULT_THREADS 16
#define HANDSHAKE_NS    60000000000u /* for clients that stop talking half-way */

/* getopt's forms of the table in help.c. */
static void
make_tables(struct option *longs, char *shorts)
{
  for (const struct option_row *row = help_options; row->name; row++) {
    int arg = !row->argument  ? no_argument
              : row->optional ? optional_argument
                              : required_argument;
    *longs++ = (struct option){row->name, arg, NULL, row->id};
    if (row->letter) {
      *shorts++ = row->letter;
      if (arg != no_argument)
        *shorts++ = ':';
    }
  }
  *longs = (struct option){0};
  *shorts = '\0';
}

static int
set_debug_flag(struct options *o, const char *text)
{
  const char *dot = strchr(text, '.'), *equals = strchr(text, '=');
  struct debug_flag *flags, *flag;
  int64_t value = 1;

  if (!dot || dot == text || (equals && equals < dot)) {
    log_error("-D %s: it should look like LAYER.FLAG=N", text);
    return EINVAL;
  }
  if (equals && nbdsrv_parse_int64("-D", equals + 1, INT32_MIN, INT32_MAX, &value) != 0)
    return EINVAL;
  flags = realloc(o->debug_flags, (o->debug_flag_count + 1) * sizeof *flags);
  if (!flags)
    return ENOMEM;
  o->debug_flags = flags;
  flag = &flags[o->debug_flag_count++];
  *flag = (struct debug_flag){
      .layer = strndup(text, (size_t)(dot - text)),
      .flag = equals ? strndup(dot + 1, (size_t)(equals - dot - 1)) : strdup(dot + 1),
      .value = (int)value,
  };
  return flag->layer && flag->flag ? 0 : ENOMEM;
}

static int
set_log_target(struct options *o, const char *text)
{
  static const enum log_target targets[] = {LOG_TO_STDERR, LOG_TO_SYSLOG, LOG_TO_NULL};
  int i;

  o->log_target_given = strcmp(text, "default") != 0;
  o->log_target = LOG_TO_STDERR;
  if (!o->log_target_given)
    return 0;
  if (text[0] == '/') {
    o->log_target = LOG_TO_FILE;
    o->log_file = text;
    return 0;
  }
  if (parse_enum("--log", text, "stderr|syslog|null", &i) != 0)
    return EINVAL;
  o->log_target = targets[i];
  return 0;
}

static int
set_tls_mode(struct options *o, const char *text)
{
  static const enum tls_mode modes[] = {TLS_OFF, TLS_ON, TLS_REQUIRE};
  int i;

  if (strcmp(text, "1") == 0)
    o->tls = TLS_ON;
  else if (strcmp(text, "0") == 0)
    o->tls = TLS_OFF;
  else if (parse_enum("--tls", text, "off|on|require", &i) != 0)
    return EINVAL;
  else
    o->tls = modes[i];
  return 0;
}

static int
set_number(const char *what, const char *text, uint64_t min, uint64_t max, uint64_t *v)
{
  int error = nbdsrv_parse_uint64(what, text, max, v);

  if (!error && *v < min) {
    log_error("%s: %s is less than %llu", what, text, (unsigned long long)min);
    error = EINVAL;
  }
  return error;
}

/* Absolute, so that it means the same once the server is in the background. NULL:
 * none. */
static int
set_path(const char *what, const char *text, char **path)
{
  free(*path);
  *path = NULL;
  if (text && !text[0]) {
    log_error("%s: a path is missing", what);
    return EINVAL;
  }
  if (text)
    *path = parse_absolute_path(text);
  return text && !*path ? ENOMEM : 0;
}

/* Options that say what is served and how. */
static int
set_serving(struct options *o, int id, const char *arg)
{
  uint64_t v;

  switch (id) {
  case OPTION_ACCESS:
    return set_path("--access", arg, &o->access_file);
  case 'D':
    return set_debug_flag(o, arg);
  case 'e':
    o->export_name = arg;
    if (strlen(arg) <= NBD_MAX_STRING)
      return 0;
    log_error("--exportname: a name has %u bytes at most", NBD_MAX_STRING);
    return EINVAL;
  case 'n':
    o->oldstyle = false;
    return 0;
  case 'o':
    o->oldstyle = true;
    return 0;
  case 'r':
    o->readonly = true;
    return 0;
  case 't':
    if (set_number("--threads", arg, 0, MOST_THREADS, &v) != 0)
      return EINVAL;
    o->threads = v ? (unsigned)v : DEFAULT_THREADS;
    return 0;
  case OPTION_FILTER:
    return options_add_word(&o->filters, &o->filter_count, arg);
  case OPTION_MASK_HANDSHAKE:
    if (nbdsrv_parse_uint64("--mask-handshake", arg, UINT32_MAX, &v) != 0)
      return EINVAL;
    o->mask_handshake = (uint32_t)v;
    return 0;
  case OPTION_NO_MC:
    o->no_metacontext = true;
    return 0;
  case OPTION_NO_SR:
    o->no_structured = true;
    return 0;
  case OPTION_TIMEOUT:
    return nbdsrv_parse_duration("--timeout", arg, &o->timeout_ns);
  case OPTION_TLS:
    return set_tls_mode(o, arg);
  case OPTION_TLS_CERTIFICATES:
    return set_path("--tls-certificates", arg, &o->tls_certificates);
  case OPTION_TLS_PRIORITY:
    o->tls_priority = arg;
    return 0;
  case OPTION_TLS_PSK:
    return set_path("--tls-psk", arg, &o->tls_psk);
  case OPTION_TLS_VERIFY_PEER:
    o->tls_verify_peer = true;
    return 0;
  default:
    return ENOENT;
  }
}

/* Options that say where to listen. */
static int
set_listening(struct options *o, int id, const char *arg)
{
  switch (id) {
  case '4':
    o->ipv4_only = true;
    o->ipv6_only = false;
    return 0;
  case '6':
    o->ipv6_only = true;
    o->ipv4_only = false;
    return 0;
  case 'i':
    o->ipaddr = arg;
    return 0;
  case 'p':
    o->port = arg;
    return 0;
  case 's':
    o->single = true;
    return 0;
  case 'U':
    o->unixsocket_private = strcmp(arg, "-") == 0;
    return set_path("--unix", o->unixsocket_private ? NULL : arg, &o->unixsocket);
  case OPTION_KEEPALIVE:
    o->keepalive = true;
    return 0;
  case OPTION_SELINUX_LABEL:
    o->selinux_label = arg;
    return 0;
  case OPTION_VSOCK:
    o->vsock = true;
    return 0;
  default:
    return ENOENT;
  }
}

/* Options about the process, and questions. */
static int
set_process(struct options *o, int id, const char *arg)
{
  switch (id) {
  case 'f':
    o->foreground = true;
    return 0;
  case 'g':
    o->group = arg;
    return 0;
  case 'u':
    o->user = arg;
    return 0;
  case 'P':
    return set_path("--pidfile", arg, &o->pidfile);
  case 'v':
    o->verbose = true;
    return 0;
  case 'V':
    o->action = ACTION_VERSION;
    return 0;
  case OPTION_CHECK_ACCESS:
    o->action = ACTION_CHECK_ACCESS;
    o->check_access = arg;
    return 0;
  case OPTION_DUMP_CONFIG:
    o->action = ACTION_DUMP_CONFIG;
    return 0;
  case OPTION_DUMP_PLUGIN:
    o->action = ACTION_DUMP_PLUGIN;
    return 0;
  case OPTION_EXIT_WITH_PARENT:
    o->exit_with_parent = true;
    return 0;
  case OPTION_HELP:
    o->action = ACTION_HELP;
    return 0;
  case OPTION_LOG:
    return set_log_target(o, arg);
  case OPTION_LONG_OPTIONS:
    o->action = ACTION_LONG_OPTIONS;
    return 0;
  case OPTION_SHORT_OPTIONS:
    o->action = ACTION_SHORT_OPTIONS;
    return 0;
  case OPTION_NAME:
    o->name = arg;
    return 0;
  case OPTION_PRINT_URI:
    o->print_uri = true;
    return 0;
  case OPTION_RUN:
    o->run = arg;
    return 0;
  case OPTION_SWAP:
    o->swap = true;
    return 0;
  default:
    return ENOENT;
  }
}

static int
set_option(struct options *o, int id, const char *arg)
{
  int error = set_serving(o, id, arg);

  if (error == ENOENT)
    error = set_listening(o, id, arg);
  return error == ENOENT ? set_process(o, id, arg) : error;
}

static const char *
program_name(const char *argv0)
{
  const char *slash = strrchr(argv0, '/');
  const char *name = slash ? slash + 1 : argv0;

  return strcmp(name, "nbdkit") == 0 ? "nbdkit" : "nbdsrv";
}

int
options_parse(int argc, char **argv, struct options *o)
{
  struct option longs[128];
  char shorts[128];
  int id;

  *o = (struct options){
      .program = program_name(argc > 0 ? argv[0] : "nbdsrv"),
      .export_name = "",
      .mask_handshake = UINT32_MAX,
      .threads = DEFAULT_THREADS,
      .timeout_ns = HANDSHAKE_NS,
  };
  log_setup(o->program, NULL, false);
  make_tables(longs, shorts);
  opterr = 0;
  for (;;) {
    int error;

    optopt = 0;
    id = getopt_long(argc, argv, shorts, longs, NULL);
    if (id == -1)
      break;
    error = id == '?' ? help_refuse_option(argv[optind - 1], optopt)
                      : set_option(o, id, optarg);
    if (error)
      return error;
  }
  log_setup(o->program, o->name, o->verbose);
  id = options_take_words(o, argv + optind, argc - optind);
  return id ? id : options_check(o);
}

void
options_free(struct options *o)
{
  for (size_t i = 0; i < o->filter_count; i++)
    free(o->filters[i]);
  for (size_t i = 0; i < o->param_count; i++)
    free(o->params[i]);
  for (size_t i = 0; i < o->debug_flag_count; i++) {
    free(o->debug_flags[i].layer);
    free(o->debug_flags[i].flag);
  }
  free(o->script_plugin);
  free(o->unixsocket);
  free(o->pidfile);
  free(o->tls_certificates);
  free(o->tls_psk);
  free(o->tls_user);
  free(o->access_file);
  free(o->filters);
  free(o->params);
  free(o->debug_flags);
}
