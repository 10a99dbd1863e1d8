/* SPDX-License-Identifier: BSD-3-Clause */
/* The eval plugin: pieces of shell script from the command line, one for each method.
 * Gets the pieces as parameters; plugins/script does the rest.
 */
#include "config.h"

#include <stddef.h>
#include <string.h>

#include "../script/script.h"

struct eval {
  struct script script; /* first */
  const char *texts[];  /* one for each method, in the order of the table */
};

#define METHOD(i, method, help)                                                        \
  {                                                                                    \
    method, NBDSRV_STRING, 0, offsetof(struct eval, texts) + (i) * sizeof(char *),     \
        NULL, help, 0, "SCRIPT"                                                        \
  }
#define METHODS 34

static const struct nbdsrv_param params[] = {
    METHOD(0, "config", "other parameters"),
    METHOD(1, "config_complete", "all parameters are in"),
    METHOD(2, "thread_model", "prints how parallel scripts may run"),
    METHOD(3, "get_ready", "before the server goes to the background"),
    METHOD(4, "after_fork", "the server is in the background"),
    METHOD(5, "preconnect", "a client has connected"),
    METHOD(6, "list_exports", "prints the names of exports"),
    METHOD(7, "default_export", "prints the name that \"\" stands for"),
    METHOD(8, "open", "prints a handle for the client"),
    METHOD(9, "close", "the client has gone"),
    METHOD(10, "get_size", "prints the size"),
    METHOD(11, "block_size", "prints three block sizes"),
    METHOD(12, "export_description", "prints a text for people"),
    METHOD(13, "can_cache", "prints none, emulate or native"),
    METHOD(14, "can_extents", "exits with 0 or 3"),
    METHOD(15, "can_fast_zero", "exits with 0 or 3"),
    METHOD(16, "can_flush", "exits with 0 or 3"),
    METHOD(17, "can_fua", "prints none, emulate or native"),
    METHOD(18, "can_multi_conn", "exits with 0 or 3"),
    METHOD(19, "can_trim", "exits with 0 or 3"),
    METHOD(20, "can_write", "exits with 0 or 3"),
    METHOD(21, "can_zero", "exits with 0 or 3"),
    METHOD(22, "is_rotational", "exits with 0 or 3"),
    METHOD(23, "pread", "prints data"),
    METHOD(24, "pwrite", "reads data"),
    METHOD(25, "flush", "makes stable what was written"),
    METHOD(26, "trim", "forgets a range"),
    METHOD(27, "zero", "clears a range"),
    METHOD(28, "extents", "prints what is data and what is not"),
    METHOD(29, "cache", "prepares for reading a range"),
    METHOD(30, "cleanup", "the last client has gone"),
    METHOD(31, "unload", "the server ends"),
    METHOD(32, "dump_plugin", "prints lines for --dump-plugin"),
    METHOD(33, "missing", "takes the place of those that are not given"),
    {"*", NBDSRV_FREE, NBDSRV_REPEAT | NBDSRV_HIDDEN, 0, NULL, NULL, NULL, NULL},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

const bool script_has_texts = true;

const char *
script_text(const struct script *s, const char *method)
{
  const struct eval *eval = (const struct eval *)s;

  for (size_t i = 0; i < METHODS; i++)
    if (strcmp(params[i].name, method) == 0)
      return eval->texts[i];
  return NULL;
}

static int
eval_config(void *inst, const char *key, const char *value)
{
  return script_config(inst, key, value);
}

static struct nbdsrv_plugin plugin = {
    .name = "eval",
    .summary = "runs a piece of shell script from the command line for each request",
    .help = "Other parameters go to the script config.",
    .params = params,
    .instance_size = sizeof(struct eval) + METHODS * sizeof(char *),
    .config = eval_config,
    .ready = script_ready,
    .unload = script_unload,
    SCRIPT_MEMBERS,
};

NBDSRV_PLUGIN(plugin)
