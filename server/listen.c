/* SPDX-License-Identifier: BSD-3-Clause */
/* Listening sockets: TCP, Unix, vsock, or handed over by a service manager.
 * Gets addresses from the options; hands open sockets to accept.c.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/vm_sockets.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "listen.h"
#include "log.h"
#include "options.h"

#define BACKLOG      SOMAXCONN
#define FIRST_HANDED 3 /* the descriptor where socket activation begins */

static int
add(struct listeners *l, int fd)
{
  if (l->count == LISTEN_MAX) {
    log_error("more than %d sockets to listen on", LISTEN_MAX);
    close(fd);
    return E2BIG;
  }
  l->fds[l->count++] = fd;
  return 0;
}

/* ------------------------------------------------------------ socket activation */

/* How many sockets a service manager hands over; 0: none. */
static int
handed_over(void)
{
  const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
  int n = count ? atoi(count) : 0;

  if (!pid || (pid_t)atol(pid) != getpid() || n <= 0)
    return 0;
  unsetenv("LISTEN_PID");
  unsetenv("LISTEN_FDS");
  unsetenv("LISTEN_FDNAMES");
  return n;
}

static int
take_over(const struct options *o, struct listeners *l, int count)
{
  if (o->ipaddr || o->port || o->unixsocket || o->unixsocket_private || o->vsock ||
      o->single || o->run) {
    log_error("socket activation: the sockets are handed over: -i, -p, -U, -s, --vsock "
              "and --run have no place then");
    return EINVAL;
  }
  for (int fd = FIRST_HANDED; fd < FIRST_HANDED + count; fd++) {
    int listening = 0;
    socklen_t len = sizeof listening;

    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) == -1 ||
        !listening) {
      log_error("socket activation: descriptor %d is no listening socket", fd);
      return EINVAL;
    }
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    if (add(l, fd) != 0)
      return E2BIG;
  }
  l->activated = 1;
  return 0;
}

/* ------------------------------------------------------------------------- TCP */

static void
remember_port(struct listeners *l, int fd)
{
  struct sockaddr_storage address;
  socklen_t len = sizeof address;

  if (getsockname(fd, (struct sockaddr *)&address, &len) == 0)
    getnameinfo((struct sockaddr *)&address, len, NULL, 0, l->port, sizeof l->port,
                NI_NUMERICSERV);
}

/* The descriptor or -errno. */
static int
open_address(const struct addrinfo *a)
{
  int fd = socket(a->ai_family, a->ai_socktype | SOCK_CLOEXEC, a->ai_protocol);
  int saved;

  if (fd == -1)
    return -errno;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
  if (a->ai_family == AF_INET6)
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &(int){1}, sizeof(int));
  if (bind(fd, a->ai_addr, a->ai_addrlen) == 0 && listen(fd, BACKLOG) == 0)
    return fd;
  saved = errno;
  close(fd);
  return -saved;
}

/* A family that this machine does not have. */
static bool
is_absent(int error)
{
  return error == EAFNOSUPPORT || error == EADDRNOTAVAIL;
}

/* All addresses of the list, on one port. 0, or the error of the one that failed. */
static int
open_addresses(const struct addrinfo *list, bool any_port, struct listeners *l)
{
  int absent = EADDRNOTAVAIL;

  for (const struct addrinfo *a = list; a; a = a->ai_next) {
    struct sockaddr_storage same;
    struct addrinfo again = *a;
    int fd, error;

    /* Port 0: the second family takes the port that the first one got. */
    if (any_port && l->count > 0) {
      memcpy(&same, a->ai_addr, a->ai_addrlen);
      ((struct sockaddr_in *)&same)->sin_port = htons((uint16_t)atoi(l->port));
      again.ai_addr = (struct sockaddr *)&same;
    }
    fd = open_address(&again);
    if (fd < 0 && is_absent(-fd)) {
      absent = -fd;
      continue;
    }
    if (fd < 0)
      return -fd;
    remember_port(l, fd);
    error = add(l, fd);
    if (error)
      return error;
  }
  return l->count > 0 ? 0 : absent;
}

#define PORT_TRIES 20 /* until a port is found that is free in both families */

static int
open_tcp(const struct options *o, struct listeners *l)
{
  const char *port = o->port ? o->port : NBD_PORT;
  const char *shown = o->ipaddr ? o->ipaddr : "any address";
  bool any_port = strcmp(port, "0") == 0;
  struct addrinfo hints = {
      .ai_flags = AI_PASSIVE,
      .ai_family = o->ipv4_only   ? AF_INET
                   : o->ipv6_only ? AF_INET6
                                  : AF_UNSPEC,
      .ai_socktype = SOCK_STREAM,
  };
  struct addrinfo *list;
  int error = getaddrinfo(o->ipaddr, port, &hints, &list);

  if (error) {
    log_error("cannot listen on %s, port %s: %s", shown, port,
              error == EAI_SERVICE ? "it is neither a number nor a known service"
                                   : gai_strerror(error));
    return EINVAL;
  }
  for (int i = 0; i < PORT_TRIES; i++) {
    error = open_addresses(list, any_port, l);
    if (!any_port || error != EADDRINUSE)
      break;
    listen_close(o, l);
  }
  freeaddrinfo(list);
  if (error)
    log_error("cannot listen on %s, port %s: %s%s", shown, port, strerror(error),
              error == EADDRINUSE ? ": another server listens there; see -p" : "");
  return error;
}

/* --------------------------------------------------------------------- SELinux */

/* The kernel's own interface: the label of the sockets that this thread makes from
 * now on; NULL: the usual one. Without SELinux there is nothing to label. */
