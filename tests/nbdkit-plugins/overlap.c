/* SPDX-License-Identifier: BSD-3-Clause */
/* An nbdkit plugin for tests that counts which of its calls run beside each other.
 *
 * Built with -DMODEL=0 to 3.  A read waits until as many reads as wait=N are inside,
 * or, with wait=0, gives way to others now and then.  Reading at offset 0 after that
 * tells the most that were inside at once: in all, on one handle, and handles open.
 */
#define NBDKIT_API_VERSION 2

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <nbdkit-plugin.h>

#define THREAD_MODEL MODEL

struct handle {
  unsigned inside;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned wanted, inside, handles, reached;
static uint32_t most[3]; /* inside, inside one handle, handles */
static int model = MODEL;

static void
at_least(uint32_t *value, unsigned n)
{
  if (n > *value)
    *value = n;
}

static int
o_config(const char *key, const char *value)
{
  if (strcmp(key, "wait") == 0)
    return nbdkit_parse_unsigned(key, value, &wanted);
  if (strcmp(key, "model") == 0)
    return nbdkit_parse_int(key, value, &model);
  nbdkit_error("unknown key");
  return -1;
}

static int
o_thread_model(void)
{
  return model;
}

static void *
o_open(int readonly)
{
  struct handle *h = calloc(1, sizeof *h);

  (void)readonly;
  pthread_mutex_lock(&lock);
  at_least(&most[2], ++handles);
  pthread_mutex_unlock(&lock);
  return h;
}

static void
o_close(void *handle)
{
  pthread_mutex_lock(&lock);
  handles--;
  pthread_mutex_unlock(&lock);
  free(handle);
}

static int64_t
o_get_size(void *handle)
{
  (void)handle;
  return 1 << 20;
}

static void
give_way(void)
{
  pthread_mutex_unlock(&lock);
  for (unsigned i = 0; i < 100; i++)
    sched_yield();
  pthread_mutex_lock(&lock);
}

/* With the lock. */
static void
meet_others(void)
{
  struct timespec until;

  if (wanted == 0) {
    give_way();
    return;
  }
  reached = reached || inside >= wanted;
  pthread_cond_broadcast(&changed);
  clock_gettime(CLOCK_REALTIME, &until);
  until.tv_sec += 60; /* they never come: the test fails by the numbers */
  while (!reached && pthread_cond_timedwait(&changed, &lock, &until) == 0)
    ;
}

static int
o_pread(void *handle, void *buf, uint32_t count, uint64_t offset, uint32_t flags)
{
  struct handle *h = handle;

  (void)flags;
  memset(buf, 0, count);
  pthread_mutex_lock(&lock);
  if (offset == 0)
    memcpy(buf, most, sizeof most < count ? sizeof most : count);
  else {
    at_least(&most[0], ++inside);
    at_least(&most[1], ++h->inside);
    meet_others();
    inside--;
    h->inside--;
  }
  pthread_mutex_unlock(&lock);
  return 0;
}

static struct nbdkit_plugin plugin = {
    .name = "overlap",
    .config = o_config,
    .thread_model = o_thread_model,
    .open = o_open,
    .close = o_close,
    .get_size = o_get_size,
    .pread = o_pread,
};

NBDKIT_REGISTER_PLUGIN(plugin)
