/* SPDX-License-Identifier: BSD-3-Clause */
/* The bare server that stands for the limit: one thread a connection reads requests in
 * gulps and answers a gulp with one send, from flat memory or from a file.  It trusts
 * its client's intentions and is good for nothing else.
 *
 * Usage: reference SOCKET|PORT SIZE [FILE]
 */
#include "config.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "../server/protocol.h"
#include "../server/wire.h"

#define IN_SIZE   (256u * 1024)
#define MOST_IOVS 512u

static uint8_t *memory;
static uint64_t size;
static int file = -1;

struct batch {
  struct iovec iov[MOST_IOVS];
  uint8_t heads[MOST_IOVS][28];
  unsigned iovs, count;
  uint8_t *space; /* file mode: what was read */
  size_t space_used;
};

static bool
send_batch(int fd, struct batch *b)
{
  struct iovec *iov = b->iov;

  while (b->iovs > 0) {
    struct msghdr msg = {.msg_iov = iov, .msg_iovlen = b->iovs};
    ssize_t n = sendmsg(fd, &msg, MSG_NOSIGNAL);
    if (n <= 0)
      return false;
    while (b->iovs > 0 && (size_t)n >= iov->iov_len) {
      n -= (ssize_t)iov->iov_len;
      iov++;
      b->iovs--;
    }
    if (b->iovs > 0) {
      iov->iov_base = (char *)iov->iov_base + n;
      iov->iov_len -= (size_t)n;
    }
  }
  b->count = 0;
  b->space_used = 0;
  return true;
}

static bool
recv_all(int fd, void *buf, size_t len)
{
  return len == 0 || recv(fd, buf, len, MSG_WAITALL) == (ssize_t)len;
}

static bool
reply_option(int fd, uint32_t option, uint32_t type, const void *data, uint32_t len)
{
  uint8_t head[20];

  wire_put_u32(
      wire_put_u32(wire_put_u32(wire_put_u64(head, NBD_REP_MAGIC), option), type), len);
  return send(fd, head, sizeof head, MSG_NOSIGNAL) == sizeof head &&
         (len == 0 || send(fd, data, len, MSG_NOSIGNAL) == (ssize_t)len);
}

static bool
handshake(int fd, bool *structured)
{
  static const uint16_t flags = NBD_FLAG_HAS_FLAGS | NBD_FLAG_SEND_FLUSH |
                                NBD_FLAG_SEND_TRIM | NBD_FLAG_SEND_WRITE_ZEROES |
                                NBD_FLAG_CAN_MULTI_CONN;
  uint8_t greeting[18], head[16], data[4096], info[12];

  wire_put_u16(wire_put_u64(wire_put_u64(greeting, NBD_MAGIC), NBD_OPTS_MAGIC), 3);
  if (send(fd, greeting, sizeof greeting, MSG_NOSIGNAL) != sizeof greeting ||
      !recv_all(fd, data, 4))
    return false;
  for (;;) {
    struct wire_in in = {head, sizeof head};
    uint64_t magic;
    uint32_t option, len;

    if (!recv_all(fd, head, sizeof head))
      return false;
    wire_get_u64(&in, &magic);
    wire_get_u32(&in, &option);
    wire_get_u32(&in, &len);
    if (len > sizeof data || !recv_all(fd, data, len))
      return false;
    wire_put_u16(wire_put_u64(wire_put_u16(info, NBD_INFO_EXPORT), size), flags);
    switch (option) {
    case NBD_OPT_STRUCTURED_REPLY:
      *structured = true;
      reply_option(fd, option, NBD_REP_ACK, NULL, 0);
      break;
    case NBD_OPT_INFO:
    case NBD_OPT_GO:
      reply_option(fd, option, NBD_REP_INFO, info, sizeof info);
      reply_option(fd, option, NBD_REP_ACK, NULL, 0);
      if (option == NBD_OPT_GO)
        return true;
      break;
    default:
      reply_option(fd, option, NBD_REP_ERR_UNSUP, NULL, 0);
    }
  }
}

static void
add_reply(struct batch *b, bool structured, uint64_t cookie, uint64_t offset,
          const uint8_t *data, uint32_t len)
{
  uint8_t *head = b->heads[b->count++], *p = head;

  if (structured) {
    p = wire_put_u32(p, NBD_STRUCTURED_REPLY_MAGIC);
    p = wire_put_u16(p, NBD_REPLY_FLAG_DONE);
    p = wire_put_u16(p, data ? NBD_REPLY_TYPE_OFFSET_DATA : NBD_REPLY_TYPE_NONE);
    p = wire_put_u64(p, cookie);
    p = wire_put_u32(p, data ? len + 8 : 0);
    if (data)
      p = wire_put_u64(p, offset);
  } else {
    p = wire_put_u32(p, NBD_SIMPLE_REPLY_MAGIC);
    p = wire_put_u32(p, 0);
    p = wire_put_u64(p, cookie);
  }
  b->iov[b->iovs++] = (struct iovec){head, (size_t)(p - head)};
  if (data)
    b->iov[b->iovs++] = (struct iovec){(void *)data, len};
}

struct conn {
  int fd;
  bool structured;
  struct batch batch;
  uint8_t *in;
  size_t start, end;
  uint8_t *space; /* file mode: what is to be written */
};

