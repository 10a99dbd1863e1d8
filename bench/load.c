/* SPDX-License-Identifier: BSD-3-Clause */
/* A load generator for NBD servers: prints requests and bytes a second, the server's
 * CPU time for each request, and latencies.
 */
#include "config.h"

#include <dirent.h>
#include <getopt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../server/protocol.h"
#include "client.h"

static volatile bool stop;

static const struct {
  const char *name;
  unsigned command, read_percent;
} operations[] = {
    {"read", NBD_CMD_READ, 100},         {"write", NBD_CMD_WRITE, 0},
    {"mixed", NBD_CMD_READ, 70},         {"zero", NBD_CMD_WRITE_ZEROES, 0},
    {"trim", NBD_CMD_TRIM, 0},           {"flush", NBD_CMD_FLUSH, 0},
    {"status", NBD_CMD_BLOCK_STATUS, 0}, {"cache", NBD_CMD_CACHE, 0},
};

static const struct option options[] = {
    {"unix", required_argument, NULL, 'U'},
    {"tcp", required_argument, NULL, 'T'},
    {"export", required_argument, NULL, 'e'},
    {"op", required_argument, NULL, 'o'},
    {"block", required_argument, NULL, 'b'},
    {"depth", required_argument, NULL, 'd'},
    {"connections", required_argument, NULL, 'c'},
    {"seconds", required_argument, NULL, 's'},
    {"requests", required_argument, NULL, 'n'},
    {"range", required_argument, NULL, 'r'},
    {"sequential", no_argument, NULL, 'S'},
    {"form", required_argument, NULL, 'f'},
    {"pid", required_argument, NULL, 'p'},
    {"json", no_argument, NULL, 'j'},
    {"verify", no_argument, NULL, 'v'},
    {"idle", required_argument, NULL, 'I'},
    {"help", no_argument, NULL, 'h'},
    {0},
};

static const char usage[] =
    "Usage: load --unix SOCKET | --tcp HOST:PORT [OPTION...]\n"
    "  --op OP          read, write, mixed, zero, trim, flush, status, cache (read)\n"
    "  --block BYTES    length of each request (4096)\n"
    "  --depth N        requests in flight on each connection (32)\n"
    "  --connections N  (4)\n"
    "  --seconds S      how long (1); or --requests N of each connection\n"
    "  --range BYTES    touch only the beginning of the disk\n"
    "  --sequential     instead of random offsets\n"
    "  --form FORM      simple, structured (default) or extended\n"
    "  --export NAME    the export (the default one)\n"
    "  --pid PID        process of the server, to measure its CPU time\n"
    "  --verify         check that each block holds what was written\n"
    "  --idle N         open N idle connections instead, print what each costs\n"
    "  --json           one line of JSON\n";

