/* SPDX-License-Identifier: BSD-3-Clause */
/* A script from its parameters to the end of the server.
 * Gets key=value pairs that sh.c or eval.c have no use for; leaves nothing behind.
 */
#include "config.h"

#include "script.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/tmpdir.h"

static const char *const no_args[SCRIPT_ARGS];

int
script_config(struct script *s, const char *key, const char *value)
{
  struct script_call call = {
      .method = "config", .args = {key, value}, .out = {.room = SCRIPT_MOST_TEXT}};
  enum script_status status = script_call(s, &call);

  free(call.out.data);
  return status == SCRIPT_MISSING ? ENOENT : call.error;
}

/* -------------------------------------------------------------- thread models */

/* What is not understood is left at the safe one. */
static uint32_t
parse_threads(const char *text)
{
  static const struct {
    const char *name;
    uint32_t model;
  } models[] = {{"serialize_connections", NBDSRV_THREADS_SERIALIZE_CONNECTIONS},
                {"serialize_requests", NBDSRV_THREADS_SERIALIZE_REQUESTS},
                {"parallel", NBDSRV_THREADS_PARALLEL}};
  size_t start = strspn(text, " \t\n"), len = strcspn(text + start, " \t\n");

  if (text[start + len + strspn(text + start + len, " \t\n")] == '\0')
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++)
      if (strlen(models[i].name) == len &&
          strncmp(text + start, models[i].name, len) == 0)
        return models[i].model;
  return NBDSRV_THREADS_SERIALIZE_ALL;
}

static int
ask_threads(struct script *s)
{
  char *text;
  int error;

  if (s->asked_threads)
    return 0;
  s->asked_threads = true;
  s->threads = NBDSRV_THREADS_SERIALIZE_ALL;
  if (script_ask(s, "thread_model", no_args, &text, &error) == SCRIPT_OK)
    s->threads = parse_threads(text);
  free(text);
  return error;
}

/* Of --dump-plugin without a script: what one could have at most. */
uint32_t
script_threads(void *inst)
{
  struct script *s = inst;

  if (!s->program && !script_has_texts)
    return NBDSRV_THREADS_PARALLEL;
  ask_threads(s);
  return s->threads;
}

/* --------------------------------------------------------------- start and end */

int
script_ready(void *inst)
{
  struct script *s = inst;
  int error = script_prepare(s); /* later there may be many threads */

  if (!error)
    error = script_tell(s, "config_complete", no_args);
  if (!error)
    error = ask_threads(s);
  return error ? error : script_tell(s, "get_ready", no_args);
}

int
script_start(void *inst)
{
  struct script *s = inst;

  s->started = true;
  return script_tell(s, "after_fork", no_args);
}

/* What takes its time from here on is waited for: nobody else does. */
void
script_stop(void *inst)
{
  struct script *s = inst;

  if (s->started)
    script_tell(s, "cleanup", no_args);
  s->started = false;
}

void
script_unload(void *inst)
{
  struct script *s = inst;

  s->started = false;
  if (s->program || script_has_texts)
    script_tell(s, "unload", no_args);
  tmpdir_remove(s->tmpdir);
  if (s->env)
    free(s->env[0]);
  free(s->env);
  free(s->program);
}

void
script_dump(void *inst)
{
  struct script *s = inst;
  char *text = NULL;
  int error;

  puts("max_known_status=8");
  if ((s->program || script_has_texts) &&
      script_ask(s, "dump_plugin", no_args, &text, &error) == SCRIPT_OK && text[0])
    puts(text);
  free(text);
}

int
script_admit(void *inst, const struct nbdsrv_client *client)
{
  const char *const args[SCRIPT_ARGS] = {client->readonly ? "true" : "false"};

  return script_tell(inst, "preconnect", args);
}
