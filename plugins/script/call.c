/* SPDX-License-Identifier: BSD-3-Clause */
/* One method of a script: run, and its exit code and stderr understood.
 * Gets the method's arguments from the other files; hands back what it printed, or an
 * error that is said already.
 */
#include "config.h"

#include "script.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../../filters/common/environment.h"
#include "../../filters/common/errname.h"
#include "../common/tmpdir.h"

/* Exit codes. */
enum {
  EXIT_METHOD_MISSING = 2,
  EXIT_FALSE = 3,
  EXIT_SHUTDOWN = 4, /* the server ends; this call is well */
  EXIT_SHUTDOWN_ERROR = 5,
  EXIT_CUT = 6,        /* this client is cut off */
  EXIT_DISCONNECT = 7, /* this client's last request; it is well */
  EXIT_DISCONNECT_ERROR = 8
};

/* ---------------------------------------------------------------- preparations */

/* The variable stands first. */
static int
make_env(struct script *s)
{
  char *vars[] = {NULL, NULL};

  if (asprintf(&vars[0], "tmpdir=%s", s->tmpdir) == -1)
    return ENOMEM;
  s->env = environment_with(vars);
  if (s->env)
    return 0;
  free(vars[0]);
  return ENOMEM;
}

int
script_prepare(struct script *s)
{
  int error = s->tmpdir ? 0 : tmpdir_make("/tmp", &s->tmpdir);

  return error || s->env ? error : make_env(s);
}

bool
script_has(const struct script *s, const char *method)
{
  return script_text(s, method) != NULL;
}

/* --------------------------------------------------------------------- running */

/* One more than fits: NULL. */
#define MOST_ARGV (4 + 1 + SCRIPT_ARGS + 1)

static void
fill_argv(const struct script *s, const struct script_call *call, const char *text,
          const char *argv[MOST_ARGV])
{
  size_t n = 0;

  if (script_has_texts) {
    argv[n++] = "/bin/sh";
    argv[n++] = "-c";
    argv[n++] = text;
    argv[n++] = call->method; /* $0, for messages of the shell */
  } else {
    if (s->needs_shell)
      argv[n++] = "/bin/sh";
    argv[n++] = s->program;
  }
  argv[n++] = call->method;
  for (size_t i = 0; i < SCRIPT_ARGS && call->args[i]; i++)
    argv[n++] = call->args[i];
  argv[n] = NULL;
}

static int
run(struct script *s, struct script_call *call, const char *text, struct process *p)
{
  const char *argv[MOST_ARGV];
  int error;

  *p = (struct process){.argv = argv,
                        .env = s->env,
                        .input = call->input,
                        .input_size = call->input_size,
                        .ending = s->started ? &s->ending : NULL,
                        .out = call->out};
  fill_argv(s, call, text, argv);
  error = process_run(p);
  if (error == ENOEXEC && !script_has_texts && !s->needs_shell) {
    /* Shells take such a file for a script of their own. */
    s->needs_shell = true;
    fill_argv(s, call, text, argv);
    error = process_run(p);
  }
  call->out = p->out;
  return error;
}

/* -------------------------------------------------------------- exit and stderr */

/* An errno name as the first word; *rest is what follows. */
static int
parse_errno(const char *message, const char **rest)
{
  size_t len = strcspn(message, " \t\n");

  *rest = message;
  for (size_t i = 0; i < ERRNAMES; i++)
    if (strlen(errnames[i].name) == len &&
        strncasecmp(errnames[i].name, message, len) == 0) {
      *rest = message + len;
      while (isspace((unsigned char)**rest))
        (*rest)++;
      return errnames[i].error;
    }
  return 0;
}

int
script_client_error(int error)
{
  static const int known[] = {0,      EPERM, EROFS,  EIO,     ENOMEM,    EINVAL,
                              ENOSPC, EFBIG, EDQUOT, ENOTSUP, EOVERFLOW, ESHUTDOWN};

  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
    if (error == known[i])
      return error;
  return EIO;
}

