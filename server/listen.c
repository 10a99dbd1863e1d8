/* SPDX-License-Identifier: BSD-3-Clause */
/* Listening sockets: TCP, Unix, vsock, or handed over by a service manager.
 * Gets addresses from the options; hands every accepted client to server.c.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "listen.h"
#include "log.h"
#include "options.h"
#include "server.h"

#define NBD_PORT     "10809"
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
take_over(struct listeners *l, int count)
{
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

static int
open_tcp(const struct options *o, struct listeners *l)
{
  const char *port = o->port ? o->port : NBD_PORT;
  const char *shown = o->ipaddr ? o->ipaddr : "any address";
  struct addrinfo hints = {
      .ai_flags = AI_PASSIVE,
      .ai_family = o->ipv4_only   ? AF_INET
                   : o->ipv6_only ? AF_INET6
                                  : AF_UNSPEC,
      .ai_socktype = SOCK_STREAM,
  };
  struct addrinfo *list;
  int r = getaddrinfo(o->ipaddr, port, &hints, &list), last = EADDRNOTAVAIL;

  if (r != 0) {
    log_error("cannot listen on %s, port %s: %s", shown, port, gai_strerror(r));
    return EINVAL;
  }
  for (struct addrinfo *a = list; a; a = a->ai_next) {
    struct sockaddr_storage same;
    struct addrinfo again = *a;
    int fd;

    /* Port 0: the second family takes the port that the first one got. */
    if (l->port[0] && strcmp(port, "0") == 0) {
      memcpy(&same, a->ai_addr, a->ai_addrlen);
      ((struct sockaddr_in *)&same)->sin_port = htons((uint16_t)atoi(l->port));
      again.ai_addr = (struct sockaddr *)&same;
    }
    fd = open_address(&again);
    if (fd < 0) {
      last = -fd;
      if (last == EAFNOSUPPORT || last == EADDRNOTAVAIL)
        continue; /* a family that this machine does not have */
      break;
    }
    remember_port(l, fd);
    if (add(l, fd) != 0)
      break;
    last = 0;
  }
  freeaddrinfo(list);
  if (last != 0 && (l->count == 0 || (last != EAFNOSUPPORT && last != EADDRNOTAVAIL))) {
    log_error("cannot listen on %s, port %s: %s%s", shown, port, strerror(last),
              last == EADDRINUSE ? ": another server listens there; see -p" : "");
    return last;
  }
  return 0;
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

static int
open_unix(const struct options *o, struct listeners *l)
{
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int fd, r;

  if (strlen(o->unixsocket) >= sizeof address.sun_path) {
    log_error("%s: the path of a Unix socket may have %zu bytes at most", o->unixsocket,
              sizeof address.sun_path - 1);
    return ENAMETOOLONG;
  }
  strcpy(address.sun_path, o->unixsocket);
  fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd == -1) {
    log_error("a Unix socket: %s", strerror(errno));
    return errno;
  }
  r = bind(fd, (struct sockaddr *)&address, sizeof address);
  if (r == -1 && errno == EADDRINUSE && remove_stale(&address))
    r = bind(fd, (struct sockaddr *)&address, sizeof address);
  if (r == -1 || listen(fd, BACKLOG) == -1) {
    int error = errno;
    log_error("cannot listen on %s: %s%s", o->unixsocket, strerror(error),
              error == EADDRINUSE ? ": something is there already" : "");
    close(fd);
    return error;
  }
  l->unixsocket = o->unixsocket;
  return add(l, fd);
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
    error = take_over(l, count);
  else if (o->single)
    return 0;
  else if (o->unixsocket)
    error = open_unix(o, l);
  else if (o->vsock)
    error = open_vsock(o, l);
  else
    error = open_tcp(o, l);
  if (error)
    listen_close(o, l);
  return error;
}