static int
label_sockets(const char *label)
{
  static bool labelled;
  int fd, error = 0;

  if (access("/sys/fs/selinux/enforce", F_OK) == -1 || (!label && !labelled))
    return 0;
  fd = open("/proc/thread-self/attr/sockcreate", O_WRONLY | O_CLOEXEC);
  if (fd == -1 || write(fd, label ? label : "", label ? strlen(label) + 1 : 0) == -1)
    error = errno;
  if (fd != -1)
    close(fd);
  if (error)
    log_error("--selinux-label: %s: %s", label ? label : "", strerror(error));
  labelled = label != NULL;
  return error;
}

/* ---------------------------------------------------------------- Unix and vsock */

/* A socket file that nobody listens on any more is in the way. */
static bool
remove_stale(const struct sockaddr_un *address)
{
  struct stat st;
  int fd, r;

  if (lstat(address->sun_path, &st) == -1 || !S_ISSOCK(st.st_mode))
    return false;
  fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd == -1)
    return false;
  r = connect(fd, (const struct sockaddr *)address, sizeof *address);
  r = r == -1 ? errno : 0;
  close(fd);
  return r == ECONNREFUSED && unlink(address->sun_path) == 0;
}

/* A directory of its own for a socket that only --run knows. */
static int
make_private_path(struct listeners *l)
{
  char dir[] = "/tmp/nbdsrvXXXXXX";

  if (!mkdtemp(dir)) {
    log_error("a directory for a private socket: %s: %s", dir, strerror(errno));
    return errno;
  }
  if (asprintf(&l->unixsocket, "%s/socket", dir) == -1) {
    l->unixsocket = NULL;
    rmdir(dir);
    return ENOMEM;
  }
  return 0;
}

static int
bind_unix(struct listeners *l, int fd)
{
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  struct stat st;
  int r;

  if (strlen(l->unixsocket) >= sizeof address.sun_path) {
    log_error("%s: the path of a Unix socket may have %zu bytes at most", l->unixsocket,
              sizeof address.sun_path - 1);
    return ENAMETOOLONG;
  }
  strcpy(address.sun_path, l->unixsocket);
  r = bind(fd, (struct sockaddr *)&address, sizeof address);
  if (r == -1 && errno == EADDRINUSE && remove_stale(&address))
    r = bind(fd, (struct sockaddr *)&address, sizeof address);
  if (r == -1 || lstat(l->unixsocket, &st) == -1 || listen(fd, BACKLOG) == -1) {
    int error = errno;
    log_error("cannot listen on %s: %s%s", l->unixsocket, strerror(error),
              error == EADDRINUSE ? ": something is there already" : "");
    if (r == 0)
      unlink(l->unixsocket);
    return error;
  }
  l->device = st.st_dev;
  l->inode = st.st_ino;
  return 0;
}

static int
open_unix(const struct options *o, struct listeners *l)
{
  int fd, error = 0;

  if (o->unixsocket_private)
    error = make_private_path(l);
  else if (!(l->unixsocket = strdup(o->unixsocket)))
    error = ENOMEM;
  if (error)
    return error;
  fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd == -1) {
    log_error("a Unix socket: %s", strerror(errno));
    return errno;
  }
  error = bind_unix(l, fd);
  if (!error)
    return add(l, fd);
  close(fd);
  return error;
}

static int
open_vsock(const struct options *o, struct listeners *l)
{
  struct sockaddr_vm address = {.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY};
  uint64_t port;
  int fd;

  if (nbdsrv_parse_uint64("--port", o->port ? o->port : NBD_PORT, UINT32_MAX, &port) !=
      0)
    return EINVAL;
  address.svm_port = (unsigned)port;
  snprintf(l->port, sizeof l->port, "%u", address.svm_port);
  fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd == -1 || bind(fd, (struct sockaddr *)&address, sizeof address) == -1 ||
      listen(fd, BACKLOG) == -1) {
    int error = errno;
    log_error("cannot listen on vsock, port %s: %s", l->port, strerror(error));
    if (fd != -1)
      close(fd);
    return error;
  }
  return add(l, fd);
}

int
listen_open(const struct options *o, struct listeners *l)
{
  int count = handed_over(), error;

  *l = (struct listeners){0};
  if (count > 0)
    error = take_over(o, l, count);
  else if (o->single)
    return 0;
  else if (label_sockets(o->selinux_label) != 0)
    return EINVAL;
  else if (o->unixsocket || o->unixsocket_private)
    error = open_unix(o, l);
  else if (o->vsock)
    error = open_vsock(o, l);
  else
    error = open_tcp(o, l);
  if (!error)
    error = label_sockets(NULL);
  if (error)
    listen_close(o, l);
  return error;
}

static void
listen_unlink(const struct options *o, const struct listeners *l)
{
  struct stat st;

  if (!l->unixsocket)
    return;
  /* Another server may have put its own there since. */
  if (l->inode && lstat(l->unixsocket, &st) == 0 && st.st_dev == l->device &&
      st.st_ino == l->inode)
    unlink(l->unixsocket);
  if (o->unixsocket_private) {
    char *dir = strdup(l->unixsocket);
    if (dir)
      rmdir(dirname(dir));
    free(dir);
  }
}

void
listen_close(const struct options *o, struct listeners *l)
{
  for (size_t i = 0; i < l->count; i++)
    close(l->fds[i]);
  l->count = 0;
  listen_unlink(o, l);
  free(l->unixsocket);
  l->unixsocket = NULL;
}
