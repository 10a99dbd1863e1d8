/* SPDX-License-Identifier: BSD-3-Clause */
/* The sh plugin: a script, or any program, that is run for each call.
 * Gets the script's name, or the script itself on stdin; plugins/script does the rest.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../script/script.h"

struct sh {
  struct script script; /* first */
  char *magic;          /* the key of its bare words; NULL: it takes none */
};

static const struct nbdsrv_param params[] = {
    {"script", NBDSRV_FREE, NBDSRV_MAGIC | NBDSRV_REPEAT, 0, NULL,
     "the script or program to run, or - to read a script from stdin", NULL, "FILE"},
    {"*", NBDSRV_FREE, NBDSRV_REPEAT | NBDSRV_HIDDEN, 0, NULL, NULL, NULL, NULL},
    {NULL, 0, 0, 0, NULL, NULL, NULL, NULL},
};

const bool script_has_texts = false;

const char *
script_text(const struct script *s, const char *method)
{
  (void)s;
  (void)method;
  return NULL;
}

/* ---------------------------------------------------------------- its beginning */

static int
copy_stdin(int fd)
{
  char buf[16 * 1024];
  ssize_t n;

  while ((n = read(STDIN_FILENO, buf, sizeof buf)) != 0) {
    const char *p = buf;
    if (n == -1 && errno == EINTR)
      continue;
    while (n > 0) {
      ssize_t w = write(fd, p, (size_t)n);
      if (w == -1)
        return errno;
      p += w;
      n -= w;
    }
    if (n == -1)
      return errno;
  }
  return 0;
}

static int
take_inline(struct script *s)
{
  int error = script_prepare(s), fd;

  if (error)
    return error;
  if (!nbdsrv_stdio_safe()) {
    nbdsrv_error("a script cannot be read from stdin: the client is there");
    return EINVAL;
  }
  if (asprintf(&s->program, "%s/inline-script.sh", s->tmpdir) == -1) {
    s->program = NULL;
    return ENOMEM;
  }
  fd = open(s->program, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
  error = fd == -1 ? errno : copy_stdin(fd);
  if (fd != -1 && close(fd) == -1 && !error)
    error = errno;
  return error;
}

static int
take_file(struct script *s, const char *name)
{
  struct stat st;

  s->program = realpath(name, NULL);
  if (!s->program || stat(s->program, &st) == -1)
    return errno;
  if (!S_ISREG(st.st_mode))
    return EINVAL;
  return access(s->program, X_OK) == -1 ? errno : 0;
}

static const char *const no_args[SCRIPT_ARGS];

static int
load(struct sh *sh, const char *name)
{
  bool is_inline = strcmp(name, "-") == 0;
  int error = is_inline ? take_inline(&sh->script) : take_file(&sh->script, name);

  if (error) {
    nbdsrv_error("%s: %s%s", is_inline ? "script on stdin" : name, strerror(error),
                 error == EACCES ? ": a script has to be executable" : "");
    free(sh->script.program); /* nothing was run: nothing is to be told */
    sh->script.program = NULL;
    return error;
  }
  error = script_tell(&sh->script, "load", no_args);
  if (!error)
    script_ask(&sh->script, "magic_config_key", no_args, &sh->magic, &error);
  return error;
}

/* Bare words come under the key "script": the first names it, others are its own. */
static int
sh_config(void *inst, const char *key, const char *value)
{
  struct sh *sh = inst;
  bool bare = strcmp(key, "script") == 0;

  if (!sh->script.program && bare)
    return load(sh, value);
  if (!sh->script.program) {
    nbdsrv_error("%s=%s: the script has to be given before its parameters", key, value);
    return EINVAL;
  }
  if (bare && !sh->magic) {
    nbdsrv_error("%s: this script takes no bare argument", value);
    return EINVAL;
  }
  return script_config(&sh->script, bare ? sh->magic : key, value);
}

static int
sh_ready(void *inst)
{
  const struct sh *sh = inst;

  if (!sh->script.program) {
    nbdsrv_error("which script? give script=FILE, or - and the script on stdin");
    return EINVAL;
  }
  return script_ready(inst);
}

static void
sh_unload(void *inst)
{
  struct sh *sh = inst;

  script_unload(&sh->script);
  free(sh->magic);
}

static struct nbdsrv_plugin plugin = {
    .name = "sh",
    .summary = "runs a script, or any program, for each request",
    .help = "Other parameters are the script's own.",
    .params = params,
    .instance_size = sizeof(struct sh),
    .config = sh_config,
    .ready = sh_ready,
    .unload = sh_unload,
    SCRIPT_MEMBERS,
};

NBDSRV_PLUGIN(plugin)
