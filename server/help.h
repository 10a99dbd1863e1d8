/* SPDX-License-Identifier: BSD-3-Clause */
/* Texts for people, and the one table of options. */
#ifndef NBDSRV_HELP_H
#define NBDSRV_HELP_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct layer;
struct options;

/* One option of the command line; the single source for options.c, --help,
 * --long-options, --short-options and the test of the manual page. */
struct option_row {
  const char *name;     /* long */
  char letter;          /* short, or 0 */
  const char *argument; /* what it takes, or NULL */
  bool optional;        /* the argument may be left out */
  int id;               /* letter, or OPTION_* */
  const char *help;     /* one line; NULL: another spelling of the row before */
};

enum {
  OPTION_ACCESS = 256,
  OPTION_CHECK_ACCESS,
  OPTION_DUMP_CONFIG,
  OPTION_DUMP_PLUGIN,
  OPTION_EXIT_WITH_PARENT,
  OPTION_FILTER,
  OPTION_HELP,
  OPTION_KEEPALIVE,
  OPTION_LOG,
  OPTION_LONG_OPTIONS,
  OPTION_MASK_HANDSHAKE,
  OPTION_NAME,
  OPTION_NO_FORK,
  OPTION_NO_MC,
  OPTION_NO_SR,
  OPTION_PRINT_URI,
  OPTION_RUN,
  OPTION_SELINUX_LABEL,
  OPTION_SHORT_OPTIONS,
  OPTION_SWAP,
  OPTION_TIMEOUT,
  OPTION_TLS,
  OPTION_TLS_CERTIFICATES,
  OPTION_TLS_PRIORITY,
  OPTION_TLS_PSK,
  OPTION_TLS_VERIFY_PEER,
  OPTION_VSOCK,
};

extern const struct option_row help_options[]; /* ends with a name of NULL */

void help_usage(FILE *out, const char *program);
/* Parameters of a stack: the plugin's and the filters'. */
void help_layers(FILE *out, const char *program, const struct layer *top);
void help_long_options(FILE *out);
void help_short_options(FILE *out);
/* Says what is wrong with word, which getopt refused; letter: the short option in it,
 * or 0.  EINVAL. */
int help_refuse_option(const char *word, int letter);
void help_version(FILE *out, const struct options *options, const struct layer *top);

/* dump.c */
void dump_config(FILE *out, const struct options *options);
void dump_plugin(FILE *out, const struct layer *top);
const char *dump_thread_model(uint32_t model); /* as nbdkit names it */
/* The lines that begin what --dump-plugin prints. */
void dump_identity(FILE *out, const struct layer *plugin, const char *name,
                   const char *version);

/* What --version says: of nbdsrv, or of nbdkit where that is the program's name. */
const char *help_program_version(const struct options *options);

#endif
