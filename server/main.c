/* SPDX-License-Identifier: BSD-3-Clause */
/* The order of start-up and of the end.
 * Gets the command line; hands the server to listen.c once everything that can be
 * refused has been.
 */
#include "config.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "access.h"
#include "daemon.h"
#include "help.h"
#include "layer.h"
#include "listen.h"
#include "loader.h"
#include "log.h"
#include "options.h"
#include "params.h"
#include "run.h"
#include "server.h"
#include "tls.h"

static bool stdio_is_free = true;

NBDSRV_PUBLIC int
nbdsrv_stdio_safe(void)
{
  return stdio_is_free;
}

/* One module on top of a stack. */
static int
push_layer(const char *name, bool filter, struct layer **top)
{
  struct module *module;
  struct layer *layer;
  int error = loader_load(name, filter, &module);

  if (error)
    return error;
  error = layer_new(module, *top, &layer);
  if (error) {
    loader_unload(module);
    return error;
  }
  *top = layer;
  return 0;
}

static int
make_stack(const struct options *o, struct layer **top)
{
  int error = o->plugin ? push_layer(o->plugin, false, top) : 0;

  for (size_t i = o->filter_count; i > 0 && !error; i--)
    error = push_layer(o->filters[i - 1], true, top);
  return error;
}

/* -D LAYER.FLAG=N sets the variable LAYER_debug_FLAG in the layer's object. */
static void
set_layer_flag(struct debug_flag *flag, const struct layer *top)
{
  bool named = false;
  char name[256];

  snprintf(name, sizeof name, "%s_debug_%s", flag->layer, flag->flag);
  for (char *p = name; *p; p++)
    if (*p == '-' || *p == '.')
      *p = '_';
  for (const struct layer *layer = top; layer; layer = layer->below) {
    int *variable = NULL;

    if (strcmp(layer->ops->name, flag->layer) == 0) {
      named = true;
      variable = dlsym(layer->module->object, name);
    }
    if (variable) {
      *variable = flag->value;
      return;
    }
  }
  if (named)
    log_warning("-D %s.%s: %s has no variable %s", flag->layer, flag->flag, flag->layer,
                name);
  else
    log_warning("-D %s.%s: there is no plugin or filter %s here", flag->layer,
                flag->flag, flag->layer);
}

static void
set_debug_flags(const struct options *o, const struct layer *top)
{
  for (size_t i = 0; i < o->debug_flag_count; i++) {
    struct debug_flag *flag = &o->debug_flags[i];

    if (strcmp(flag->layer, "nbdkit") != 0 && strcmp(flag->layer, "nbdsrv") != 0)
      set_layer_flag(flag, top);
    else if (!log_set_switch(flag->flag, flag->value))
      log_warning("-D %s.%s: the server has no such switch", flag->layer, flag->flag);
  }
}

/* Questions that are answered on stdout. */
static int
answer(const struct options *o, struct layer *top)
{
  switch (o->action) {
  case ACTION_HELP:
    if (top)
      help_layers(stdout, o->program, top);
    else
      help_usage(stdout, o->program);
    break;
  case ACTION_VERSION:
    help_version(stdout, o, top);
    break;
  case ACTION_DUMP_CONFIG:
    dump_config(stdout, o);
    break;
  case ACTION_DUMP_PLUGIN:
    if (params_give(top, o->params, o->param_count) != 0) /* a script may be asked */
      return EINVAL;
    dump_plugin(stdout, top);
    break;
  case ACTION_LONG_OPTIONS:
    help_long_options(stdout);
    break;
  default:
    help_short_options(stdout);
  }
  return fflush(stdout) == 0 ? 0 : EIO;
}

static void
tell_uri(const struct options *o, const struct listeners *listeners)
{
  char *uri = listen_uri(o, listeners), *quoted = uri ? run_quote(uri) : NULL;

  if (quoted)
    log_debug("clients find it at %s", uri);
  if (quoted && o->print_uri) {
    printf("%s\nShell-quoted URI: %s\nCommand to query the NBD endpoint:\n"
           "  nbdinfo %s\n",
           uri, quoted, quoted);
    fflush(stdout);
  }
  free(quoted);
  free(uri);
}

/* What the thread that waits for the end has to know. */
struct serving {
  struct server *server;
  const struct options *options;
  struct listeners *listeners;
};

/* Accepts clients until somebody ends the server, then waits for theirs. */
static void *
until_the_end(void *arg)
{
  struct serving *s = arg;

  listen_accept(s->server, s->listeners);
  daemon_is_stopping();
  /* Who comes now is refused rather than kept waiting. */
  listen_close(s->options, s->listeners);
  server_quit(s->server);
  if (!server_wait_connections(s->server)) {
    /* Threads still use what would be freed. */
    daemon_remove_pidfile(s->options);
    _exit(s->options->run ? run_finish() : EXIT_FAILURE);
  }
  return NULL;
}

/* The one client of stdin and stdout has the main thread: interpreters of some
 * languages run on no other. */
