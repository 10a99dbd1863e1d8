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
#include <time.h>
#include <unistd.h>

#include "daemon.h"
#include "listen.h"
#include "log.h"
#include "options.h"
#include "run.h"
#include "server.h"

/* One command a process: main.c starts and finishes it. */
static struct {
  pid_t pid;
  int files[2]; /* stdin and stdout, until it has them */
  pthread_t thread;
  pthread_mutex_t lock; /* guards what follows */
  pthread_cond_t gone;
  bool ended, sent_signal; /* signal: by this server */
  bool left;               /* this process may not send it one */
  int status;
} command = {.lock = PTHREAD_MUTEX_INITIALIZER, .gone = PTHREAD_COND_INITIALIZER};

#define END_SECONDS 4 /* for a command that is asked to end */

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

/* $tls as scripts of nbdkit's know it: unset, 1 (on) or 2 (require). */
static void
put_tls(FILE *out, const struct options *o)
{
  if (o->tls == TLS_OFF)
    fprintf(out, "unset tls\n");
  else
    put_variable(out, "tls", o->tls == TLS_ON ? "1" : "2");
  put_variable(out, "tls_certificates", o->tls_certificates);
  put_variable(out, "tls_psk", o->tls_psk);
}

static char *
make_script(const struct options *o, const struct listeners *l)
{
  char *script = NULL, *uri = listen_uri(o, l);
  size_t size;
  FILE *out = open_memstream(&script, &size);

  if (!out) {
    free(uri);
    return NULL;
  }
  put_variable(out, "uri", uri);
  put_variable(out, "nbd", uri);
  put_variable(out, "unixsocket", l->unixsocket);
  put_variable(out, "port", l->port);
  put_variable(out, "exportname", o->export_name);
  put_tls(out, o);
  fprintf(out, "%s\n", o->run);
  free(uri);
  if (fclose(out) != 0) {
    free(script);
    return NULL;
  }
  return script;
}

/* Until the command has ended; it is reaped under the lock, so that nobody sends a
 * signal to whoever has its number next. */
static void *
wait_for_command(void *arg)
{
  struct server *server = arg;
  siginfo_t info;
  bool left;

  while (waitid(P_PID, (id_t)command.pid, &info, WEXITED | WNOWAIT) == -1 &&
         errno == EINTR)
    ;
  pthread_mutex_lock(&command.lock);
  if (waitpid(command.pid, &command.status, 0) == -1)
    command.status = 0;
  command.ended = true;
  pthread_cond_signal(&command.gone);
  left = command.left;
  pthread_mutex_unlock(&command.lock);
  if (!left)
    server_quit(server);
  return NULL;
}

int
run_keep_files(void)
{
  return daemon_take_stdio("--run", command.files);
}

int
run_start(struct server *server, const struct options *o, const struct listeners *l)
{
  char *script = make_script(o, l);
  sigset_t none;
  int error;

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
    for (int fd = 0; fd < 2; fd++)
      dup2(command.files[fd], fd);
    execl("/bin/sh", "sh", "-c", script, (char *)NULL);
    _exit(127);
  }
  free(script);
  for (int fd = 0; fd < 2; fd++)
    close(command.files[fd]);
  error = pthread_create(&command.thread, NULL, wait_for_command, server);
  if (error) {
    log_error("--run: a thread: %s", strerror(error));
    kill(command.pid, SIGTERM);
  }
  return error;
}

/* If it still runs: the server was told to end before it.  False: it goes on, since it
 * is of the user that this process was before -u. */
static bool
end_command(void)
{
  static const int signals[] = {SIGTERM, SIGKILL};
  struct timespec until;
  bool left;

  pthread_mutex_lock(&command.lock);
  for (size_t i = 0; i < 2 && !command.ended; i++) {
    int r = 0;

    command.sent_signal = kill(command.pid, signals[i]) == 0 || command.sent_signal;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += END_SECONDS;
    while (!command.ended && r == 0)
      r = pthread_cond_timedwait(&command.gone, &command.lock, &until);
  }
  left = command.left = !command.ended && !command.sent_signal;
  pthread_mutex_unlock(&command.lock);
  return !left;
}

int
run_finish(void)
{
  int sig;

  if (command.pid <= 0)
    return 0;
  if (!end_command()) {
    log_warning("--run: this user may not end the command: leaving it");
    return EXIT_FAILURE;
  }
  pthread_join(command.thread, NULL);
  if (!WIFSIGNALED(command.status))
    return WEXITSTATUS(command.status);
  sig = WTERMSIG(command.status);
  if (!command.sent_signal && sig != SIGINT) /* ^C is no news to who typed it */
    log_error("--run: the command was killed by signal %d", sig);
  return 128 + sig;
}
