/* SPDX-License-Identifier: BSD-3-Clause */
/* What the process does about its surroundings: the background, the pid file, the
 * user, the service manager, signals.
 * Gets options from main.c; signals go to server_quit.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pthread.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon.h"
#include "log.h"
#include "options.h"
#include "server.h"

static int ready_fd = -1; /* the child's end of the pipe to the parent of the fork */

void
daemon_begin(void)
{
  int fd;

  signal(SIGPIPE, SIG_IGN);
  signal(SIGCHLD, SIG_DFL); /* were it ignored, nobody could wait for a child */
  do
    fd = open("/dev/null", O_RDWR);
  while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd >= 0)
    close(fd);
}

int
daemon_take_stdio(const char *option, int fds[2])
{
  int null = open("/dev/null", O_RDWR | O_CLOEXEC), error = 0;

  /* What was printed already, and read too far. */
  fflush(stdout);
  /* cppcheck-suppress fflushOnInputStream; POSIX says what it does */
  fflush(stdin);
  for (int fd = 0; fd < 2 && !error; fd++) {
    fds[fd] = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (null == -1 || fds[fd] == -1 || dup2(null, fd) == -1)
      error = errno;
  }
  if (null != -1)
    close(null);
  if (error)
    log_error("%s: stdin and stdout: %s", option, strerror(error));
  return error;
}

int
daemon_drop_stdio(void)
{
  int fds[2], error = daemon_take_stdio("start", fds);

  if (!error)
    for (int i = 0; i < 2; i++)
      close(fds[i]);
  return error;
}

int
daemon_tie_to_parent(const struct options *o)
{
  static pid_t parent; /* as it was at the first call */

  if (!o->exit_with_parent)
    return 0;
  if (!parent)
    parent = getppid();
  if (prctl(PR_SET_PDEATHSIG, SIGTERM) == -1) {
    log_error("--exit-with-parent: %s", strerror(errno));
    return errno;
  }
  if (getppid() != parent) /* it ended in between */
    raise(SIGTERM);
  return 0;
}

int
daemon_lock_memory(const struct options *o)
{
  struct rlimit most;

  if (!o->swap)
    return 0;
  if (mlockall(MCL_CURRENT | MCL_FUTURE) == -1) {
    log_error("--swap: memory cannot be locked: %s", strerror(errno));
    return errno;
  }
  if (geteuid() != 0 && getrlimit(RLIMIT_MEMLOCK, &most) == 0 &&
      most.rlim_cur != RLIM_INFINITY)
    log_warning(
        "--swap: %llu bytes may be locked (ulimit -l): beyond them no memory and "
        "no thread is to be had",
        (unsigned long long)most.rlim_cur);
  return 0;
}

static void
change_mask(int how)
{
  sigset_t set;

  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGQUIT);
  sigaddset(&set, SIGHUP);
  pthread_sigmask(how, &set, NULL);
}

void
daemon_hold_signals(void)
{
  change_mask(SIG_BLOCK);
}

/* The parent's part: the child's word, or its death. */
static int
wait_for_child(int fd)
{
  char c;
  ssize_t r;

  do
    r = read(fd, &c, 1);
  while (r == -1 && errno == EINTR);
  close(fd);
  return r == 1 ? 0 : ECHILD; /* it has said why */
}

int
daemon_fork(bool *parent)
{
  int fds[2];
  pid_t pid;

  *parent = false;
  if (pipe2(fds, O_CLOEXEC) == -1) {
    log_error("pipe: %s", strerror(errno));
    return errno;
  }
  pid = fork();
  if (pid == -1) {
    log_error("fork: %s", strerror(errno));
    return errno;
  }
  if (pid > 0) {
    change_mask(SIG_UNBLOCK); /* nothing is to be cleaned up here */
    close(fds[1]);
    *parent = true;
    return wait_for_child(fds[0]);
  }
  close(fds[0]);
  ready_fd = fds[1];
  setsid();
  if (chdir("/") == -1) {
    /* Then this one stays busy. */
  }
  return 0;
}

static int
find_id(const char *what, const char *text, bool is_group, uid_t *uid, gid_t *gid)
{
  char *end;
  unsigned long number = strtoul(text, &end, 10);
  struct group *gr = is_group ? getgrnam(text) : NULL;
  struct passwd *pw = is_group ? NULL : getpwnam(text);

  if (!is_group && !pw && text[0] && *end == '\0' && number < (uid_t)-1)
    pw = getpwuid((uid_t)number);

  if (gr)
    *gid = gr->gr_gid;
  else if (pw) {
    *uid = pw->pw_uid;
    if (*gid == (gid_t)-1)
      *gid = pw->pw_gid;
  } else if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && number < (uid_t)-1)
    *(is_group ? gid : uid) = (uid_t)number;
  else {
    log_error("%s: there is no %s '%s'", what, is_group ? "group" : "user", text);
    return EINVAL;
  }
  return 0;
}

