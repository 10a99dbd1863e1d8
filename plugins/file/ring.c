/* SPDX-License-Identifier: BSD-3-Clause */
/* Small reads of what is not in the page cache, by io_uring: no thread waits for each.
 * Gets reads that would have to wait; gives them to a ring, whose thread completes
 * them. A ring and its thread come with the first such read.
 */
#define _GNU_SOURCE
#include "config.h"

#include "file.h"

#ifdef HAVE_LIBURING

#include <liburing.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Connections share them, so that none waits long while others submit. */
#define RINGS   4u
#define ENTRIES 256u

/* From here on workers are cheaper: a large read of the ring is done in many steps. */
#define MOST_READ (32u * 1024)

struct ring {
  pthread_mutex_t lock; /* for whoever submits */
  struct io_uring uring;
  pthread_t thread;
  /* Counts what was gathered: the thread has seen all of a request whose end it sees.
   */
  atomic_uint gathered;
};

struct rings {
  pthread_mutex_t lock; /* for whoever adds one */
  atomic_bool refused;  /* the kernel has none for us */
  _Atomic(struct ring *) list[RINGS];
};

/* ----------------------------------------------------------------- submitting */

/* With the lock: all that was gathered goes to the kernel.  It refuses only while it is
 * out of memory, or the thread behind with what has ended. */
static void
submit_gathered(struct ring *ring)
{
  while (io_uring_sq_ready(&ring->uring) > 0)
    if (io_uring_submit(&ring->uring) < 0)
      nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
}

/* With the lock.  opaque: the handle, and how much has been read. */
static void
gather(struct ring *ring, struct nbdsrv_request *request)
{
  const struct open_file *h = request->opaque[0];
  size_t done = (size_t)(uintptr_t)request->opaque[1];
  struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->uring);

  if (!sqe) {
    submit_gathered(ring);
    sqe = io_uring_get_sqe(&ring->uring);
  }
  io_uring_prep_read(sqe, h->fd, (char *)request->buf + done,
                     (unsigned)(request->length - done), request->offset + done);
  io_uring_sqe_set_data(sqe, request);
  atomic_fetch_add_explicit(&ring->gathered, 1, memory_order_release);
}

/* ----------------------------------------------------------------- completing */

static void
fail(struct nbdsrv_request *request, int error, const char *why)
{
  char text[128];

  snprintf(text, sizeof text, "reading at %llu: %s",
           (unsigned long long)request->offset, why);
  nbdsrv_complete(request, error, text);
}

/* The result of a read: all of it, a part, or an error. */
static void
take_result(struct ring *ring, struct nbdsrv_request *request, int result)
{
  struct open_file *h = request->opaque[0];
  size_t done = (size_t)(uintptr_t)request->opaque[1];

  if (result > 0)
    done += (size_t)result;
  if (done == request->length) {
    if (h->evict)
      evict_read(h, request->length, request->offset);
    nbdsrv_complete(request, 0, NULL);
  } else if (result == 0)
    fail(request, EIO, "the file was made shorter while in use");
  else if (result < 0 && result != -EINTR && result != -EAGAIN)
    fail(request, -result, strerror(-result));
  else {
    request->opaque[1] = (void *)(uintptr_t)done;
    pthread_mutex_lock(&ring->lock);
    gather(ring, request);
    submit_gathered(ring);
    pthread_mutex_unlock(&ring->lock);
  }
}

/* Until a request without data ends. */
static void *
ring_main(void *arg)
{
  struct ring *ring = arg;

  for (;;) {
    struct io_uring_cqe *cqe;
    struct nbdsrv_request *request;
    int result;

    if (io_uring_wait_cqe(&ring->uring, &cqe) < 0)
      continue;
    request = io_uring_cqe_get_data(cqe);
    result = cqe->res;
    io_uring_cqe_seen(&ring->uring, cqe);
    atomic_load_explicit(&ring->gathered, memory_order_acquire);
    if (!request)
      return NULL;
    take_result(ring, request, result);
  }
}

/* ---------------------------------------------------------------------- rings */

static struct ring *
ring_new(void)
{
  struct ring *ring = calloc(1, sizeof *ring);

  if (!ring || io_uring_queue_init(ENTRIES, &ring->uring, 0) < 0) {
    free(ring);
    return NULL;
  }
  pthread_mutex_init(&ring->lock, NULL);
  if (pthread_create(&ring->thread, NULL, ring_main, ring) == 0)
    return ring;
  io_uring_queue_exit(&ring->uring);
  pthread_mutex_destroy(&ring->lock);
  free(ring);
  return NULL;
}

static void
ring_free(struct ring *ring)
{
  struct io_uring_sqe *sqe;

  if (!ring)
    return;
  sqe = io_uring_get_sqe(&ring->uring); /* there is room: nothing is under way */
  io_uring_prep_nop(sqe);
  io_uring_sqe_set_data(sqe, NULL);
  submit_gathered(ring);
  pthread_join(ring->thread, NULL);
  io_uring_queue_exit(&ring->uring);
  pthread_mutex_destroy(&ring->lock);
  free(ring);
}

struct rings *
rings_new(void)
{
  struct rings *rings = calloc(1, sizeof *rings);

  if (rings)
    pthread_mutex_init(&rings->lock, NULL);
  return rings;
}

void
rings_free(struct rings *rings)
{
  if (!rings)
    return;
  for (unsigned i = 0; i < RINGS; i++)
    ring_free(atomic_load(&rings->list[i]));
  pthread_mutex_destroy(&rings->lock);
  free(rings);
}

/* The ring of a connection, or NULL if there is none to be had. */
static struct ring *
ring_of(const struct open_file *h)
{
  struct rings *rings = h->rings;
  _Atomic(struct ring *) *place;
  struct ring *ring;

  if (!rings)
    return NULL;
  place = &rings->list[h->connection % RINGS];
  ring = atomic_load_explicit(place, memory_order_acquire);
  if (ring || atomic_load_explicit(&rings->refused, memory_order_relaxed))
    return ring;
  pthread_mutex_lock(&rings->lock);
  ring = atomic_load_explicit(place, memory_order_relaxed);
  if (!ring) {
    ring = ring_new();
    atomic_store_explicit(place, ring, memory_order_release);
    if (!ring)
      atomic_store_explicit(&rings->refused, true, memory_order_relaxed);
  }
  pthread_mutex_unlock(&rings->lock);
  return ring;
}

int
file_submit(void *handle, struct nbdsrv_request *request)
{
  const struct open_file *h = handle;
  struct ring *ring = request->length <= MOST_READ ? ring_of(h) : NULL;

  if (!ring)
    return EAGAIN;
  request->opaque[0] = handle;
  request->opaque[1] = NULL;
  pthread_mutex_lock(&ring->lock);
  gather(ring, request);
  pthread_mutex_unlock(&ring->lock);
  return 0;
}

void
file_kick(void *handle)
{
  struct ring *ring = ring_of(handle); /* it took something, so it is there */

  pthread_mutex_lock(&ring->lock);
  submit_gathered(ring);
  pthread_mutex_unlock(&ring->lock);
}

#else /* without liburing: workers read */

struct rings *
rings_new(void)
{
  return NULL;
}

void
rings_free(struct rings *rings)
{
  (void)rings;
}

int
file_submit(void *handle, struct nbdsrv_request *request)
{
  (void)handle;
  (void)request;
  return EAGAIN;
}

void
file_kick(void *handle)
{
  (void)handle;
}

#endif