static int
serve_single(struct serving *s)
{
  const int *fds = s->server->stdio;
  struct connection *conn = server_add_connection(s->server, fds[0], fds[1]);
  pthread_t thread;
  int error;

  if (!conn)
    return ENOMEM;
  error = pthread_create(&thread, NULL, until_the_end, s);
  if (error)
    log_error("a thread that waits for the end: %s", strerror(error));
  server_run_connection(conn);
  if (!error)
    pthread_join(thread, NULL);
  return error;
}

/* Serves until somebody ends it. */
static int
serve(struct server *server, const struct options *o, struct listeners *listeners,
      bool background)
{
  struct serving s = {server, o, listeners};
  int error = layer_start(server->exports->top);

  if (error)
    return EXIT_FAILURE;
  if (background && !o->log_target_given) /* until here the terminal was there */
    log_set_target(LOG_TO_SYSLOG);
  daemon_is_ready(o->verbose ||
                  (o->log_target_given && o->log_target == LOG_TO_STDERR));
  if (o->single)
    error = serve_single(&s);
  else
    until_the_end(&s);
  return error ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* Background, pid file, user; then serve. */
static int
become_server(struct server *server, const struct options *o,
              struct listeners *listeners)
{
  bool background = !o->foreground && !o->run && !o->single && !listeners->activated &&
                    !o->exit_with_parent;
  bool parent = false;
  int error, status;

  tell_uri(o, listeners);
  if (background) {
    error = daemon_fork(&parent);
    if (parent || error)
      _exit(error ? EXIT_FAILURE : EXIT_SUCCESS);
  }
  if (daemon_lock_memory(o) != 0 || server_init(server, o) != 0)
    return EXIT_FAILURE;
  /* Whoever finds the pid file may send a signal at once. */
  daemon_handle_signals();
  error = daemon_write_pidfile(o);
  if (!error && !o->single) /* -s has taken them already */
    error = o->run ? run_keep_files() : daemon_drop_stdio();
  if (!error && o->run) /* as whoever started this, not as the user of -u */
    error = run_start(server, o, listeners);
  if (!error)
    error = daemon_drop_privileges(o);
  status = error ? EXIT_FAILURE : serve(server, o, listeners, background);
  if (o->run) {
    int ended = run_finish();
    status = status ? status : ended;
  }
  workers_free(server->workers);
  daemon_remove_pidfile(o);
  return status;
}

/* The stack is ready; nothing has been put into the file system so far. */
static int
listen_and_serve(struct server *server, const struct options *o, struct layer *top)
{
  struct listeners listeners;
  struct export export;
  int status;

  daemon_hold_signals();
  if (listen_open(o, &listeners) != 0)
    return EXIT_FAILURE;
  export_init(&export, top);
  log_debug("thread model %s", dump_thread_model(export.threads));
  server->exports = &export;
  status = become_server(server, o, &listeners);
  listen_close(o, &listeners);
  export_destroy(&export);
  return status;
}

static int
start(struct server *server, struct options *o, struct layer *top)
{
  int status = EXIT_FAILURE;

  stdio_is_free = !o->single;
  if (o->single && daemon_take_stdio("-s", server->stdio) != 0)
    return status;
  if (params_apply(top, o->params, o->param_count) != 0)
    return status;
  if (tls_settle(o, &server->tls) != 0)
    return status;
  if (o->access_file && access_new(o, &server->access) != 0)
    goto out;
  if (layer_ready(top) == 0)
    status = listen_and_serve(server, o, top);
out:
  access_free(server->access);
  tls_context_free(server->tls);
  return status;
}

int
main(int argc, char **argv)
{
  struct options options;
  struct server server = {0};
  struct layer *top = NULL;
  int status = EXIT_FAILURE;

  daemon_begin();
  if (options_parse(argc, argv, &options) != 0) {
    status = options.action == ACTION_CHECK_ACCESS ? ACCESS_CHECK_WRONG : EXIT_FAILURE;
    options_free(&options);
    return status;
  }
  if (options.log_target == LOG_TO_FILE && log_open_file(options.log_file) != 0) {
    options_free(&options);
    return EXIT_FAILURE;
  }
  if (options.log_target_given)
    log_set_target(options.log_target);
  if (options.action == ACTION_CHECK_ACCESS)
    status = access_check(&options); /* whatever the plugin */
  else if (daemon_tie_to_parent(&options) == 0 && make_stack(&options, &top) == 0) {
    log_debug("%s %s", options.program, help_program_version(&options));
    set_debug_flags(&options, top);
    for (const struct layer *layer = top; layer; layer = layer->below)
      loader_begin(layer->module);
    if (options.action != ACTION_SERVE)
      status = answer(&options, top) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    else
      status = start(&server, &options, top);
  }
  layer_free(top);
  if (server_running) /* threads of a layer may have asked it to end, up to here */
    server_destroy(&server);
  options_free(&options);
  return status;
}
