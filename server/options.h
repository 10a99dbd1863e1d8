/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line, understood: options.c fills it, everybody reads it. */
#ifndef NBDSRV_OPTIONS_H
#define NBDSRV_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "log.h"

enum tls_mode {
  TLS_UNSET, /* on where there are credentials: tls_settle decides */
  TLS_OFF,
  TLS_ON,
  TLS_REQUIRE,
};

enum options_action {
  ACTION_SERVE,
  ACTION_HELP,
  ACTION_VERSION,
  ACTION_DUMP_CONFIG,
  ACTION_DUMP_PLUGIN,
  ACTION_CHECK_ACCESS,
  ACTION_LONG_OPTIONS,
  ACTION_SHORT_OPTIONS,
};

struct debug_flag {
  char *layer, *flag; /* -D LAYER.FLAG=N */
  int value;
};

struct options {
  const char *program;        /* "nbdsrv" or "nbdkit", from argv[0] */
  enum options_action action; /* what to do instead of serving, or ACTION_SERVE */

  char **filters; /* names or paths, outermost first */
  size_t filter_count;
  const char *plugin;  /* name or path, NULL: none given */
  char *script_plugin; /* where it is not a word of the command line */
  char **params;       /* what follows it: key=value or bare words */
  size_t param_count;

  bool foreground; /* -f */
  bool verbose;    /* -v */
  bool readonly;   /* -r */
  bool single;     /* -s: one client on stdin and stdout */
  bool exit_with_parent;
  bool swap; /* mlockall */
  bool print_uri;
  bool oldstyle;                      /* -o */
  bool no_structured, no_metacontext; /* --no-sr, --no-mc */
  uint32_t mask_handshake;            /* handshake flags offered & this */
  char *pidfile;                      /* absolute */
  const char *run;                    /* --run: a shell command */
  const char *user, *group;
  const char *selinux_label;
  const char *name; /* --name: in messages, NULL: none */
  enum log_target log_target;
  const char *log_file; /* of LOG_TO_FILE */
  bool log_target_given;
  unsigned threads;    /* -t: most requests of a connection on workers, from 1 */
  uint64_t timeout_ns; /* for the handshake; 0: none */
  bool keepalive;      /* TCP keepalive probes */

  const char *export_name; /* -e: the default export's name, "" if not given */
  const char *ipaddr;      /* -i, NULL: any */
  const char *port;        /* -p, NULL: 10809 */
  bool ipv4_only, ipv6_only;
  char *unixsocket;        /* -U, absolute */
  bool unixsocket_private; /* -U -, or --run alone: listen.c makes a path */
  bool vsock;

  enum tls_mode tls;
  char *tls_certificates;   /* directory, absolute; NULL: not found yet */
  char *tls_psk;            /* file, absolute */
  const char *tls_priority; /* GnuTLS priority string */
  char *tls_user;           /* of tls_psk, for URIs; NULL: none */
  bool tls_verify_peer;

  char *access_file;        /* rules about who may do what, absolute; NULL: anybody */
  const char *check_access; /* a question about them */

  struct debug_flag *debug_flags;
  size_t debug_flag_count;
};

/* Fills *options or prints one line that says what is wrong.  0 or EINVAL. */
int options_parse(int argc, char **argv, struct options *options);
void options_free(struct options *options);

/* options-check.c, for options.c: what options mean together; the plugin and the
 * parameters after it; a copy of word at the end of a list. */
int options_check(struct options *options);
int options_take_words(struct options *options, char **words, int count);
int options_add_word(char ***list, size_t *count, const char *word);

#endif
