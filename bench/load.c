/* SPDX-License-Identifier: BSD-3-Clause */
/* The load generator: connects, lets every connection run in a thread of its own, and
 * reports requests and bytes a second, the server's CPU time per request, latencies.
 */
#include "config.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "client.h"
#include "options.h"
#include "report.h"

/* For how long idle connections are left alone: servers give memory back by and by. */
#define IDLE_SECONDS 2

static atomic_int phase;

/* The first Ctrl-C ends the measurement and reports, the second ends everything. */
static void
interrupted(int number)
{
  (void)number;
  atomic_store(&phase, PHASE_STOP);
}

static void
pause_for(double seconds)
{
  struct timespec ts = {.tv_sec = (time_t)seconds};

  ts.tv_nsec = (long)((seconds - (double)ts.tv_sec) * 1e9);
  nanosleep(&ts, NULL);
}

static void
say(const struct client *c)
{
  fprintf(stderr, "load: connection %u: %s%s%s\n", c->number, c->error,
          c->error_number ? ": " : "",
          c->error_number == ENODATA ? "the server closed the connection"
          : c->error_number          ? strerror(c->error_number)
                                     : "");
}

static void *
client_thread(void *arg)
{
  client_run(arg, &phase);
  return NULL;
}

static struct client *
new_clients(unsigned count, const struct load *load)
{
  struct client *clients = calloc(count, sizeof *clients);

  for (unsigned i = 0; clients && i < count; i++) {
    clients[i].load = load;
    clients[i].number = i;
    clients[i].stream.fd = -1;
  }
  return clients;
}

static void
close_clients(struct client *clients, unsigned count)
{
  for (unsigned i = 0; clients && i < count; i++)
    client_close(&clients[i]);
  free(clients);
}

static bool
open_clients(struct client *clients, unsigned count)
{
  for (unsigned i = 0; i < count; i++)
    if (!client_open(&clients[i])) {
      say(&clients[i]);
      return false;
    }
  return true;
}

static bool
fill(struct client *clients, const struct load *load)
{
  if (!client_fill(&clients[0])) {
    say(&clients[0]);
    return false;
  }
  for (unsigned i = 0; i < load->connections; i++)
    clients[i].filled = load->verify;
  return true;
}

/* Starts as many threads as it can; returns how many. */
static unsigned
start_threads(struct client *clients, unsigned count, pthread_t *threads)
{
  for (unsigned i = 0; i < count; i++) {
    int err = pthread_create(&threads[i], NULL, client_thread, &clients[i]);
    if (err != 0) {
      client_fail(&clients[i], "cannot start a thread", err);
      atomic_store(&phase, PHASE_STOP);
      return i;
    }
  }
  return count;
}

static bool
measure(struct client *clients, const struct load *load, struct result *r)
{
  pthread_t *threads = calloc(load->connections, sizeof *threads);
  bool timed = load->requests == 0;
  uint64_t start;
  unsigned n;

  if (!threads)
    return false;
  atomic_store(&phase, timed ? PHASE_WARMUP : PHASE_MEASURE);
  signal(SIGTERM, interrupted);
  sigaction(
      SIGINT,
      &(struct sigaction){.sa_handler = interrupted, .sa_flags = (int)SA_RESETHAND},
      NULL);
  start = stats_now_ns();
  r->server_cpu = -stats_cpu_seconds(load->pid);
  r->client_cpu = -stats_cpu_seconds(getpid());
  n = start_threads(clients, load->connections, threads);
  if (timed) {
    int expected = PHASE_WARMUP;
    pause_for(load->warmup);
    start = stats_now_ns();
    r->server_cpu = -stats_cpu_seconds(load->pid);
    r->client_cpu = -stats_cpu_seconds(getpid());
    if (atomic_compare_exchange_strong(&phase, &expected, PHASE_MEASURE))
      pause_for(load->seconds);
  } else
    for (unsigned i = 0; i < n; i++)
      pthread_join(threads[i], NULL);
  r->server_cpu += stats_cpu_seconds(load->pid);
  r->client_cpu += stats_cpu_seconds(getpid());
  atomic_store(&phase, PHASE_STOP);
  r->seconds = (double)(stats_now_ns() - start) / 1e9;
  for (unsigned i = 0; timed && i < n; i++)
    pthread_join(threads[i], NULL);
  free(threads);
  return true;
}

static bool
sum_up(const struct client *clients, const struct load *load, struct result *r)
{
  bool ok = true;

  r->connections = load->connections;
  r->least_done = UINT64_MAX;
  for (unsigned i = 0; i < load->connections; i++) {
    const struct client *c = &clients[i];

    if (c->error) {
      say(c);
      ok = false;
    }
    r->done += c->done;
    r->bytes += c->bytes;
    r->extents += c->extents;
    if (c->done < r->least_done)
      r->least_done = c->done;
    histogram_merge(&r->latency, &c->latency);
  }
  return ok;
}

static int
run_load(const struct load *load)
{
  struct client *clients = new_clients(load->connections, load);
  struct result *r = calloc(1, sizeof *r);
  bool ok = clients && r && open_clients(clients, load->connections) &&
            (!load->fill || fill(clients, load)) && measure(clients, load, r);

  if (ok) {
    ok = sum_up(clients, load, r);
    report_load(r, load->json);
  }
  close_clients(clients, load->connections);
  free(r);
  return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int
run_idle(const struct load *load)
{
  struct client *clients = new_clients(load->idle, load);
  long rss, threads, rss_after, threads_after;
  bool ok;

  stats_footprint(load->pid, &rss, &threads);
  ok = clients && open_clients(clients, load->idle);
  if (ok) {
    pause_for(IDLE_SECONDS);
    stats_footprint(load->pid, &rss_after, &threads_after);
    report_idle((double)(threads_after - threads) / load->idle,
                (double)(rss_after - rss) / load->idle, load->json);
  }
  close_clients(clients, load->idle);
  return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

int
main(int argc, char **argv)
{
  struct load load;
  struct rlimit files;

  switch (options_parse(argc, argv, &load)) {
  case OPTIONS_HELP:
    return EXIT_SUCCESS;
  case OPTIONS_WRONG:
    return EXIT_FAILURE;
  case OPTIONS_GO:
    break;
  }
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  return load.idle ? run_idle(&load) : run_load(&load);
}