/* CPU time of a process, threads that ended included. */
static double
cpu_seconds(pid_t pid)
{
  clockid_t clock;
  struct timespec ts;

  if (pid == 0 || clock_getcpuclockid(pid, &clock) != 0 ||
      clock_gettime(clock, &ts) != 0)
    return 0;
  return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static double
now(void)
{
  struct timespec ts;

  clock_gettime(CLOCK_MONOTONIC, &ts);
  return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void *
client_thread(void *arg)
{
  client_run(arg, &stop);
  return NULL;
}

static int
compare(const void *a, const void *b)
{
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

struct result {
  double seconds, server_cpu, client_cpu;
  uint64_t done, bytes;
  double latency_us[4]; /* 50, 90, 99, 99.9 % */
};

static void
find_latencies(struct client *clients, unsigned n, struct result *r)
{
  static const double at[] = {0.5, 0.9, 0.99, 0.999};
  uint64_t count = 0;
  uint32_t *all;

  for (unsigned i = 0; i < n; i++)
    count += clients[i].latencies;
  all = malloc((count ? count : 1) * sizeof *all);
  if (!all)
    return;
  count = 0;
  for (unsigned i = 0; i < n; i++) {
    memcpy(all + count, clients[i].latency_ns, clients[i].latencies * sizeof *all);
    count += clients[i].latencies;
  }
  qsort(all, count, sizeof *all, compare);
  for (unsigned i = 0; i < 4 && count > 0; i++)
    r->latency_us[i] = all[(size_t)((double)(count - 1) * at[i])] / 1e3;
  free(all);
}

static void
print_result(const struct result *r, bool json)
{
  double each = r->done ? 1e6 / (double)r->done : 0;
  double per_s = (double)r->done / r->seconds, mb = (double)r->bytes / r->seconds / 1e6;

  printf(
      json
          ? "{\"requests_per_s\": %.0f, \"mb_per_s\": %.1f, \"server_cpu_us\": %.4f, "
            "\"client_cpu_us\": %.4f, \"requests\": %llu, \"p50_us\": %.2f, "
            "\"p90_us\": %.2f, \"p99_us\": %.2f, \"p999_us\": %.2f}\n"
          : "%.0f requests/s, %.1f MB/s, server %.3f us CPU a request, client %.3f us, "
            "%llu requests\nlatency: median %.1f us, 90%% %.1f, 99%% %.1f, 99.9%% "
            "%.1f\n",
      per_s, mb, r->server_cpu * each, r->client_cpu * each,
      (unsigned long long)r->done, r->latency_us[0], r->latency_us[1], r->latency_us[2],
      r->latency_us[3]);
}

static int
run_load(const struct load *load, pid_t pid, bool json)
{
  struct client *clients = calloc(load->connections, sizeof *clients);
  pthread_t *threads = calloc(load->connections, sizeof *threads);
  struct result r = {0};
  double start;
  int status = 0;

  if (!clients || !threads)
    return 1;
  for (unsigned i = 0; i < load->connections; i++) {
    clients[i] = (struct client){.load = load, .number = i, .fd = -1};
    if (!client_open(&clients[i])) {
      fprintf(stderr, "load: %s\n", clients[i].error);
      return 1;
    }
  }
  start = now();
  r.server_cpu = -cpu_seconds(pid);
  r.client_cpu = -cpu_seconds(getpid());
  for (unsigned i = 0; i < load->connections; i++)
    pthread_create(&threads[i], NULL, client_thread, &clients[i]);
  if (load->requests == 0) {
    struct timespec ts = {
        (time_t)load->seconds,
        (long)((load->seconds - (double)(time_t)load->seconds) * 1e9)};
    nanosleep(&ts, NULL);
    stop = true;
  }
  for (unsigned i = 0; i < load->connections; i++)
    pthread_join(threads[i], NULL);
  r.seconds = now() - start;
  r.server_cpu += cpu_seconds(pid);
  r.client_cpu += cpu_seconds(getpid());
  for (unsigned i = 0; i < load->connections; i++) {
    if (clients[i].error) {
      fprintf(stderr, "load: %s\n", clients[i].error);
      status = 1;
    }
    r.done += clients[i].done;
    r.bytes += clients[i].bytes;
  }
  find_latencies(clients, load->connections, &r);
  for (unsigned i = 0; i < load->connections; i++) {
    close(clients[i].fd);
    free(clients[i].latency_ns);
  }
  free(clients);
  free(threads);
  print_result(&r, json);
  return status;
}

/* Resident bytes and threads of a process. */
static void
footprint(pid_t pid, long *rss, long *threads)
{
  char path[64], line[256];
  FILE *fp;

  *rss = *threads = 0;
  snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
  fp = fopen(path, "r");
  while (fp && fgets(line, sizeof line, fp)) {
    sscanf(line, "VmRSS: %ld", rss);
    sscanf(line, "Threads: %ld", threads);
  }
  if (fp)
    fclose(fp);
}

static int
run_idle(struct load *load, pid_t pid, unsigned count, bool json)
{
  struct client *clients = calloc(count, sizeof *clients);
  long rss, threads, rss_after, threads_after;

  footprint(pid, &rss, &threads);
  for (unsigned i = 0; i < count; i++) {
    clients[i] = (struct client){.load = load, .fd = -1};
    if (!client_open(&clients[i])) {
      fprintf(stderr, "load: %s after %u connections\n", clients[i].error, i);
      return 1;
    }
    free(clients[i].latency_ns);
  }
  sleep(2); /* servers give memory back after a while */
  footprint(pid, &rss_after, &threads_after);
  printf(json ? "{\"threads\": %.3f, \"kib\": %.2f}\n"
              : "%.3f threads and %.2f KiB for each connection\n",
         (double)(threads_after - threads) / count, (double)(rss_after - rss) / count);
  free(clients);
  return 0;
}

static bool
choose_operation(struct load *load, const char *name)
{
  for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++)
    if (strcmp(operations[i].name, name) == 0) {
      load->command = operations[i].command;
      load->read_percent = operations[i].read_percent;
      return true;
    }
  return false;
}

static bool
choose_form(struct load *load, const char *name)
{
  static const char *const forms[] = {"simple", "structured", "extended"};

  for (unsigned i = 0; i < 3; i++)
    if (strcmp(forms[i], name) == 0) {
      load->form = (enum form)i;
      return true;
    }
  return false;
}

static bool
split_address(struct load *load, char *text)
{
  char *colon = strrchr(text, ':');

  if (!colon)
    return false;
  *colon = '\0';
  load->host = text;
  load->port = colon + 1;
  return true;
}

int
main(int argc, char **argv)
{
  struct load load = {.export_name = "",
                      .form = FORM_STRUCTURED,
                      .read_percent = 100,
                      .block = 4096,
                      .depth = 32,
                      .connections = 4,
                      .seconds = 1};
  bool json = false, ok = true;
  unsigned idle = 0;
  pid_t pid = 0;
  int id;

  while (ok && (id = getopt_long(argc, argv, "", options, NULL)) != -1) {
    switch (id) {
    case 'U':
      load.unixsocket = optarg;
      break;
    case 'T':
      ok = split_address(&load, optarg);
      break;
    case 'e':
      load.export_name = optarg;
      break;
    case 'o':
      ok = choose_operation(&load, optarg);
      break;
    case 'b':
      load.block = (uint32_t)strtoul(optarg, NULL, 0);
      break;
    case 'd':
      load.depth = (unsigned)strtoul(optarg, NULL, 0);
      break;
    case 'c':
      load.connections = (unsigned)strtoul(optarg, NULL, 0);
      break;
    case 's':
      load.seconds = strtod(optarg, NULL);
      break;
    case 'n':
      load.requests = strtoull(optarg, NULL, 0);
      break;
    case 'r':
      load.range = strtoull(optarg, NULL, 0);
      break;
    case 'S':
      load.sequential = true;
      break;
    case 'f':
      ok = choose_form(&load, optarg);
      break;
    case 'p':
      pid = (pid_t)strtol(optarg, NULL, 0);
      break;
    case 'j':
      json = true;
      break;
    case 'v':
      load.verify = true;
      break;
    case 'I':
      idle = (unsigned)strtoul(optarg, NULL, 0);
      break;
    case 'h':
      fputs(usage, stdout);
      return 0;
    default:
      ok = false;
    }
  }
  if (!ok || optind < argc || (!load.unixsocket && !load.host) || load.block == 0 ||
      load.depth == 0 || load.connections == 0) {
    fputs(usage, stderr);
    return 1;
  }
  return idle ? run_idle(&load, pid, idle, json) : run_load(&load, pid, json);
}