int
daemon_drop_privileges(const struct options *o)
{
  uid_t uid = (uid_t)-1;
  gid_t gid = (gid_t)-1;

  if (!o->user && !o->group)
    return 0;
  if (o->group && find_id("--group", o->group, true, &uid, &gid) != 0)
    return EINVAL;
  if (o->user && find_id("--user", o->user, false, &uid, &gid) != 0)
    return EINVAL;
  if (gid == (gid_t)-1)
    gid = getgid();
  if (setgroups(1, &gid) == -1 || setgid(gid) == -1 ||
      (uid != (uid_t)-1 && setuid(uid) == -1)) {
    log_error("changing to user %s, group %s: %s", o->user ? o->user : "(the same)",
              o->group ? o->group : "(the user's)", strerror(errno));
    return errno;
  }
  return daemon_tie_to_parent(o); /* changing the user unties it */
}

/* A file beside the pid file, to be renamed to it; -1: write to it as it is (a device,
 * a directory that takes no new file). */
static int
open_beside(const char *pidfile, char name[PATH_MAX])
{
  struct stat st;

  if (lstat(pidfile, &st) == 0 && !S_ISREG(st.st_mode))
    return -1;
  if (snprintf(name, PATH_MAX, "%s.XXXXXX", pidfile) >= PATH_MAX)
    return -1;
  return mkostemp(name, O_CLOEXEC);
}

/* All at once: who waits for the file to be there finds the number in it. */
int
daemon_write_pidfile(const struct options *o)
{
  char text[32], beside[PATH_MAX];
  int len = snprintf(text, sizeof text, "%ld\n", (long)getpid());
  int fd, error = 0;
  bool renames;

  if (!o->pidfile)
    return 0;
  fd = open_beside(o->pidfile, beside);
  renames = fd != -1;
  if (!renames)
    fd = open(o->pidfile, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0644);
  if (fd == -1 || write(fd, text, (size_t)len) != len)
    error = errno;
  if (renames && !error && fchmod(fd, 0644) == -1)
    error = errno;
  if (fd != -1 && close(fd) == -1 && !error)
    error = errno;
  if (renames && !error && rename(beside, o->pidfile) == -1)
    error = errno;
  if (error && renames)
    unlink(beside);
  if (error)
    log_error("pid file %s: %s", o->pidfile, strerror(error));
  return error;
}

void
daemon_remove_pidfile(const struct options *o)
{
  /* Scripts of nbdkit's look into it after the end. */
  bool stays = !o->pidfile || strcmp(o->program, "nbdkit") == 0;
  FILE *fp = stays ? NULL : fopen(o->pidfile, "re");
  long pid = 0;

  if (!fp)
    return;
  /* Another server may have written its own there since. */
  if (fscanf(fp, "%ld", &pid) == 1 && pid == (long)getpid())
    unlink(o->pidfile);
  fclose(fp);
}

/* sd_notify by hand: one datagram. */
static void
notify(const char *state)
{
  const char *path = getenv("NOTIFY_SOCKET");
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  size_t len = path ? strlen(path) : 0;
  int fd;

  if (len < 2 || len >= sizeof address.sun_path || (path[0] != '/' && path[0] != '@'))
    return;
  memcpy(address.sun_path, path, len);
  if (path[0] == '@')
    address.sun_path[0] = '\0';
  fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd == -1)
    return;
  if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&address,
             (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) == -1)
    log_debug("telling the service manager: %s", strerror(errno));
  close(fd);
}

void
daemon_is_ready(bool keep_stderr)
{
  char state[64];
  int null;

  /* Whoever was started is not who serves, once that is in the background. */
  snprintf(state, sizeof state, "READY=1\nMAINPID=%ld\n", (long)getpid());
  if (ready_fd == -1) {
    notify("READY=1\n");
    return;
  }
  notify(state);
  /* Errors of the start have gone to stderr; from here on there is no terminal. */
  null = keep_stderr ? -1 : open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null >= 0) {
    dup2(null, STDERR_FILENO);
    close(null);
  }
  if (write(ready_fd, "", 1) == -1)
    log_debug("the parent is gone");
  close(ready_fd);
  ready_fd = -1;
}

void
daemon_is_stopping(void)
{
  notify("STOPPING=1\n");
}

static void
on_nothing(int sig)
{
  (void)sig;
}

static void
on_signal(int sig)
{
  (void)sig;
  if (server_running)
    server_quit(server_running);
}

static void
on_reload(int sig)
{
  (void)sig;
  if (server_running)
    server_reload(server_running);
}

void
daemon_handle_signals(void)
{
  struct sigaction quit = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  struct sigaction reload = {.sa_handler = on_reload, .sa_flags = SA_RESTART};

  sigemptyset(&quit.sa_mask);
  sigemptyset(&reload.sa_mask);
  /* On a terminal it says that the terminal is gone. */
  sigaction(SIGHUP, isatty(STDIN_FILENO) ? &quit : &reload, NULL);
  sigaction(SIGTERM, &quit, NULL);
  sigaction(SIGINT, &quit, NULL);
  sigaction(SIGQUIT, &quit, NULL);
  change_mask(SIG_UNBLOCK);
  /* A write beyond ulimit -f fails with EFBIG instead.  Caught rather than ignored:
   * programs that plugins start do not inherit that. */
  signal(SIGXFSZ, on_nothing);
}