/* The payload of a write: from the gulp, and what is missing from the socket. */
static bool
take_write(struct conn *c, uint64_t offset, uint32_t length)
{
  size_t have = c->end - c->start < length ? c->end - c->start : length;
  uint8_t *to = file >= 0 ? c->space : memory + offset;

  memcpy(to, c->in + c->start, have);
  c->start += have;
  if (have < length &&
      (!send_batch(c->fd, &c->batch) || !recv_all(c->fd, to + have, length - have)))
    return false;
  return file < 0 || pwrite(file, to, length, (off_t)offset) == (ssize_t)length;
}

static const uint8_t *
take_read(struct conn *c, uint64_t offset, uint32_t length)
{
  struct batch *b = &c->batch;
  uint8_t *to;

  if (file < 0)
    return memory + offset;
  if (b->space_used + length > NBD_MAX_PAYLOAD && !send_batch(c->fd, b))
    return NULL;
  to = b->space + b->space_used;
  b->space_used += length;
  return pread(file, to, length, (off_t)offset) == (ssize_t)length ? to : NULL;
}

/* Trimming does nothing, in memory there is nothing to flush. */
static bool
carry_out(uint16_t command, uint64_t offset, uint32_t length)
{
  if (command == NBD_CMD_WRITE_ZEROES && file < 0)
    memset(memory + offset, 0, length);
  else if (command == NBD_CMD_WRITE_ZEROES)
    return fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
                     length) == 0;
  else if (command == NBD_CMD_FLUSH && file >= 0)
    return fdatasync(file) == 0;
  return true;
}

static bool
serve_one(struct conn *c)
{
  struct wire_in in = {c->in + c->start, NBD_REQUEST_SIZE};
  uint32_t magic, length;
  uint16_t flags, command;
  uint64_t cookie, offset;
  const uint8_t *data = NULL;

  wire_get_u32(&in, &magic);
  wire_get_u16(&in, &flags);
  wire_get_u16(&in, &command);
  wire_get_u64(&in, &cookie);
  wire_get_u64(&in, &offset);
  wire_get_u32(&in, &length);
  c->start += NBD_REQUEST_SIZE;
  if (magic != NBD_REQUEST_MAGIC || command == NBD_CMD_DISC || offset > size ||
      length > size - offset || (command <= NBD_CMD_WRITE && length > NBD_MAX_PAYLOAD))
    return false;
  if (command == NBD_CMD_WRITE && !take_write(c, offset, length))
    return false;
  if (command == NBD_CMD_READ && !(data = take_read(c, offset, length)))
    return false;
  if (!carry_out(command, offset, length))
    return false;
  add_reply(&c->batch, c->structured, cookie, offset, data, length);
  return c->batch.iovs + 2 <= MOST_IOVS || send_batch(c->fd, &c->batch);
}

static void *
serve(void *arg)
{
  struct conn *c = calloc(1, sizeof *c);

  c->fd = (int)(intptr_t)arg;
  c->in = malloc(IN_SIZE);
  if (file >= 0) {
    c->batch.space = malloc(NBD_MAX_PAYLOAD);
    c->space = malloc(NBD_MAX_PAYLOAD);
  }
  if (handshake(c->fd, &c->structured)) {
    for (;;) {
      ssize_t n;
      bool ok = true;

      memmove(c->in, c->in + c->start, c->end - c->start);
      c->end -= c->start;
      c->start = 0;
      n = recv(c->fd, c->in + c->end, IN_SIZE - c->end, 0);
      if (n <= 0)
        break;
      c->end += (size_t)n;
      while (ok && c->end - c->start >= NBD_REQUEST_SIZE)
        ok = serve_one(c);
      if (!ok || !send_batch(c->fd, &c->batch))
        break;
    }
  }
  close(c->fd);
  free(c->batch.space);
  free(c->space);
  free(c->in);
  free(c);
  return NULL;
}

static int
listen_on(const char *where)
{
  struct sockaddr_un path = {.sun_family = AF_UNIX};
  struct sockaddr_in port = {.sin_family = AF_INET,
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  bool tcp = where[0] != '/';
  int fd = socket(tcp ? AF_INET : AF_UNIX, SOCK_STREAM, 0);

  strncpy(path.sun_path, where, sizeof path.sun_path - 1);
  port.sin_port = htons((uint16_t)atoi(where));
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
  if (bind(fd, tcp ? (struct sockaddr *)&port : (struct sockaddr *)&path,
           tcp ? sizeof port : sizeof path) == -1 ||
      listen(fd, SOMAXCONN) == -1) {
    perror(where);
    exit(1);
  }
  return fd;
}

int
main(int argc, char **argv)
{
  int listener;

  if (argc < 3) {
    fprintf(stderr, "usage: reference SOCKET|PORT SIZE [FILE]\n");
    return 1;
  }
  size = strtoull(argv[2], NULL, 0);
  memory = mmap(NULL, size, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (argc > 3)
    file = open(argv[3], O_RDWR);
  if (memory == MAP_FAILED || (argc > 3 && file == -1)) {
    perror("reference");
    return 1;
  }
  signal(SIGPIPE, SIG_IGN);
  listener = listen_on(argv[1]);
  for (;;) {
    int fd = accept(listener, NULL, NULL);
    pthread_t thread;

    if (fd == -1)
      continue;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd);
    pthread_detach(thread);
  }
}