void
listen_close(const struct options *o, struct listeners *l)
{
  for (size_t i = 0; i < l->count; i++)
    close(l->fds[i]);
  l->count = 0;
  if (l->unixsocket)
    unlink(l->unixsocket);
  l->unixsocket = NULL;
  if (o->unixsocket_private) {
    char *dir = strdup(o->unixsocket), *slash = dir ? strrchr(dir, '/') : NULL;
    if (slash) {
      *slash = '\0';
      rmdir(dir);
    }
    free(dir);
  }
}

/* ------------------------------------------------------------------- accepting */

static void
accept_one(struct server *server, int listener)
{
  int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

  if (fd >= 0) {
    server_start_connection(server, fd, fd);
    return;
  }
  switch (errno) {
  case EMFILE:
  case ENFILE:
  case ENOBUFS:
  case ENOMEM:
    /* The client stays in the queue: no use asking again at once. */
    log_error("accepting a client: %s", strerror(errno));
    nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
    break;
  default: /* this client is gone again */
    break;
  }
}

void
listen_accept(struct server *server, const struct listeners *l)
{
  struct pollfd fds[LISTEN_MAX + 1];

  fds[0] = (struct pollfd){.fd = server->quit_fd, .events = POLLIN};
  for (size_t i = 0; i < l->count; i++) {
    /* Another process may take the client between poll and accept. */
    fcntl(l->fds[i], F_SETFL, fcntl(l->fds[i], F_GETFL) | O_NONBLOCK);
    fds[i + 1] = (struct pollfd){.fd = l->fds[i], .events = POLLIN};
  }
  while (!atomic_load(&server->quitting)) {
    if (poll(fds, l->count + 1, -1) == -1)
      continue;
    for (size_t i = 1; i <= l->count; i++)
      if (fds[i].revents)
        accept_one(server, fds[i].fd);
  }
}

/* ------------------------------------------------------------------------- URI */

/* Percent-encodes what a URI cannot hold; appends to out. */
static void
put_encoded(FILE *out, const char *text, const char *safe)
{
  for (; *text; text++) {
    unsigned char c = (unsigned char)*text;
    if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
        strchr("-._~", c) || strchr(safe, c))
      fputc(c, out);
    else
      fprintf(out, "%%%02X", c);
  }
}

static void
put_tls_query(FILE *out, const struct options *o, char separator)
{
  if (o->tls != TLS_REQUIRE)
    return;
  if (o->tls_certificates) {
    fprintf(out, "%ctls-certificates=", separator);
    put_encoded(out, o->tls_certificates, "/");
  } else if (o->tls_psk) {
    fprintf(out, "%ctls-psk-file=", separator);
    put_encoded(out, o->tls_psk, "/");
  }
}

char *
listen_uri(const struct options *o, const struct listeners *l)
{
  const char *scheme = o->tls == TLS_REQUIRE ? "nbds" : "nbd";
  char *uri = NULL;
  size_t size;
  FILE *out;

  if (l->activated || o->single)
    return NULL;
  out = open_memstream(&uri, &size);
  if (!out)
    return NULL;
  if (o->unixsocket) {
    fprintf(out, "%s+unix://", scheme);
    if (o->export_name[0]) {
      fputc('/', out);
      put_encoded(out, o->export_name, "/");
    }
    fputs("?socket=", out);
    put_encoded(out, o->unixsocket, "/");
    put_tls_query(out, o, '&');
  } else {
    bool six = o->ipaddr && strchr(o->ipaddr, ':');

    fprintf(out, "%s%s://", scheme, o->vsock ? "+vsock" : "");
    fprintf(out, six ? "[%s]" : "%s",
            o->vsock                    ? "1"
            : o->ipaddr && o->ipaddr[0] ? o->ipaddr
                                        : "localhost");
    if (strcmp(l->port, NBD_PORT) != 0)
      fprintf(out, ":%s", l->port);
    if (o->export_name[0]) {
      fputc('/', out);
      put_encoded(out, o->export_name, "/");
    }
    put_tls_query(out, o, '?');
  }
  if (fclose(out) != 0) {
    free(uri);
    return NULL;
  }
  return uri;
}
