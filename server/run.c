/* SPDX-License-Identifier: BSD-3-Clause */
/* --run: a shell command with the server's address in its variables.
 * Gets the address from listen.c; ends the server when the command ends.
 */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "listen.h"
#include "log.h"
#include "options.h"
#include "run.h"
#include "server.h"

/* One command a process: main.c starts and finishes it. */
static struct {
  pid_t pid;
  pthread_t thread;
  int status;
} command;

char *
run_quote(const char *text)
{
  char *quoted = malloc(4 * strlen(text) + 3), *p = quoted;

  if (!quoted)
    return NULL;
  *p++ = '\'';
  for (; *text; text++)
    if (*text == '\'')
      p = stpcpy(p, "'\\''");
    else
      *p++ = *text;
  *p++ = '\'';
  *p = '\0';
  return quoted;
}

static void
put_variable(FILE *out, const char *name, const char *value)
{
  char *quoted = run_quote(value ? value : "");

  if (quoted)
    fprintf(out, "%s=%s\n", name, quoted);
  free(quoted);
}

/* The old $nbd: nbd:unix:PATH or nbd:HOST:PORT, as qemu took it once. */
static void
put_old_address(FILE *out, const struct options *o, const struct listeners *l)
{
  char *address = NULL;
  int r = o->unixsocket
              ? asprintf(&address, "nbd:unix:%s", o->unixsocket)
              : asprintf(&address, "nbd:%s:%s",
                         o->ipaddr && o->ipaddr[0] ? o->ipaddr : "localhost", l->port);
  put_variable(out, "nbd", r == -1 ? "" : address);
  if (r != -1)
    free(address);
}

static char *
make_script(const struct options *o, const struct listeners *l)
{
  static const char *const modes[] = {"", "1", "1"};
  char *script = NULL, *uri = listen_uri(o, l);
  size_t size;
  FILE *out = open_memstream(&script, &size);

  if (!out) {
    free(uri);
    return NULL;
  }
  put_old_address(out, o, l);
  put_variable(out, "uri", uri);
  put_variable(out, "unixsocket", o->unixsocket);
  put_variable(out, "port", l->port);
  put_variable(out, "exportname", o->export_name);
  put_variable(out, "tls", modes[o->tls]);
  put_variable(out, "tls_certificates", o->tls_certificates);
  put_variable(out, "tls_psk", o->tls_psk);
  fprintf(out, "%s\n", o->run);
  free(uri);
  if (fclose(out) != 0) {
    free(script);
    return NULL;
  }
  return script;
}

static void *
wait_for_command(void *arg)
{
  struct server *server = arg;

  while (waitpid(command.pid, &command.status, 0) == -1 && errno == EINTR)
    ;
  server_quit(server);
  return NULL;
}

int
run_start(struct server *server, const struct options *o, const struct listeners *l)
{
  char *script = make_script(o, l);
  sigset_t none;

  if (!script)
    return ENOMEM;
  command.pid = fork();
  if (command.pid == -1) {
    log_error("--run: %s", strerror(errno));
    free(script);
    return errno;
  }
  if (command.pid == 0) {
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGXFSZ, SIG_DFL);
    execl("/bin/sh", "sh", "-c", script, (char *)NULL);
    _exit(127);
  }
  free(script);
  return pthread_create(&command.thread, NULL, wait_for_command, server);
}

int
run_finish(void)
{
  if (command.pid <= 0)
    return 0;
  /* Gone already, unless the server was told to end before it. */
  if (kill(command.pid, 0) == 0)
    kill(command.pid, SIGTERM);
  pthread_join(command.thread, NULL);
  return WIFSIGNALED(command.status) ? 128 + WTERMSIG(command.status)
                                     : WEXITSTATUS(command.status);
}