/* The first line of stderr is for people. */
static int
failed(const struct script *s, const struct script_call *call, const struct process *p,
       int otherwise)
{
  const char *rest;
  int error = parse_errno(p->message, &rest);
  int len = (int)strcspn(rest, "\n");

  if (p->status < 0)
    nbdsrv_error("%s: %s: ended by signal %d (%s)", s->program ? s->program : "script",
                 call->method, -p->status, strsignal(-p->status));
  else if (len == 0 && error)
    nbdsrv_error("%s: %s", call->method, strerror(error));
  else if (len == 0)
    nbdsrv_error("%s: exit code %d, and nothing on stderr", call->method, p->status);
  else
    nbdsrv_error("%s: %.*s", call->method, len, rest);
  return error ? error : otherwise;
}

static void
debug_message(const struct script_call *call, const struct process *p)
{
  const char *line = p->message;

  while (*line) {
    int len = (int)strcspn(line, "\n");
    nbdsrv_debug("%s: stderr: %.*s", call->method, len, line);
    line += len + (line[len] != '\0');
  }
}

static enum script_status
understand(const struct script *s, struct script_call *call, const struct process *p)
{
  int otherwise = EIO;

  switch (p->status) {
  case 0:
    return SCRIPT_OK;
  case EXIT_METHOD_MISSING:
    return SCRIPT_MISSING;
  case EXIT_FALSE:
    if (call->is_question)
      return SCRIPT_FALSE;
    nbdsrv_error("%s: exit code 3 (false) says nothing here", call->method);
    call->error = EIO;
    return SCRIPT_ERROR;
  case EXIT_SHUTDOWN:
    nbdsrv_shutdown();
    return SCRIPT_OK;
  case EXIT_DISCONNECT:
    nbdsrv_disconnect(0);
    return SCRIPT_OK;
  case EXIT_CUT:
    nbdsrv_disconnect(1);
    call->error = ESHUTDOWN;
    return SCRIPT_ERROR;
  case EXIT_SHUTDOWN_ERROR:
    nbdsrv_shutdown();
    otherwise = ESHUTDOWN;
    break;
  case EXIT_DISCONNECT_ERROR:
    nbdsrv_disconnect(0);
    otherwise = ESHUTDOWN;
    break;
  }
  call->error = failed(s, call, p, otherwise);
  return SCRIPT_ERROR;
}

enum script_status
script_call(struct script *s, struct script_call *call)
{
  const char *text = script_text(s, call->method);
  struct process p;
  int error;

  call->error = 0;
  if (!text)
    text = script_text(s, "missing");
  if (script_has_texts && !text)
    return SCRIPT_MISSING;
  error = script_prepare(s);
  if (!error)
    error = run(s, call, text, &p);
  if (error) {
    nbdsrv_error("%s: %s", s->program ? s->program : "/bin/sh", strerror(error));
    call->error = error;
    return SCRIPT_ERROR;
  }
  if (nbdsrv_verbose())
    debug_message(call, &p);
  if (call->out.too_much) {
    nbdsrv_error("%s: more than %zu bytes of output", call->method, call->out.room);
    call->error = EIO;
    return SCRIPT_ERROR;
  }
  return understand(s, call, &p);
}

enum script_status
script_ask_lines(struct script *s, const char *method,
                 const char *const args[SCRIPT_ARGS], char **text, int *error)
{
  struct script_call call = {.method = method, .out = {.room = SCRIPT_MOST_TEXT}};
  enum script_status status;

  memcpy(call.args, args, sizeof call.args);
  status = script_call(s, &call);
  *error = call.error;
  *text = NULL;
  if (status == SCRIPT_OK)
    *text = call.out.data;
  else
    free(call.out.data);
  return status;
}

enum script_status
script_ask(struct script *s, const char *method, const char *const args[SCRIPT_ARGS],
           char **text, int *error)
{
  enum script_status status = script_ask_lines(s, method, args, text, error);
  size_t len = *text ? strlen(*text) : 0;

  if (len > 0 && (*text)[len - 1] == '\n')
    (*text)[len - 1] = '\0';
  return status;
}

int
script_tell(struct script *s, const char *method, const char *const args[SCRIPT_ARGS])
{
  char *text;
  int error;

  script_ask(s, method, args, &text, &error);
  free(text);
  return error;
}
